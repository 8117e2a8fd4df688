import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { UserError } from '../errors.ts';
import { countAtLeast, mostFrequent, selectTokens } from './vocabulary.ts';

const counts = fc
  .array(fc.nat(6), { maxLength: 50 })
  .map((numbers) => Float64Array.from(numbers, (number) => (number > 5 ? 2 ** 40 : number)));

describe('the choice of a vocabulary', () => {
  it('is that of sorting by count and then by index', () => {
    fc.assert(
      fc.property(
        counts,
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 4 }),
        (all, limit, minCount) => {
          const sorted = [...all.keys()]
            .filter((index) => all[index]! >= minCount)
            .sort((a, b) => all[b]! - all[a]! || a - b);
          const kept = sorted.slice(0, limit);
          expect(countAtLeast(minCount, all)).toBe(sorted.length);
          expect([...mostFrequent(all, limit, minCount)]).toEqual(kept.toSorted((a, b) => a - b));
          fc.pre(kept.length > 0);
          expect([...selectTokens(all, { vocabularySize: limit + 3, minCount }, 3)]).toEqual(kept);
        },
      ),
    );
  });

  it('never falls on what does not occur', () => {
    expect([...selectTokens(Float64Array.of(0, 1, 0), { minCount: 0 }, 1)]).toEqual([1]);
    expect(() => selectTokens(new Float64Array(3), {}, 1)).toThrow('found none');
  });

  it('says whether a lower count would find tokens, or only another text', () => {
    const refusal = (counts: Float64Array, minCount: number) => {
      try {
        return selectTokens(counts, { minCount }, 1);
      } catch (error) {
        const { code, message, hint } = error as UserError;
        return { code, message, hint };
      }
    };
    expect(refusal(Float64Array.of(2, 1), 3)).toEqual({
      code: 'corpus-too-short',
      message: 'expected tokens that occur at least 3 times, found none in the training text',
      hint: 'Give --min-count a smaller number, or train on more text.',
    });
    for (const minCount of [1, 3]) {
      expect(refusal(new Float64Array(2), minCount)).toEqual({
        code: 'corpus-too-short',
        message: 'expected words, found none in the training text',
        hint: 'Name a text that has words, or take another --tokenizer.',
      });
    }
  });
});
