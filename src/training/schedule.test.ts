import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DecayKind, learningRateAt, progressOf, stepsOfEpochs } from './schedule.ts';

const kinds = ['none', 'linear', 'cosine', 'exponential', 'plateau', 'one-cycle'] as const;
const config = (learningRateDecay: DecayKind, warmup = 0) => ({
  learningRate: 0.5,
  learningRateDecay,
  warmup,
});

describe('the learning rate', () => {
  it.each([
    // At the start, the middle and the end of the run.
    ['none', 1, 1, 1],
    ['linear', 1, 0.51, 0.02],
    ['cosine', 1, 0.51, 0.02],
    ['exponential', 1, Math.sqrt(0.02), 0.02],
    ['plateau', 1, 1, 1],
  ] as const)(
    'of %s is at its ends and middle what the formula says',
    (kind, start, middle, end) => {
      for (const [i, share] of [start, middle, end].entries()) {
        expect(learningRateAt(config(kind), i / 2)).toBeCloseTo(0.5 * share, 12);
      }
      // The decay takes the part of the run after the warm-up: its middle is at 0.6.
      expect(learningRateAt(config(kind, 0.2), 0.6)).toBeCloseTo(0.5 * middle, 12);
      expect(learningRateAt(config(kind, 0.2), 1)).toBeCloseTo(0.5 * end, 12);
    },
  );

  it('of cosine is at a quarter 0.02 + 0.98 (1 + cos π/4)/2 of the highest', () => {
    expect(learningRateAt(config('cosine'), 0.25)).toBeCloseTo(
      0.5 * (0.02 + (0.98 * (1 + Math.SQRT1_2)) / 2),
      12,
    );
  });

  it('of one cycle goes from 1/25 to 1 and down to 1/250 000, whatever the warm-up', () => {
    // At the ends and in the middle of its two half cosines.
    const expected = [1 / 25, (1 / 25 + 1) / 2, 1, (1 + 1 / 250_000) / 2, 1 / 250_000];
    for (const [i, progress] of [0, 0.15, 0.3, 0.65, 1].entries()) {
      const rate = learningRateAt(config('one-cycle', 0.1), progress);
      expect(rate).toBeCloseTo(0.5 * expected[i]!, 12);
    }
  });

  it('takes an epoch for whole where floats make a bit more of it', () => {
    expect(1.1 * 50).toBeGreaterThan(55);
    expect([stepsOfEpochs(1.1, 50), stepsOfEpochs(1.01, 50), stepsOfEpochs(1e-9, 50)]).toEqual([
      55, 51, 1,
    ]);
  });

  it('is halved by each plateau, for plateau alone', () => {
    expect(learningRateAt(config('plateau'), 0.9, 3)).toBe(0.5 / 8);
    expect(learningRateAt(config('none'), 0.9, 3)).toBe(0.5);
  });

  it('rises through the warm-up, from a hundredth of itself', () => {
    expect(learningRateAt(config('none', 0.1), 0)).toBeCloseTo(0.005, 12);
    expect(learningRateAt(config('none', 0.1), 0.05)).toBeCloseTo(0.25, 12);
    expect(learningRateAt(config('none', 0.1), 0.1)).toBe(0.5);
  });

  const run = fc.record({
    kind: fc.constantFrom(...kinds),
    warmup: fc.double({ min: 0, max: 0.99, noNaN: true }),
    at: fc.tuple(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
    ),
    plateaus: fc.nat({ max: 20 }),
  });

  it('is always above 0 and never above the highest', () => {
    fc.assert(
      fc.property(run, ({ kind, warmup, at: [progress], plateaus }) => {
        const rate = learningRateAt(config(kind, warmup), progress, plateaus);
        expect(rate).toBeGreaterThan(0);
        expect(rate).toBeLessThanOrEqual(0.5);
      }),
    );
  });

  it('never falls in the warm-up and never rises after it', () => {
    fc.assert(
      fc.property(run, ({ kind, warmup, at }) => {
        const [earlier, later] = [Math.min(...at), Math.max(...at)];
        const rateAt = (progress: number) => learningRateAt(config(kind, warmup), progress);
        if (kind === 'one-cycle') return;
        if (later < warmup) expect(rateAt(later)).toBeGreaterThanOrEqual(rateAt(earlier));
        if (earlier >= warmup) expect(rateAt(later)).toBeLessThanOrEqual(rateAt(earlier) + 1e-15);
      }),
    );
  });
});

describe('the progress', () => {
  const spent = { steps: 30, elapsedSeconds: 45 };

  it('is the share of each budget that is used', () => {
    expect(progressOf({ maxSteps: 120 }, spent, 7)).toBe(0.25);
    expect(progressOf({ maxTime: 90 }, spent, 7)).toBe(0.5);
    expect(progressOf({ epochs: 4 }, spent, 10)).toBe(0.75);
  });

  it('counts epochs in whole steps', () => {
    // 0.25 epochs of 10 steps take 3 steps.
    expect(progressOf({ epochs: 0.25 }, { steps: 2, elapsedSeconds: 0 }, 10)).toBeCloseTo(
      2 / 3,
      12,
    );
    expect(progressOf({ epochs: 0.25 }, { steps: 3, elapsedSeconds: 0 }, 10)).toBe(1);
    expect(progressOf({ epochs: 0.001 }, { steps: 0, elapsedSeconds: 0 }, 10)).toBe(0);
    expect(progressOf({ epochs: 0.001 }, { steps: 1, elapsedSeconds: 0 }, 10)).toBe(1);
  });

  it('follows the budget that is used up first, and ends at 1', () => {
    expect(progressOf({ maxSteps: 120, maxTime: 90, epochs: 4 }, spent, 10)).toBe(0.75);
    expect(progressOf({ maxSteps: 10, maxTime: 900 }, spent, 10)).toBe(1);
  });

  it('stays in [0, 1] and never falls as steps and time go by', () => {
    const budget = fc.record(
      {
        epochs: fc.double({ min: 0.01, max: 100, noNaN: true }),
        maxSteps: fc.integer({ min: 1, max: 10_000 }),
        maxTime: fc.double({ min: 0.01, max: 1e6, noNaN: true }),
      },
      { requiredKeys: [] },
    );
    const amount = fc.record({ steps: fc.nat(20_000), elapsedSeconds: fc.nat(1_000_000) });
    fc.assert(
      fc.property(
        budget,
        amount,
        amount,
        fc.integer({ min: 1, max: 999 }),
        (limits, a, b, epoch) => {
          const later = {
            steps: a.steps + b.steps,
            elapsedSeconds: a.elapsedSeconds + b.elapsedSeconds,
          };
          const [first, second] = [progressOf(limits, a, epoch), progressOf(limits, later, epoch)];
          expect(first).toBeGreaterThanOrEqual(0);
          expect(second).toBeGreaterThanOrEqual(first);
          expect(second).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});
