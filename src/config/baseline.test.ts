import { describe, expect, it } from 'vitest';
import { baselineOrderOf } from './baseline.ts';

describe('--baseline', () => {
  it('takes an order from 1 to 10, and 5 if none is given', () => {
    expect(['ngram', 'ngram:1', 'ngram:10'].map(baselineOrderOf)).toEqual([5, 1, 10]);
  });

  it.each(['ngram:0', 'ngram:11', 'ngram:', 'ngram:2.5', 'ngrams', 'unigram', 'ngram:-1'])(
    'does not take %s',
    (given) => {
      expect(() => baselineOrderOf(given)).toThrow(
        `--baseline: expected ngram, or ngram:N with N from 1 to 10, found ${given}`,
      );
    },
  );
});
