import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { rateShareOf, shortestWindow, windowLength } from './window-lengths.ts';

const BPTT = 70;

function lengths(count: number, bptt = BPTT): number[] {
  const random = new Random(7);
  return Array.from({ length: count }, () => windowLength('random', bptt, 0, random));
}

describe('lengths of windows', () => {
  it('are T where they are constant', () => {
    const random = new Random(1);
    const before = random.state();
    expect(windowLength('constant', BPTT, 0.1, random)).toBe(BPTT);
    expect(random.state()).toEqual(before);
  });

  it('by chance are about T, or half of it one time in twenty, with a deviation of 5', () => {
    const all = lengths(20_000);
    // The two are ten deviations from what parts them.
    const halves = all.filter((length) => length < 0.75 * BPTT);
    const wholes = all.filter((length) => length >= 0.75 * BPTT);
    expect(halves.length / all.length).toBeGreaterThan(0.045);
    expect(halves.length / all.length).toBeLessThan(0.055);
    const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
    expect(mean(halves)).toBeCloseTo(BPTT / 2, 0);
    // What is cut off at T + 10, two deviations from T, takes 5 · 0.0085 from the mean.
    expect(Math.abs(mean(wholes) - (BPTT - 0.04))).toBeLessThan(0.15);
    const variance = mean(halves.map((length) => (length - mean(halves)) ** 2));
    expect(Math.abs(Math.sqrt(variance) - 5)).toBeLessThan(0.4);
    expect(Math.max(...all)).toBe(BPTT + 10);
    expect(all.every(Number.isInteger)).toBe(true);
  });

  it('by chance are never shorter than five, or T', () => {
    expect(Math.min(...lengths(1000, 8))).toBe(5);
    expect(Math.min(...lengths(1000, 3))).toBe(3);
    // Nor much longer: by two deviations of an eighth of T each.
    expect(Math.max(...lengths(1000, 16))).toBe(20);
    expect(Math.max(...lengths(1000, 4))).toBe(5);
    expect([shortestWindow(8), shortestWindow(3)]).toEqual([5, 3]);
  });

  it('grow from an eighth of T to T over the first three tenths of the run', () => {
    const random = new Random(1);
    const grown = [0, 0.09, 0.1, 0.19, 0.2, 0.29, 0.3, 0.9, 1].map((progress) =>
      windowLength('grow', 64, progress, random),
    );
    expect(grown).toEqual([8, 8, 16, 16, 32, 32, 64, 64, 64]);
    expect(windowLength('grow', 16, 0, random)).toBe(5);
    expect(windowLength('grow', 1, 0, random)).toBe(1);
  });

  it('take a share of the rate with them where chance decides', () => {
    expect(rateShareOf('random', 70, 35)).toBe(0.5);
    expect(rateShareOf('random', 70, 77)).toBe(1.1);
    expect(rateShareOf('grow', 70, 35)).toBe(1);
    expect(rateShareOf('constant', 70, 35)).toBe(1);
  });
});
