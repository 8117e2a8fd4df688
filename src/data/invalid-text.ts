/** Tells where bytes are no text, by decoding them once more. */

import { UserError } from '../errors.ts';
import type { Blocks } from './text-blocks.ts';
import { describeSource } from './text-files.ts';

/** At most so many bytes make a character, in any encoding that TextDecoder knows. */
const LONGEST_CHARACTER = 16;

/**
 * A decoder that gives the text that is certain after more bytes, or undefined if they are no text;
 * without bytes, the text ends.
 */
export function strictDecoder(encoding: string): (bytes?: Uint8Array) => string | undefined {
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
  return (bytes) => {
    try {
      // Bytes are always given as part of a stream: Node 20 decodes windows-1252 wrongly otherwise.
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch {
      return undefined;
    }
  };
}

/**
 * What is said of the file that `blocks` are read from, which is no text in `encoding`: it is up to
 * `offset`, but for the beginning of a character.
 */
export async function invalidText(
  blocks: Blocks,
  name: string,
  encoding: string,
  offset: number,
): Promise<UserError> {
  const found = await findInvalid(blocks, encoding, offset);
  const value = found.byte.toString(16).padStart(2, '0');
  const expected = encoding.startsWith('utf-') ? encoding.toUpperCase() : encoding;
  return new UserError(
    'corpus-encoding',
    `${describeSource(name)}: expected ${expected} text, found an invalid sequence at byte ` +
      `${found.offset} (0x${value}, line ${found.line})`,
    encoding === 'utf-8'
      ? 'Name its encoding with --encoding, such as --encoding windows-1252, or take any bytes as ' +
          'they are with --tokenizer byte.'
      : 'Name the encoding that it has with --encoding, or take any bytes as they are with ' +
          '--tokenizer byte and no --encoding.',
  );
}

/** Where bytes are no text. */
interface InvalidSequence {
  /** Of its first byte, in the unpacked file. */
  readonly offset: number;
  readonly byte: number;
  /** Counted from 1. */
  readonly line: number;
}

/** Finds the first invalid sequence by decoding again, byte by byte from near `offset` on. */
async function findInvalid(
  blocks: Blocks,
  encoding: string,
  offset: number,
): Promise<InvalidSequence> {
  const decode = strictDecoder(encoding);
  const slowFrom = offset - LONGEST_CHARACTER;
  let position = 0;
  let line = 1;
  let sequence: number[] = [];
  const found = () => ({ offset: position - sequence.length, byte: sequence[0] ?? 0, line });
  for await (const block of blocks) {
    const fast = Math.max(0, Math.min(block.length, slowFrom - position));
    line += countLineFeeds(decode(block.subarray(0, fast)) ?? '');
    position += fast;
    for (let i = fast; i < block.length; i += 1) {
      sequence.push(block[i]!);
      position += 1;
      const text = decode(block.subarray(i, i + 1));
      if (text === undefined) {
        return found();
      }
      if (text !== '') {
        sequence = [];
        line += countLineFeeds(text);
      }
    }
  }
  return found();
}

function countLineFeeds(text: string): number {
  let count = 0;
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) {
    count += 1;
  }
  return count;
}
