import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenArray } from '../data/token-sequence.ts';
import { Random } from '../random.ts';
import {
  contextClassCount,
  discountsOf,
  NgramCursor,
  type NgramModel,
  scoreTokensByNgram,
  trainNgram,
} from './ngram.ts';

interface Golden {
  vocabularySize: number;
  train: number[];
  heldOut: number[];
  cases: { order: number; discounts: number[][]; probabilities: number[] }[];
}

const golden = JSON.parse(
  readFileSync(new URL('fixtures/ngram.json', import.meta.url), 'utf8'),
) as Golden;

function tokens(ids: ArrayLike<number>): TokenArray {
  return new TokenArray(Int32Array.from(ids));
}

function train(ids: ArrayLike<number>, order: number, vocabularySize: number): Promise<NgramModel> {
  return trainNgram(tokens(ids), { order, vocabularySize });
}

/** p(token | context). */
function probability(model: NgramModel, context: readonly number[], token: number): number {
  const cursor = new NgramCursor(model);
  for (const id of context) cursor.advance(id);
  return cursor.advance(token);
}

describe('discounts', () => {
  it('follow from counts of counts', () => {
    // Y = 10 / (10 + 2 · 5) = 1/2; D = 1 − 2·½·5/10, 2 − 3·½·2/5, 3 − 4·½·1/2
    expect(discountsOf([10, 5, 2, 1])).toEqual([0.5, 1.4, 2]);
  });

  it('need no n-gram that counts four', () => {
    expect(discountsOf([10, 5, 2, 0])).toEqual([0.5, 1.4, 3]);
  });

  it('fall back where there are too few counts, or counts that no such law has', () => {
    for (const counts of [
      [0, 5, 2, 1],
      [10, 0, 2, 1],
      [10, 5, 0, 1],
      [10, 5, 20, 9], // D₂ would be 2 − 3·½·20/5 = −4
    ]) {
      expect(discountsOf(counts)).toEqual([0.5, 1, 1.5]);
    }
  });
});

describe('probabilities by hand', () => {
  it('of the text a b a b a c, by bigrams of a vocabulary of four', async () => {
    const [a, b, c, d] = [0, 1, 2, 3] as const;
    const model = await train([a, b, a, b, a, c], 2, 4);
    // Bigrams ab 2, ba 2, ac 1; before a stands b, before b a, before c a: each counts 1 of 3.
    // All discounts are 0.5, 1, 1.5; p₁ of a seen token is 0.5/3 + (1.5/3)/4, of an unseen one 0.125.
    const seen = 1 / 6 + 1 / 8;
    expect(probability(model, [], a)).toBeCloseTo(seen, 14);
    expect(probability(model, [], d)).toBeCloseTo(1 / 8, 14);
    // After a: 3 bigrams, ab less 1, ac less 0.5; γ = 1.5/3.
    expect(probability(model, [a], b)).toBeCloseTo(1 / 3 + seen / 2, 14);
    expect(probability(model, [a], c)).toBeCloseTo(0.5 / 3 + seen / 2, 14);
    expect(probability(model, [a], d)).toBeCloseTo(1 / 16, 14);
    // After b: 2 bigrams, ba less 1; γ = 1/2.
    expect(probability(model, [c, b], a)).toBeCloseTo(1 / 2 + seen / 2, 14);
    // Nothing follows c, and d is nowhere.
    expect(probability(model, [c], a)).toBeCloseTo(seen, 14);
    expect(probability(model, [d], d)).toBeCloseTo(1 / 8, 14);
  });

  it('of unigrams are discounted relative frequencies, whatever comes before', async () => {
    const model = await train([0, 0, 0, 0, 1, 1, 2], 1, 5);
    // Less 1.5, 1 and 0.5: γ = 3/7.
    for (const context of [[], [0], [4, 1]]) {
      expect(probability(model, context, 0)).toBeCloseTo(2.5 / 7 + 3 / 35, 14);
      expect(probability(model, context, 1)).toBeCloseTo(1 / 7 + 3 / 35, 14);
      expect(probability(model, context, 2)).toBeCloseTo(0.5 / 7 + 3 / 35, 14);
      expect(probability(model, context, 4)).toBeCloseTo(3 / 35, 14);
    }
  });

  it('are those of the order below after a context that the training text lacks', async () => {
    const { train: ids, vocabularySize } = golden;
    const model = await train(ids, 3, vocabularySize);
    const unseen = vocabularySize - 1;
    for (let token = 0; token < vocabularySize; token++) {
      const after = probability(model, [unseen, 3], token);
      expect(after).toBe(probability(model, [3], token));
    }
  });
});

describe('a golden in exact fractions', () => {
  it.each(golden.cases)('has the same discounts and probabilities at order $order', async (own) => {
    const model = await train(golden.train, own.order, golden.vocabularySize);
    for (const [i, { discounts }] of model.orders.entries()) {
      for (const [j, discount] of discounts.entries()) {
        expect(discount).toBeCloseTo(own.discounts[i]![j]!, 12);
      }
    }
    const cursor = new NgramCursor(model);
    for (const [i, id] of golden.heldOut.entries()) {
      expect(Math.abs(cursor.advance(id) / own.probabilities[i]! - 1)).toBeLessThan(1e-11);
    }
  });

  it('has orders with discounts from counts, and one that falls back', () => {
    const all = golden.cases.flatMap(({ discounts }) => discounts.map((three) => three[2]));
    expect(all).toContain(1.5);
    expect(all.some((discount) => discount !== 1.5)).toBe(true);
  });
});

describe('any model', () => {
  it('gives probabilities above 0 that sum to 1 after any context', async () => {
    const cases = fc.integer({ min: 1, max: 6 }).chain((vocabularySize) => {
      const id = fc.nat(vocabularySize - 1);
      return fc.record({
        vocabularySize: fc.constant(vocabularySize + 1), // one token that never occurs
        ids: fc.array(id, { minLength: 1, maxLength: 120 }),
        context: fc.array(fc.nat(vocabularySize), { maxLength: 8 }),
        order: fc.integer({ min: 1, max: 6 }),
      });
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ vocabularySize, ids, context, order }) => {
        const model = await train(ids, order, vocabularySize);
        // Contexts of the text too, which random ones rarely are.
        for (const before of [context, ids, ids.slice(0, -1)]) {
          const all = Array.from({ length: vocabularySize }, (_, id) =>
            probability(model, before, id),
          );
          expect(Math.min(...all)).toBeGreaterThan(0);
          expect(all.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('counts as one with maps does, over tables that had to grow', async () => {
    const random = new Random(5);
    const ids = Int32Array.from({ length: 70_000 }, () => random.integer(40) ** 2 % 97);
    const { orders } = await train(ids, 3, 97);
    const trigrams = new Map<string, number>();
    for (let i = 2; i < ids.length; i++) {
      const key = `${ids[i - 2]},${ids[i - 1]},${ids[i]}`;
      trigrams.set(key, (trigrams.get(key) ?? 0) + 1);
    }
    const { grams } = orders[2]!;
    expect(grams.size).toBe(trigrams.size);
    expect(grams.size).toBeGreaterThan(4096);
    const sorted = (counts: Iterable<number>) => [...counts].sort((a, b) => a - b);
    expect(sorted(grams.counts.subarray(0, grams.size))).toEqual(sorted(trigrams.values()));
  });
});

describe('the class of a context', () => {
  it('is how much of it was learned from, and how often, whatever comes next', async () => {
    const model = await train([...new Array<number>(70).fill(0), 1, 2, 1], 2, 4);
    const classAfter = (...ids: number[]) => {
      const cursor = new NgramCursor(model);
      for (const id of ids) cursor.advance(id);
      return cursor.contextClass;
    };
    const [unigrams, bigrams] = [0, contextClassCount(model) / 2];
    // Different tokens before another: 00, 10, 21 and 12 are 4 = 4¹ bigrams.
    expect(classAfter()).toBe(unigrams + 1);
    expect(classAfter(3)).toBe(unigrams + 1);
    expect(classAfter(0)).toBe(bigrams + 3); // 70 tokens follow a 0: 4³ and more
    expect(classAfter(3, 1)).toBe(bigrams); // a 2
  });
});

describe('scoring a text', () => {
  it('gives the loss of every token but the first, in order, over more than a block', async () => {
    const { train: ids, vocabularySize } = golden;
    const model = await train(ids, 3, vocabularySize);
    const random = new Random(3);
    const text = Int32Array.from({ length: 40_000 }, () => random.integer(vocabularySize));
    const losses: number[] = [];
    await scoreTokensByNgram(model, tokens(text), {
      onLosses: (scored) => {
        expect(scored.start).toBe(losses.length + 1);
        expect(scored.targets).toEqual(
          text.slice(scored.start, scored.start + scored.losses.length),
        );
        losses.push(...scored.losses);
      },
    });
    const cursor = new NgramCursor(model);
    const expected = Array.from(text, (id) => Math.fround(-Math.log(cursor.advance(id))));
    expect(losses).toEqual(expected.slice(1));
  });

  it('ends when it is told to, and so does training', async () => {
    const ids = tokens(golden.train);
    const options = { order: 2, vocabularySize: golden.vocabularySize };
    const model = await trainNgram(ids, options);
    for (const work of [
      (signal: AbortSignal, onProgress: () => void) =>
        trainNgram(ids, { ...options, signal, onProgress }),
      (signal: AbortSignal, onProgress: () => void) =>
        scoreTokensByNgram(model, ids, { onLosses: () => {}, signal, onProgress }),
    ]) {
      const controller = new AbortController();
      const stop = () => controller.abort(new Error('enough'));
      await expect(work(controller.signal, stop)).rejects.toThrow('enough');
    }
  });
});

it('refuses a text with more n-grams than memory is meant to hold', async () => {
  const options = { order: 3, vocabularySize: golden.vocabularySize, mostGrams: 200 };
  await expect(trainNgram(tokens(golden.train), options)).rejects.toMatchObject({
    code: 'baseline-too-large',
    message: 'expected at most 200 different 3-grams in the training text, found more',
    hint: 'Give a lower order, such as --baseline ngram:2.',
  });
});
