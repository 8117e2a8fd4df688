import type { TextChunk, TextChunks } from '../text-chunk.ts';

/**
 * The documents in chunks of as many bytes, in turn, as `sizes` says, or up to three more so as to be
 * cut between characters; each is overwritten when the next is asked for.
 */
export async function* cutChunks(documents: readonly string[], ...sizes: number[]): TextChunks {
  let turn = 0;
  for (const document of documents) {
    const bytes = Buffer.from(document);
    for (let start = 0; start < bytes.length; ) {
      let end = Math.min(start + (sizes[turn % sizes.length] ?? bytes.length), bytes.length);
      while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80) {
        end += 1;
      }
      // At an odd place in memory, as a view of a larger block may be.
      const block = Buffer.concat([Buffer.alloc(1 + (turn % 7)), bytes.subarray(start, end)]);
      const chunk: TextChunk = {
        bytes: block.subarray(1 + (turn % 7)),
        startsDocument: start === 0,
      };
      yield chunk;
      block.fill(0xff);
      start = end;
      turn += 1;
    }
  }
}
