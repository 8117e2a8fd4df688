import { describe, expect, it } from 'vitest';
import { UserError } from './errors.ts';
import { Random } from './random.ts';

const MASK = 0xffff_ffffn;

/** xoshiro128** 1.1 and splitmix32 in unbounded integers: the reference for the 32-bit code. */
function referenceDraws(words: readonly number[], count: number): number[] {
  const rotate = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & MASK;
  let [a, b, c, d] = words.map(BigInt) as [bigint, bigint, bigint, bigint];
  return Array.from({ length: count }, () => {
    const result = (rotate((b * 5n) & MASK, 7n) * 9n) & MASK;
    const shifted = (b << 9n) & MASK;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11n);
    return Number(result);
  });
}

function referenceSeed(seed: number): number[] {
  let state = BigInt(seed);
  return Array.from({ length: 4 }, () => {
    state = (state + 0x9e3779b9n) & MASK;
    let x = state;
    x = ((x ^ (x >> 16n)) * 0x85ebca6bn) & MASK;
    x = ((x ^ (x >> 13n)) * 0xc2b2ae35n) & MASK;
    return Number(x ^ (x >> 16n));
  });
}

function draws(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.nextUint32());
}

describe('Random', () => {
  it("gives the published test vector of xoshiro128** 1.1 (rand_xoshiro's)", () => {
    const random = Random.fromState({
      algorithm: 'xoshiro128**',
      words: [1, 2, 3, 4],
      spareNormal: null,
    });
    expect(draws(random, 10)).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
      4258142804,
    ]);
  });

  it.each([0, 1, 42, 0xffff_ffff])('follows splitmix32 and xoshiro128** from seed %d', (seed) => {
    const random = new Random(seed);
    expect(random.state().words).toEqual(referenceSeed(seed));
    expect(draws(random, 1000)).toEqual(referenceDraws(referenceSeed(seed), 1000));
  });

  it('takes every safe integer as a seed, each with its own numbers', () => {
    const seeds = [0, 1, -1, 2 ** 32, 2 ** 32 + 1, 2 ** 52, Number.MAX_SAFE_INTEGER];
    const starts = seeds.map((seed) => draws(new Random(seed), 4).join());
    expect(new Set(starts).size).toBe(seeds.length);
    expect(() => new Random(0.5)).toThrow('whole number');
  });

  it('goes on from a saved state as if it had never stopped, cached deviate included', () => {
    const random = new Random(7);
    random.normal();
    const restored = Random.fromState(JSON.parse(JSON.stringify(random.state())));
    expect(random.state().spareNormal).not.toBeNull();
    for (let i = 0; i < 100; i += 1) {
      expect(restored.normal()).toBe(random.normal());
      expect(restored.nextUint32()).toBe(random.nextUint32());
    }
  });

  it.each([
    [null, 'algorithm'],
    [{ algorithm: 'mt19937' }, 'algorithm'],
    [{ algorithm: 'xoshiro128**', words: [1, 2, 3], spareNormal: null }, 'words'],
    [{ algorithm: 'xoshiro128**', words: [0, 0, 0, 0], spareNormal: null }, 'words'],
    [{ algorithm: 'xoshiro128**', words: [1, 2, 3, 2 ** 32], spareNormal: null }, 'words'],
    [{ algorithm: 'xoshiro128**', words: [1, 2, 3, 4], spareNormal: 'x' }, 'spareNormal'],
    [{ algorithm: 'xoshiro128**', words: [1, 2, 3, 4] }, 'spareNormal'],
  ])('refuses the state %j, naming %s', (state, field) => {
    expect(() => Random.fromState(state)).toThrow(UserError);
    expect(() => Random.fromState(state)).toThrow(`expected "${field}" to be`);
  });

  it('forks by label without moving on itself', () => {
    const random = new Random(3);
    const before = random.state();
    const dropout = draws(random.fork('dropout'), 8);
    expect(random.state()).toEqual(before);
    expect(draws(random.fork('dropout'), 8)).toEqual(dropout);
    expect(draws(random.fork('batches'), 8)).not.toEqual(dropout);
    random.nextUint32();
    expect(draws(random.fork('dropout'), 8)).not.toEqual(dropout);
  });

  it('draws uniform numbers in [0, 1) of the right mean, variance and serial correlation', () => {
    const random = new Random(11);
    const count = 100_000;
    const sample = Array.from({ length: count }, () => random.uniform());
    expect(sample.every((x) => x >= 0 && x < 1)).toBe(true);
    const mean = sample.reduce((sum, x) => sum + x, 0) / count;
    const variance = sample.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count;
    const serial =
      sample.slice(1).reduce((sum, x, i) => sum + (x - mean) * (sample[i]! - mean), 0) / count;
    // Four standard errors each.
    expect(Math.abs(mean - 1 / 2)).toBeLessThan(0.0037);
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.001);
    expect(Math.abs(serial)).toBeLessThan(0.0011);
  });

  it('draws normal numbers of the right first four moments', () => {
    const random = new Random(12);
    const count = 100_000;
    const sample = Array.from({ length: count }, () => random.normal());
    const moment = (power: number) => sample.reduce((sum, x) => sum + x ** power, 0) / count;
    expect(Math.abs(moment(1))).toBeLessThan(0.0127);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.0179);
    expect(Math.abs(moment(3))).toBeLessThan(0.05);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.125);
  });

  it('draws each whole number below a bound equally often', () => {
    const random = new Random(13);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i += 1) {
      counts[random.integer(7)]! += 1;
    }
    const chiSquare = counts.reduce((sum, n) => sum + (n - 10_000) ** 2 / 10_000, 0);
    // 99.9% quantile of chi-square with 6 degrees of freedom.
    expect(chiSquare).toBeLessThan(22.46);
  });

  it('does not favour small numbers where the bound does not divide 2^32', () => {
    const random = new Random(14);
    const bound = 3 * 2 ** 30;
    let low = 0;
    for (let i = 0; i < 30_000; i += 1) {
      low += random.integer(bound) < 2 ** 30 ? 1 : 0;
    }
    // A third, where the remainder alone would give a half.
    expect(Math.abs(low / 30_000 - 1 / 3)).toBeLessThan(0.011);
    expect(random.integer(1)).toBe(0);
    expect(random.integer(2 ** 32)).toBeLessThan(2 ** 32);
    expect(() => random.integer(0)).toThrow('bound');
    expect(() => random.integer(1.5)).toThrow('bound');
  });

  it('fills a dropout mask with zeros at the rate and a mean of one', () => {
    const random = new Random(15);
    const mask = new Float32Array(100_000);
    random.fillDropoutMask(mask, 0.25);
    expect(new Set(mask)).toEqual(new Set([0, Math.fround(4 / 3)]));
    const dropped = mask.reduce((count, x) => count + (x === 0 ? 1 : 0), 0);
    expect(Math.abs(dropped / mask.length - 0.25)).toBeLessThan(0.0055);
  });

  it('spends one draw on each element of a mask, and none at rate 0', () => {
    const random = new Random(16);
    const expected = Random.fromState(random.state());
    const mask = new Float32Array(50);
    random.fillDropoutMask(mask, 0.5);
    expect([...mask]).toEqual(draws(expected, 50).map((draw) => (draw < 2 ** 31 ? 0 : 2)));
    expect(random.state()).toEqual(expected.state());
    random.fillDropoutMask(mask, 0);
    expect(mask.every((x) => x === 1)).toBe(true);
    expect(random.state()).toEqual(expected.state());
    expect(() => random.fillDropoutMask(mask, 1)).toThrow('[0, 1)');
  });
});
