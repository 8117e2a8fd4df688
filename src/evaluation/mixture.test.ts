import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { largestDifference } from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import { learnWeights, type ModelScores, mixedLosses, mixtureOf } from './mixture.ts';

/** Scores by the probabilities of each model. */
function scoresOf(probabilities: number[][], classes?: number[]): ModelScores {
  const losses = probabilities.map((of) => Float32Array.from(of, (p) => -Math.log(p)));
  const own = Uint8Array.from(classes ?? new Array(probabilities[0]!.length).fill(0));
  return { losses, classes: own, classCount: Math.max(0, ...own) + 1 };
}

/** Σ −log Σⱼ λⱼ pⱼ. */
function totalLoss(probabilities: number[][], weights: ArrayLike<number>): number {
  return probabilities[0]!.reduce((total, _, place) => {
    const p = probabilities.reduce((sum, of, j) => sum + weights[j]! * of[place]!, 0);
    return total - Math.log(p);
  }, 0);
}

function randomProbabilities(random: Random, models: number, length: number): number[][] {
  return Array.from({ length: models }, () =>
    Array.from({ length }, () => 0.001 + 0.99 * random.uniform() ** 3),
  );
}

describe('weights', () => {
  it('are those of the least loss, found by trying', () => {
    const probabilities = randomProbabilities(new Random(4), 2, 400);
    const scores = scoresOf(probabilities);
    const [weights] = learnWeights(scores, [0, 400]);
    const losses = Array.from({ length: 1001 }, (_, i) =>
      totalLoss(probabilities, [1 - i / 1000, i / 1000]),
    );
    const best = losses.indexOf(Math.min(...losses)) / 1000;
    expect(best).toBeGreaterThan(0.05);
    expect(best).toBeLessThan(0.95);
    expect(weights![1]).toBeCloseTo(best, 2);
    expect(totalLoss(probabilities, weights!)).toBeLessThan(Math.min(...losses) + 1e-3);
  });

  it('by hand: a model that is always right against one that is right half the time', () => {
    // Of four tokens model 0 gives two 1/2 and the others 1/4; model 1 the other way round: even weights.
    const [weights] = learnWeights(
      scoresOf([
        [0.5, 0.5, 0.25, 0.25],
        [0.25, 0.25, 0.5, 0.5],
      ]),
      [0, 4],
    );
    expect(weights![0]).toBeCloseTo(0.5, 12);
    // Over the first two tokens alone the first model is better at each: all for it.
    const [first] = learnWeights(
      scoresOf([
        [0.5, 0.5, 0.25, 0.25],
        [0.25, 0.25, 0.5, 0.5],
      ]),
      [0, 2],
    );
    expect(first![0]).toBeGreaterThan(0.999);
  });

  it('go to whichever model knows a token that the others cannot', () => {
    const scores = scoresOf([
      [0.5, 0, 0.5, 0],
      [0, 0.5, 0, 0.5],
    ]);
    const [weights] = learnWeights(scores, [0, 4]);
    expect([...weights!]).toEqual([0.5, 0.5]);
    expect(mixedLosses(scores, [weights!], [0, 4])[1]).toBeCloseTo(-Math.log(0.25), 6);
  });

  it('are of each class by itself, and nearly all classes’ where one has few tokens', () => {
    const probabilities = randomProbabilities(new Random(8), 2, 3000);
    // In class 1 the second model knows; class 2 has one token.
    const classes = probabilities[0]!.map((_, place) => (place === 7 ? 2 : place % 2));
    for (const [place, of] of classes.entries()) {
      if (of === 1) probabilities[1]![place] = 0.9;
    }
    const scores = scoresOf(probabilities, classes);
    const [even, odd, rare] = learnWeights(scores, [0, 3000]);
    const [overall] = learnWeights(
      { ...scores, classes: new Uint8Array(3000), classCount: 1 },
      [0, 3000],
    );
    expect(odd![1]).toBeGreaterThan(even![1]! + 0.2);
    expect(Math.abs(rare![1]! - overall![1]!)).toBeLessThan(0.06);
  });

  it('are learned from the range alone', () => {
    const probabilities = randomProbabilities(new Random(5), 3, 300);
    const changed = probabilities.map((of) => of.map((p, place) => (place < 200 ? p : p / 50)));
    expect(learnWeights(scoresOf(changed), [0, 200])).toEqual(
      learnWeights(scoresOf(probabilities), [0, 200]),
    );
  });
});

describe('any mixture', () => {
  it('has losses between those of its models, and weights that sum to 1', () => {
    const cases = fc.record({
      seed: fc.nat(1000),
      models: fc.integer({ min: 1, max: 4 }),
      length: fc.integer({ min: 1, max: 40 }),
      classes: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(cases, ({ seed, models, length, classes }) => {
        const random = new Random(seed);
        const probabilities = randomProbabilities(random, models, length);
        const scores = scoresOf(
          probabilities,
          Array.from({ length }, () => random.integer(classes)),
        );
        const weights = learnWeights(scores, [0, length]);
        expect(weights).toHaveLength(scores.classCount);
        for (const of of weights) {
          expect(of.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 9);
        }
        for (const [place, loss] of mixedLosses(scores, weights, [0, length]).entries()) {
          const own = scores.losses.map((of) => of[place]!);
          expect(loss).toBeGreaterThanOrEqual(Math.min(...own) - 1e-5);
          expect(loss).toBeLessThanOrEqual(Math.max(...own) + 1e-5);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('of distributions is a distribution', () => {
    const random = new Random(9);
    const V = 9;
    const distributions = [0, 1, 2].map(() => {
      const raw = Array.from({ length: V }, () => random.uniform());
      const sum = raw.reduce((total, p) => total + p, 0);
      return raw.map((p) => p / sum);
    });
    const weights = learnWeights(scoresOf(randomProbabilities(random, 3, 50)), [0, 50]);
    const losses = mixedLosses(scoresOf(distributions), weights, [0, V]);
    expect(losses.reduce((sum, loss) => sum + Math.exp(-loss), 0)).toBeCloseTo(1, 6);
  });
});

describe('a mixture', () => {
  const scores = scoresOf(randomProbabilities(new Random(6), 2, 101));

  it('scores each half by the weights that the other taught', () => {
    const weights = [learnWeights(scores, [50, 101]), learnWeights(scores, [0, 50])] as const;
    const { losses, meanWeights } = mixtureOf(scores);
    const expected = [
      ...mixedLosses(scores, weights[0], [0, 50]),
      ...mixedLosses(scores, weights[1], [50, 101]),
    ];
    expect(largestDifference(losses, expected)).toBe(0);
    for (const j of [0, 1]) {
      const mean = (50 * weights[0][0]![j]! + 51 * weights[1][0]![j]!) / 101;
      expect(meanWeights[j]).toBeCloseTo(mean, 12);
    }
  });

  it('scores all by the weights that other text taught', () => {
    const heldOut = scoresOf(randomProbabilities(new Random(7), 2, 60));
    const weights = learnWeights(heldOut, [0, 60]);
    const { losses, meanWeights } = mixtureOf(scores, heldOut);
    expect(largestDifference(losses, mixedLosses(scores, weights, [0, 101]))).toBe(0);
    expect(meanWeights[1]).toBeCloseTo(weights[0]![1]!, 12);
  });

  it('of one token has even weights', () => {
    expect(mixtureOf(scoresOf([[0.5], [0.25]])).losses[0]).toBeCloseTo(-Math.log(0.375), 6);
  });
});
