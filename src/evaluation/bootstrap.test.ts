import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { pairedBootstrap } from './bootstrap.ts';

function bootstrap(differences: number[], sizes: number[], resamples = 1000, seed = 1) {
  const options = { resamples, seed };
  return pairedBootstrap(Float64Array.from(differences), Float64Array.from(sizes), options);
}

/** θ* of all nⁿ samples, each as likely as the others, in ascending order. */
function allSamples(differences: number[], sizes: number[]): number[] {
  const n = differences.length;
  const values = Array.from({ length: n ** n }, (_, code) => {
    let [difference, size, rest] = [0, 0, code];
    for (let i = 0; i < n; i++) {
      difference += differences[rest % n]!;
      size += sizes[rest % n]!;
      rest = Math.floor(rest / n);
    }
    return difference / size;
  });
  return values.sort((a, b) => a - b);
}

describe('the paired bootstrap', () => {
  it('of two segments finds what there is by hand: 0, ½ and 1 of probability ¼, ½ and ¼', async () => {
    const found = await bootstrap([0, 1], [1, 1], 4000);
    expect(found).toMatchObject({ estimate: 0.5, low: 0, high: 1, belowZero: 0 });
    const shifted = await bootstrap([-0.5, 0.5], [1, 1], 4000);
    expect(shifted).toMatchObject({ estimate: 0, low: -0.5, high: 0.5 });
    // 4000 samples of probability ¼: a standard deviation of 0.007.
    expect(Math.abs(shifted.belowZero - 0.25)).toBeLessThan(0.03);
  });

  it('of four segments of unlike size finds the quantiles of all 256 samples', async () => {
    const [differences, sizes] = [
      [3, -1, 4, -1],
      [5, 9, 2, 6],
    ];
    const found = await bootstrap(differences, sizes, 20_000);
    const all = allSamples(differences, sizes);
    expect(found.estimate).toBeCloseTo(5 / 22, 12);
    // Within the values of the exact quantiles a percent to either side.
    const at = (share: number) => all[Math.floor(share * all.length)]!;
    expect(found.low).toBeGreaterThanOrEqual(at(0.015));
    expect(found.low).toBeLessThanOrEqual(at(0.035));
    expect(found.high).toBeGreaterThanOrEqual(at(0.965));
    expect(found.high).toBeLessThanOrEqual(at(0.985));
    const below = all.filter((value) => value < 0).length / all.length;
    expect(Math.abs(found.belowZero - below)).toBeLessThan(0.02);
  });

  it('knows no doubt where the difference a word is the same everywhere', async () => {
    const found = await bootstrap([1, 2, 3], [2, 4, 6]);
    for (const value of [found.estimate, found.low, found.high]) expect(value).toBeCloseTo(0.5, 12);
    expect(await bootstrap([0, 0], [1, 2])).toEqual({
      ...{ estimate: 0, low: 0, high: 0 },
      belowZero: 0,
    });
  });

  it('gives the same for the same seed, and nearly the same for another', async () => {
    const differences = Array.from({ length: 50 }, (_, i) => Math.sin(i));
    const sizes = differences.map((_, i) => 1 + (i % 7));
    const [one, again, other] = [
      await bootstrap(differences, sizes),
      await bootstrap(differences, sizes),
      await bootstrap(differences, sizes, 1000, 2),
    ];
    expect(again).toEqual(one);
    expect(other.low).not.toBe(one.low);
    expect(Math.abs(other.low - one.low)).toBeLessThan((one.high - one.low) / 5);
  });

  it('covers the true difference about as often as it says', async () => {
    const random = new Random(7);
    const [truth, texts, segments] = [0.1, 400, 60];
    let covered = 0;
    for (let text = 0; text < texts; text++) {
      const sizes = Array.from({ length: segments }, () => 1 + random.integer(20));
      // Lines differ in how far two models part: noise that grows with the line.
      const differences = sizes.map((size) => truth * size + random.normal() * Math.sqrt(size));
      const { low, high } = await bootstrap(differences, sizes, 400, text);
      if (low <= truth && truth <= high) covered += 1;
    }
    // 0.95 of 400: a standard deviation of 0.011; the percentile interval is known to fall a little short.
    expect(covered / texts).toBeGreaterThan(0.9);
    expect(covered / texts).toBeLessThan(0.99);
  });
});
