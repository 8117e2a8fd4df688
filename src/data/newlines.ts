/** Line ends, where all are to be line feeds. */

import type { Blocks } from './text-blocks.ts';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Makes every CRLF and lone CR of one text a line feed, however the text is cut. */
export async function* normalizeNewlines(pieces: Blocks): Blocks {
  // A CR that ends a piece waits for what follows.
  let held = false;
  for await (const piece of pieces) {
    if (!held && !piece.includes(CARRIAGE_RETURN)) {
      yield piece;
      continue;
    }
    const normalized = Buffer.allocUnsafe(piece.length + 1);
    let length = 0;
    if (held && piece[0] !== LINE_FEED) {
      normalized[length++] = LINE_FEED;
    }
    held = false;
    for (let i = 0; i < piece.length; i += 1) {
      const byte = piece[i]!;
      if (byte !== CARRIAGE_RETURN) {
        normalized[length++] = byte;
      } else if (i + 1 === piece.length) {
        held = true;
      } else if (piece[i + 1] !== LINE_FEED) {
        normalized[length++] = LINE_FEED;
      }
    }
    if (length > 0) {
      yield normalized.subarray(0, length);
    }
  }
  if (held) {
    yield Buffer.of(LINE_FEED);
  }
}

/** The same for a string. */
export function withLineFeeds(text: string): string {
  return text.replace(/\r\n?/g, '\n');
}
