/** Text that is read once, as it comes, such as standard input that another program still writes. */
import type { Readable } from 'node:stream';
import { UserError } from '../errors.ts';
import { normalizeNewlines } from './newlines.ts';
import { type Blocks, unpackGzip } from './text-blocks.ts';
import type { TextChunks } from './text-chunk.ts';
import { canonicalEncoding, decodeText } from './text-decoder.ts';
import { describeSource, readFailure } from './text-files.ts';
import type { TextOptions } from './text-source.ts';

/**
 * The text of `stream`, one document, unpacked if it is gzip; a stream without text is a text without
 * chunks. Nothing of it is kept.
 *
 * Throws a UserError `corpus-encoding` for what is no text, `corpus-unreadable` for what cannot be read,
 * and `usage` for an unknown encoding.
 *
 * @param name what messages call it; `-` is standard input
 */
export async function* streamText(
  stream: Readable,
  name: string,
  { encoding, newlines = 'keep', raw = false }: Omit<TextOptions, 'textField'>,
): TextChunks {
  const known = encoding === undefined ? undefined : canonicalEncoding(encoding);
  let isRead = false;
  const open = () => {
    // It is opened again to find the place of what is no text: that is gone.
    if (isRead) throw notText(name, known);
    isRead = true;
    return readStream(stream, name);
  };
  const text = raw && known === undefined ? open() : decodeText(open, name, known);
  let startsDocument = true;
  for await (const bytes of newlines === 'lf' ? normalizeNewlines(text) : text) {
    yield { bytes, startsDocument };
    startsDocument = false;
  }
}

async function* readStream(stream: Readable, name: string): Blocks {
  const blocks = blocksOf(stream, name);
  const { value: first, done } = await blocks.next();
  if (done) return;
  const isPacked = first[0] === 0x1f && first[1] === 0x8b;
  const all = continued(first, blocks);
  yield* isPacked ? unpackGzip(all, name) : all;
}

async function* blocksOf(stream: Readable, name: string): Blocks {
  try {
    for await (const block of stream) {
      yield typeof block === 'string' ? Buffer.from(block) : (block as Buffer);
    }
  } catch (error) {
    throw stream.errored === error ? readFailure(name, error) : error;
  }
}

async function* continued(first: Buffer, blocks: Blocks): Blocks {
  yield first;
  yield* blocks;
}

function notText(name: string, encoding = 'utf-8'): UserError {
  const expected = encoding.startsWith('utf-') ? encoding.toUpperCase() : encoding;
  return new UserError(
    'corpus-encoding',
    `${describeSource(name)}: expected ${expected} text, found bytes that are none`,
    'Name its encoding with --encoding, or give a file with --text FILE to hear where they are.',
  );
}
