import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Merge } from './learn-merges.ts';
import { Merger } from './merger.ts';
import { LONGEST_PRE_TOKEN } from './pre-tokenizer.ts';

const idOfByte = Int32Array.from({ length: 256 }, (_, byte) => 255 - byte);

/** Merges of ids that may each be made of earlier results: what a and b stand for is drawn. */
const merges = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 40 }).map((draws) => {
  const ids = [...Buffer.from('abc')].map((byte) => idOfByte[byte]!);
  const found = new Map<string, Merge>();
  for (const [a, b] of draws) {
    const left = ids[a % ids.length]!;
    const right = ids[b % ids.length]!;
    const result = 256 + found.size;
    if (!found.has(`${left} ${right}`)) {
      found.set(`${left} ${right}`, { left, right, result });
      ids.push(result);
    }
  }
  return [...found.values()];
});

/** One merge at a time: the first that applies, at the leftmost place. */
function mergeSlowly(bytes: Uint8Array, all: readonly Merge[]): number[] {
  const ids = Array.from(bytes, (byte) => idOfByte[byte]!);
  for (;;) {
    const isAt = (merge: Merge) => (_: number, i: number) =>
      ids[i] === merge.left && ids[i + 1] === merge.right;
    const merge = all.find((candidate) => ids.some(isAt(candidate)));
    if (merge === undefined) {
      return ids;
    }
    ids.splice(ids.findIndex(isAt(merge)), 2, merge.result);
  }
}

describe('the merger', () => {
  it('merges what was learned first, leftmost first, in short and in long pre-tokens', () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 20 }),
      fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd'), minLength: 60, maxLength: 200 }),
    );
    fc.assert(
      fc.property(merges, text, (all, word) => {
        const merger = new Merger(idOfByte, all);
        const bytes = Buffer.from(`..${word}..`);
        const count = merger.merge(bytes, 2, bytes.length - 2);
        expect([...merger.ids.subarray(0, count)]).toEqual(mergeSlowly(Buffer.from(word), all));
      }),
      { numRuns: 300 },
    );
  });

  it('takes the longest pre-token there is', () => {
    const a = idOfByte[0x61]!;
    const doubling = Array.from({ length: 14 }, (_, i) => {
      const part = i === 0 ? a : 255 + i;
      return { left: part, right: part, result: 256 + i };
    });
    const merger = new Merger(idOfByte, doubling);
    const bytes = Buffer.alloc(LONGEST_PRE_TOKEN, 'a');
    expect(merger.merge(bytes, 0, bytes.length)).toBe(1);
    expect(merger.ids[0]).toBe(256 + 13);
    expect(merger.merge(bytes, 0, bytes.length - 1)).toBe(14);
  });
});
