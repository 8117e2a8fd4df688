import { describe, expect, it } from 'vitest';
import { TokenBuffer } from '../token-buffer.ts';
import { BlockEncoder } from './block-encoder.ts';

/** The blocks of texts that come `size` bytes at a time. */
function blocksOf(documents: readonly string[], size: number): string[] {
  const blocks: string[] = [];
  const out = new TokenBuffer();
  const encoder = new BlockEncoder(12, (text) => {
    blocks.push(text);
    return [text.length];
  });
  for (const document of documents) {
    const bytes = Buffer.from(document);
    for (let start = 0; start < bytes.length; start += size) {
      encoder.write(bytes.subarray(start, start + size), out);
    }
    encoder.end(out);
  }
  expect([...out.view()]).toEqual(blocks.map((text) => text.length));
  return blocks;
}

describe('the block encoder', () => {
  it.each([
    ['short documents whole', ['a b\nc', '', 'exactly 12 b'], ['a b\nc', 'exactly 12 b']],
    ['at the last line end', ['ab\ncd\nef gh ij kl'], ['ab\ncd\n', 'ef gh ij kl']],
    ['at white space', ['aaaaa bbbbb ccccc'], ['aaaaa bbbbb ', 'ccccc']],
    ['between characters', ['x世界世界世界'], ['x世界世', '界世界']],
    ['between long characters', ['😀😀😀😀😀é'], ['😀😀😀', '😀😀é']],
  ])('cuts %s, however they come', (_, documents, blocks) => {
    for (const size of [1, 2, 5, 100]) {
      expect(blocksOf(documents, size)).toEqual(blocks);
    }
  });
});
