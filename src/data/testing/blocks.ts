/** Bytes in pieces, as reading a file gives them. */

import type { Blocks } from '../text-blocks.ts';

/** `bytes` in blocks of these sizes in turn; each is overwritten when the next is asked for. */
export async function* cutBlocks(bytes: Uint8Array, ...sizes: number[]): Blocks {
  let start = 0;
  for (let i = 0; start < bytes.length; i += 1) {
    const end = start + (sizes[i % sizes.length] ?? bytes.length);
    const block = Buffer.from(bytes.subarray(start, end));
    yield block;
    block.fill(0xff);
    start = end;
  }
}

/** Copies of the pieces, each made before the next one is asked for. */
export async function collectPieces(pieces: AsyncIterable<Uint8Array>): Promise<Buffer[]> {
  const collected: Buffer[] = [];
  for await (const piece of pieces) {
    collected.push(Buffer.from(piece));
  }
  return collected;
}
