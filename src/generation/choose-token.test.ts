import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { type ChoiceOptions, TokenChooser } from './choose-token.ts';
import { RecentTokens } from './recent-tokens.ts';

const all: ChoiceOptions = { temperature: 1, topK: 0, topP: 1, greedy: false };
/** Logarithms of these probabilities, as a model gives them. */
const logs = (probabilities: readonly number[]) => probabilities.map(Math.log);
const P = [0.1, 0.4, 0.05, 0.3, 0.15];

function recentOf(...ids: number[]): RecentTokens {
  const recent = new RecentTokens(10);
  for (const id of ids) recent.push(id);
  return recent;
}

/** The candidates by id. */
function distribution(
  logProbabilities: number[],
  options: Partial<ChoiceOptions>,
  { banned, recent }: { banned?: number; recent?: RecentTokens } = {},
) {
  const chooser = new TokenChooser({ ...all, ...options }, banned);
  const { ids, probabilities } = chooser.candidates(logProbabilities, recent);
  return new Map(ids.map((id, i) => [id, probabilities[i]!]));
}

function expectDistribution(found: Map<number, number>, expected: [number, number][]): void {
  expect([...found.keys()]).toEqual(expected.map(([id]) => id));
  for (const [id, probability] of expected) expect(found.get(id)).toBeCloseTo(probability, 12);
}

const idsOf = (...args: Parameters<typeof distribution>) => [...distribution(...args).keys()];

describe('the candidates', () => {
  it('are all tokens with their probabilities', () => {
    expectDistribution(
      distribution(logs(P), {}),
      P.map((p, id) => [id, p]),
    );
  });

  it('with a temperature have probabilities in proportion to p^(1/T)', () => {
    const sum = P.reduce((total, p) => total + p ** 2, 0);
    expectDistribution(
      distribution(logs(P), { temperature: 0.5 }),
      P.map((p, id) => [id, p ** 2 / sum]),
    );
  });

  it('of equal scores are taken from the lower ids', () => {
    expect(idsOf([1, 2, 2, 2], { topK: 2 })).toEqual([1, 2]);
    expect(idsOf([1, 2, 2], { greedy: true })).toEqual([1]);
  });

  it('never hold the banned id, whatever its score', () => {
    expectDistribution(distribution(logs(P), {}, { banned: 1 }), [
      [0, 0.1 / 0.6],
      [2, 0.05 / 0.6],
      [3, 0.3 / 0.6],
      [4, 0.15 / 0.6],
    ]);
    for (const options of [{ topK: 1 }, { topP: 0.01 }, { greedy: true }, { minP: 1 }]) {
      expect(idsOf(logs(P), options, { banned: 1 })).toEqual([3]);
    }
  });

  it('of greedy is the one of highest score', () => {
    expectDistribution(distribution([-3, -1, -2], { greedy: true }), [[1, 1]]);
  });

  it('stay finite for scores and temperatures far from 1', () => {
    expectDistribution(distribution([1000, 999, -1000], { temperature: 0.01 }), [
      [0, 1],
      [1, 0],
      [2, 0],
    ]);
  });
});

describe('top-k', () => {
  it('leaves the k of highest score', () => {
    expectDistribution(distribution(logs(P), { topK: 2 }), [
      [1, 4 / 7],
      [3, 3 / 7],
    ]);
    expect(distribution(logs(P), { topK: 99 }).size).toBe(5);
  });
});

describe('top-p', () => {
  it('leaves the smallest likeliest set that reaches p', () => {
    expectDistribution(distribution(logs(P), { topP: 0.65 }), [
      [1, 4 / 7],
      [3, 3 / 7],
    ]);
    expect(distribution(logs(P), { topP: 0.75 }).size).toBe(3);
    expectDistribution(distribution(logs(P), { topP: 1e-9 }), [[1, 1]]);
  });

  it('comes after top-k, and adds up over what that left', () => {
    // Of 4/7 and 3/7, one reaches 0.55; over all tokens it would have taken two.
    expectDistribution(distribution(logs(P), { topK: 2, topP: 0.55 }), [[1, 1]]);
  });

  it('comes after the temperature', () => {
    // At T = 0.5: 0.16, 0.09, 0.0225, 0.01, 0.0025 of 0.285; the first has 0.561.
    expect(distribution(logs(P), { topP: 0.5, temperature: 0.5 }).size).toBe(1);
    expect(distribution(logs(P), { topP: 0.5 }).size).toBe(2);
  });
});

describe('min-p', () => {
  it('leaves the tokens with a share of the likeliest one’s probability', () => {
    // 0.3 · 0.4 = 0.12 and 0.5 · 0.4 = 0.2.
    expectDistribution(distribution(logs(P), { minP: 0.3 }), [
      [1, 0.4 / 0.85],
      [3, 0.3 / 0.85],
      [4, 0.15 / 0.85],
    ]);
    expect(idsOf(logs(P), { minP: 0.5 })).toEqual([1, 3]);
    expect(idsOf(logs(P), { minP: 1 })).toEqual([1]);
  });

  it('comes after the temperature and after top-p', () => {
    // At T = 0.5 the second has 9/16 of the first's probability, the third 9/64.
    expect(idsOf(logs(P), { minP: 0.2, temperature: 0.5 })).toEqual([1, 3]);
    // 0.4 + 0.3 + 0.15 reach 0.8. Had min-p left 0.85 of it all, 0.7 would have reached 0.68.
    expect(idsOf(logs(P), { topP: 0.8, minP: 0.3 })).toEqual([1, 3, 4]);
  });
});

describe('typical', () => {
  it('leaves the smallest set of tokens nearest to the entropy that reaches its share', () => {
    // H = 1.3923; |H + ln p| is 0.9103, 0.4760, 1.6034, 0.1883, 0.5048: in order 3, 1, 4, 0, 2.
    expectDistribution(distribution(logs(P), { typical: 0.25 }), [[3, 1]]);
    expectDistribution(distribution(logs(P), { typical: 0.5 }), [
      [1, 4 / 7],
      [3, 3 / 7],
    ]);
    expect(idsOf(logs(P), { typical: 0.8 })).toEqual([1, 3, 4]);
    expect(idsOf(logs(P), { typical: 0.9 })).toEqual([0, 1, 3, 4]);
  });

  it('can leave out the likeliest token', () => {
    const peaked = [0.6, 0.1, 0.1, 0.1, 0.1];
    // H = 0.6 · 0.5108 + 0.4 · 2.3026 = 1.2275; the distances are 0.7167 and 1.0751.
    expect(idsOf(logs(peaked), { typical: 0.5 })).toEqual([0]);
    const flatter = [0.3, 0.14, 0.14, 0.14, 0.14, 0.14];
    // H = 0.3612 + 0.7 · 1.9661 = 1.7375; the distances are 0.5335 and 0.2286.
    expect(idsOf(logs(flatter), { typical: 0.4 })).toEqual([1, 2, 3]);
  });

  it('comes after the other filters, and looks at the entropy of what they left', () => {
    // Of 4/7 and 3/7, H = 0.6829: the distances are 0.1233 and 0.1644. Over all, token 3 is the nearest.
    expect(idsOf(logs(P), { topK: 2, typical: 0.5 })).toEqual([1]);
  });
});

describe('a repetition penalty', () => {
  it('raises the probabilities of recent tokens to its power', () => {
    expectDistribution(
      distribution(logs(P), { repetitionPenalty: 2 }, { recent: recentOf(1, 1) }),
      [
        [0, 0.1 / 0.76],
        [1, 0.16 / 0.76],
        [2, 0.05 / 0.76],
        [3, 0.3 / 0.76],
        [4, 0.15 / 0.76],
      ],
    );
    const half = distribution(logs(P), { repetitionPenalty: 0.5 }, { recent: recentOf(2) });
    expect(half.get(2)! / half.get(0)!).toBeCloseTo(Math.sqrt(0.05) / 0.1, 12);
  });

  it('never makes a recent token likelier, nor another one less likely', () => {
    const probabilities = fc.array(fc.double({ min: 1e-6, max: 1, noNaN: true }), {
      minLength: 2,
      maxLength: 8,
    });
    fc.assert(
      fc.property(
        probabilities,
        fc.nat({ max: 1 }),
        fc.double({ min: 1, max: 9, noNaN: true }),
        (w, id, penalty) => {
          const sum = w.reduce((a, b) => a + b);
          const before = w.map((weight) => weight / sum);
          const after = distribution(
            logs(before),
            { repetitionPenalty: penalty },
            { recent: recentOf(id) },
          );
          for (const [other, p] of before.entries()) {
            if (other === id) expect(after.get(other)!).toBeLessThanOrEqual(p + 1e-12);
            else expect(after.get(other)!).toBeGreaterThanOrEqual(p - 1e-12);
          }
        },
      ),
    );
  });

  it('counts for greedy choices', () => {
    const options = { greedy: true, repetitionPenalty: 2 };
    expect(idsOf(logs(P), options, { recent: recentOf(1) })).toEqual([3]);
  });
});

describe('biases', () => {
  it('are added to the logarithms of probabilities', () => {
    expectDistribution(distribution(logs(P), { bias: new Map([[0, Math.log(2)]]) }), [
      [0, 0.2 / 1.1],
      [1, 0.4 / 1.1],
      [2, 0.05 / 1.1],
      [3, 0.3 / 1.1],
      [4, 0.15 / 1.1],
    ]);
    const bias = new Map([[1, Number.NEGATIVE_INFINITY]]);
    expect(idsOf(logs(P), { bias })).toEqual([0, 2, 3, 4]);
    expect(idsOf(logs(P), { bias, greedy: true })).toEqual([3]);
  });

  it('come after the repetition penalty and before the temperature', () => {
    const bias = new Map([[1, Math.log(3)]]);
    const options = { bias, repetitionPenalty: 2, temperature: 0.5 };
    const found = distribution(logs(P), options, { recent: recentOf(1) });
    expect(found.get(1)! / found.get(0)!).toBeCloseTo((0.4 ** 2 * 3) ** 2 / 0.1 ** 2, 9);
  });
});

const someOptions = fc.record({
  temperature: fc.double({ min: 0.01, max: 10, noNaN: true }),
  topK: fc.nat({ max: 8 }),
  topP: fc.double({ min: 1e-6, max: 1, noNaN: true }),
  minP: fc.double({ min: 0, max: 1, noNaN: true }),
  typical: fc.double({ min: 1e-6, max: 1, noNaN: true }),
  greedy: fc.boolean(),
});
const someScores = fc.array(fc.double({ min: -50, max: 0, noNaN: true }), {
  minLength: 2,
  maxLength: 8,
});

describe('each filter by itself', () => {
  /** Whether `kept` is a smallest set, by `keys`, of at least `share` of all weight. */
  function expectSmallest(kept: number[], keys: number[], weights: number[], share: number): void {
    const sum = (ids: number[]) => ids.reduce((total, id) => total + weights[id]!, 0);
    const order = [...weights.keys()].sort((a, b) => keys[a]! - keys[b]! || a - b);
    expect(new Set(kept)).toEqual(new Set(order.slice(0, kept.length)));
    const wanted = share * sum(order);
    expect(sum(kept)).toBeGreaterThanOrEqual(wanted * (1 - 1e-12));
    const last = order[kept.length - 1]!;
    expect(sum(kept) - weights[last]!).toBeLessThan(wanted * (1 + 1e-12));
  }

  it('is what its definition says', () => {
    fc.assert(
      fc.property(someScores, someOptions, (scores, { temperature, topP, minP, typical }) => {
        const best = Math.max(...scores);
        const logWeights = scores.map((score) => (score - best) / temperature);
        const weights = logWeights.map(Math.exp);
        const sum = weights.reduce((a, b) => a + b);
        const likely = logWeights.map((log) => -log);
        expectSmallest(idsOf(scores, { temperature, topP }), likely, weights, topP);
        const kept = idsOf(scores, { temperature, minP });
        expect(kept).toEqual([...weights.keys()].filter((id) => weights[id]! >= minP));
        const logP = logWeights.map((log) => log - Math.log(sum));
        const entropy = -logP.reduce((total, log) => total + Math.exp(log) * log, 0);
        const distance = logP.map((log) => Math.abs(entropy + log));
        // Distances that differ by rounding alone may be in another order.
        if (new Set(distance.map((d) => d.toFixed(9))).size < distance.length) return;
        expectSmallest(idsOf(scores, { temperature, typical }), distance, weights, typical);
      }),
    );
  });
});

describe('the choice', () => {
  it('is as frequent as the probability says', () => {
    const random = new Random(42);
    const counts = [0, 0, 0, 0, 0];
    const draws = 20_000;
    const chooser = new TokenChooser(all);
    for (let i = 0; i < draws; i++) counts[chooser.choose(logs(P), random)]! += 1;
    // Four standard deviations of a binomial count.
    for (const [id, p] of P.entries()) {
      const deviation = Math.sqrt(draws * p * (1 - p));
      expect(Math.abs(counts[id]! - draws * p)).toBeLessThan(4 * deviation);
    }
  });

  it('is one of the candidates, and that at the place of the random number among them', () => {
    const banned = fc.option(fc.nat({ max: 1 }), { nil: undefined });
    fc.assert(
      fc.property(someScores, someOptions, fc.nat(), banned, (scores, options, seed, never) => {
        const chooser = new TokenChooser(options, never);
        const chosen = chooser.choose(scores, new Random(seed));
        expect(chosen).not.toBe(never);
        const { ids, probabilities } = chooser.candidates(scores);
        const at = ids.indexOf(chosen);
        expect(at).toBeGreaterThanOrEqual(0);
        const before = probabilities.slice(0, at).reduce((a, b) => a + b, 0);
        const place = new Random(seed).uniform();
        expect(place).toBeGreaterThan(before - 1e-12);
        expect(place).toBeLessThan(before + probabilities[at]! + 1e-12);
      }),
    );
  });

  it('of all tokens is that of filters that leave all', () => {
    fc.assert(
      fc.property(someScores, fc.nat(), (scores, seed) => {
        const options = { ...all, temperature: 0.7 };
        const chosen = new TokenChooser(options).choose(scores, new Random(seed));
        const filtered = new TokenChooser({ ...options, topK: 99 });
        expect(filtered.choose(scores, new Random(seed))).toBe(chosen);
      }),
    );
  });

  it('takes one random number, greedy or not, so that options do not shift what follows', () => {
    const [a, b] = [new Random(1), new Random(1)];
    new TokenChooser(all).choose(logs(P), a);
    new TokenChooser({ ...all, greedy: true }).choose(logs(P), b);
    expect(a.state()).toEqual(b.state());
  });
});

describe('recent tokens', () => {
  it('are the last ones of the window, each once', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 4 })), fc.integer({ min: 0, max: 6 }), (ids, window) => {
        const recent = new RecentTokens(window);
        for (const id of ids) recent.push(id);
        const last = window === 0 ? [] : ids.slice(-window);
        expect(new Set(recent.distinct())).toEqual(new Set(last));
        expect([...recent.distinct()]).toHaveLength(new Set(last).size);
      }),
    );
  });
});
