import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBuffer } from '../token-buffer.ts';
import { BpeEncoder } from './encoder.ts';
import { Merger } from './merger.ts';

const idOfByte = Int32Array.from({ length: 256 }, (_, byte) => byte);
const id = (letter: string) => letter.codePointAt(0)!;
const merger = new Merger(idOfByte, [
  { left: id('a'), right: id('b'), result: 300 },
  { left: 300, right: 300, result: 301 },
  { left: 0, right: 0, result: 302 },
]);

describe('the encoder of byte-level BPE', () => {
  it('gives what merging each word gives, however often its cache is emptied', () => {
    const word = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'b', '\0'), minLength: 1, maxLength: 12 }),
      fc.constantFrom('ab', 'abab', 'abababab', '\0', '\0\0', 'ab'.repeat(100)),
    );
    const limits = fc.record({ preTokens: fc.integer({ min: 1, max: 9 }), bytes: fc.nat(200) });
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), limits, (words, cacheLimits) => {
        const encoder = new BpeEncoder(merger, false, cacheLimits);
        const out = new TokenBuffer();
        const expected: number[] = [];
        for (const part of words.flatMap((text) => text.match(/\0+|[ab]+/g)!)) {
          const bytes = Buffer.from(part);
          // Each word is a text of its own, so that it is one pre-token.
          encoder.write(bytes, out);
          encoder.end(out);
          const count = merger.merge(bytes, 0, bytes.length);
          expected.push(...merger.ids.subarray(0, count));
        }
        expect([...out.view()]).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });
});
