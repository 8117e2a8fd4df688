import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { type ChoiceOptions, candidates, chooseToken } from './choose-token.ts';

const all: ChoiceOptions = { temperature: 1, topK: 0, topP: 1, greedy: false };
/** Scores whose softmax is these probabilities. */
const scores = (probabilities: number[]) => probabilities.map(Math.log);
const P = [0.1, 0.4, 0.05, 0.3, 0.15];

/** The candidates by id, probabilities adding up to 1. */
function distribution(logits: number[], options: Partial<ChoiceOptions>, banned?: number) {
  const { ids, probabilities } = candidates(logits, { ...all, ...options }, banned);
  const sum = probabilities.reduce((a, b) => a + b);
  return new Map(ids.map((id, i) => [id, probabilities[i]! / sum]));
}

function expectDistribution(found: Map<number, number>, expected: [number, number][]): void {
  expect([...found.keys()].sort()).toEqual(expected.map(([id]) => id).sort());
  for (const [id, probability] of expected) expect(found.get(id)).toBeCloseTo(probability, 12);
}

describe('the candidates', () => {
  it('are all tokens with their softmax probabilities', () => {
    expectDistribution(
      distribution(scores(P), {}),
      P.map((p, id) => [id, p]),
    );
  });

  it('with a temperature have probabilities in proportion to p^(1/T)', () => {
    const sum = P.reduce((total, p) => total + p ** 2, 0);
    expectDistribution(
      distribution(scores(P), { temperature: 0.5 }),
      P.map((p, id) => [id, p ** 2 / sum]),
    );
  });

  it('of top-k are the k of highest score', () => {
    expectDistribution(distribution(scores(P), { topK: 2 }), [
      [1, 4 / 7],
      [3, 3 / 7],
    ]);
    expect(distribution(scores(P), { topK: 99 }).size).toBe(5);
  });

  it('of top-p are the smallest likeliest set that reaches p', () => {
    expectDistribution(distribution(scores(P), { topP: 0.65 }), [
      [1, 4 / 7],
      [3, 3 / 7],
    ]);
    expect(distribution(scores(P), { topP: 0.75 }).size).toBe(3);
    expectDistribution(distribution(scores(P), { topP: 1e-9 }), [[1, 1]]);
  });

  it('of top-p after top-k add up over what top-k left', () => {
    // Of 4/7 and 3/7, one reaches 0.55; over all tokens it would have taken two.
    expectDistribution(distribution(scores(P), { topK: 2, topP: 0.55 }), [[1, 1]]);
  });

  it('of top-p are chosen after the temperature', () => {
    // At T = 0.5: 0.16, 0.09, 0.0225, 0.01, 0.0025 of 0.285; the first has 0.561.
    expect(distribution(scores(P), { topP: 0.5, temperature: 0.5 }).size).toBe(1);
    expect(distribution(scores(P), { topP: 0.5 }).size).toBe(2);
  });

  it('of equal scores are taken from the lower ids', () => {
    expect([...distribution([1, 2, 2, 2], { topK: 2 }).keys()]).toEqual([1, 2]);
    expect(candidates([1, 2, 2], { ...all, greedy: true }).ids).toEqual([1]);
  });

  it('never hold the banned id, whatever its score', () => {
    expectDistribution(distribution(scores(P), {}, 1), [
      [0, 0.1 / 0.6],
      [2, 0.05 / 0.6],
      [3, 0.3 / 0.6],
      [4, 0.15 / 0.6],
    ]);
    expect([...distribution(scores(P), { topK: 1 }, 1).keys()]).toEqual([3]);
    expect([...distribution(scores(P), { topP: 0.01 }, 1).keys()]).toEqual([3]);
    expect(candidates(scores(P), { ...all, greedy: true }, 1).ids).toEqual([3]);
  });

  it('of greedy is the one of highest score', () => {
    expect(candidates([-3, -1, -2], { ...all, greedy: true })).toEqual({
      ids: [1],
      probabilities: [1],
    });
  });

  it('stay finite for scores and temperatures far from 1', () => {
    expectDistribution(distribution([1000, 999, -1000], { temperature: 0.01 }), [
      [0, 1],
      [1, 0],
      [2, 0],
    ]);
  });
});

describe('the choice', () => {
  it('is as frequent as the probability says', () => {
    const random = new Random(42);
    const counts = [0, 0, 0, 0, 0];
    const draws = 20_000;
    for (let i = 0; i < draws; i++) counts[chooseToken(scores(P), all, random)]! += 1;
    // Four standard deviations of a binomial count.
    for (const [id, p] of P.entries()) {
      const deviation = Math.sqrt(draws * p * (1 - p));
      expect(Math.abs(counts[id]! - draws * p)).toBeLessThan(4 * deviation);
    }
  });

  it('is always one of the candidates, whatever the scores and options', () => {
    const options = fc.record({
      temperature: fc.double({ min: 0.01, max: 10, noNaN: true }),
      topK: fc.nat({ max: 8 }),
      topP: fc.double({ min: 1e-6, max: 1, noNaN: true }),
      greedy: fc.boolean(),
    });
    const logits = fc.array(fc.double({ min: -50, max: 50, noNaN: true }), {
      minLength: 2,
      maxLength: 8,
    });
    fc.assert(
      fc.property(
        logits,
        options,
        fc.nat(),
        fc.option(fc.nat({ max: 7 })),
        (l, o, seed, banned) => {
          const chosen = chooseToken(l, o, new Random(seed), banned ?? undefined);
          const { ids } = candidates(l, o, banned ?? undefined);
          expect(ids).toContain(chosen);
          expect(chosen).not.toBe(banned);
          if (o.topK > 0) expect(ids.length).toBeLessThanOrEqual(o.topK);
          const lowest = Math.min(...ids.map((id) => l[id]!));
          if (ids.length < l.length && (o.greedy || o.topK > 0 || o.topP < 1)) {
            const left = l.filter((_, id) => !ids.includes(id) && id !== banned);
            expect(left.every((score) => score <= lowest)).toBe(true);
          }
        },
      ),
    );
  });

  it('takes one random number, greedy or not, so that options do not shift what follows', () => {
    const [a, b] = [new Random(1), new Random(1)];
    chooseToken(scores(P), all, a);
    chooseToken(scores(P), { ...all, greedy: true }, b);
    expect(a.state()).toEqual(b.state());
  });
});

describe('a token chosen among all', () => {
  it('is the one that the candidates give for the same random number', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 2, maxLength: 40 }),
        fc.nat(),
        fc.constantFrom(0.3, 1, 2.5),
        fc.option(fc.nat({ max: 1 }), { nil: undefined }),
        (logits, seed, temperature, banned) => {
          const options = { ...all, temperature };
          const chosen = chooseToken(logits, options, new Random(seed), banned);
          const { ids, probabilities } = candidates(logits, options, banned);
          let left = new Random(seed).uniform() * probabilities.reduce((a, b) => a + b);
          const place = probabilities.findIndex((p) => {
            left -= p;
            return left < 0;
          });
          expect(chosen).toBe(ids.at(place));
        },
      ),
    );
  });
});
