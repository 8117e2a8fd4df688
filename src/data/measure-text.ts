/** How much text there is, counted as fast as it can be read. */

import { isAscii } from 'node:buffer';
import type { TextChunks } from './text-chunk.ts';

export interface TextMeasure {
  /** Code points. */
  readonly characters: number;
  readonly bytes: number;
  readonly documents: number;
}

/** Reads a text to its end. Of raw bytes that are no UTF-8, the number of characters means nothing. */
export async function measureText(chunks: TextChunks): Promise<TextMeasure> {
  const measure = { characters: 0, bytes: 0, documents: 0 };
  for await (const { bytes, startsDocument } of chunks) {
    measure.characters += countCharacters(bytes);
    measure.bytes += bytes.length;
    measure.documents += startsDocument ? 1 : 0;
  }
  return measure;
}

/** The number of code points of UTF-8 that is cut between characters: of bytes that continue none. */
export function countCharacters(bytes: Uint8Array): number {
  return isAscii(bytes) ? bytes.length : bytes.length - countContinuations(bytes);
}

/** Continuation bytes are those of the form 10xxxxxx; they are counted four at a time. */
function countContinuations(bytes: Uint8Array): number {
  const unaligned = -bytes.byteOffset & 3;
  const wordCount = Math.max(0, (bytes.length - unaligned) >> 2);
  const words =
    wordCount === 0
      ? new Int32Array()
      : new Int32Array(bytes.buffer, bytes.byteOffset + unaligned, wordCount);
  let count = 0;
  for (let i = 0; i < wordCount; ) {
    // Four counts in one number, a byte each: none of them overflows in 255 words.
    const end = Math.min(i + 255, wordCount);
    let counts = 0;
    for (; i < end; i += 1) {
      const word = words[i]!;
      counts += (word >>> 7) & ~(word >>> 6) & 0x01010101;
    }
    count += (counts & 0xff) + ((counts >>> 8) & 0xff) + ((counts >>> 16) & 0xff) + (counts >>> 24);
  }
  const rests = [bytes.subarray(0, unaligned), bytes.subarray(unaligned + 4 * wordCount)];
  for (const rest of rests) {
    for (const byte of rest) {
      count += isContinuation(byte) ? 1 : 0;
    }
  }
  return count;
}

/** Whether a byte of UTF-8 goes on with a character. */
export function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
