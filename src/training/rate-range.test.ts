import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { heldTensors } from '../../test/support/numbers.ts';
import { withUnknowns } from '../data/unknowns.ts';
import { type RatePoint, rateRangeOf, suggestRate, tryRates } from './rate-range.ts';
import { configOf, data, eventsOf, ofType } from './testing/small-run.ts';

const never = new AbortController().signal;

async function pointsOf(...args: Parameters<typeof tryRates>): Promise<RatePoint[]> {
  const points: RatePoint[] = [];
  for await (const point of tryRates(...args)) points.push(point);
  return points;
}

describe('the range test', () => {
  beforeAll(() => useBackend('wasm'));

  it('goes from the lowest rate to the highest by equal factors', async () => {
    const range = { lowest: 1e-4, highest: 1e-2, steps: 5 };
    const held = heldTensors();
    const points = await pointsOf(configOf(), data.train, never, range);
    expect(heldTensors()).toEqual(held);
    const rates = points.map(({ learningRate }) => learningRate);
    for (const [i, expected] of [1e-4, 10 ** -3.5, 1e-3, 10 ** -2.5, 1e-2].entries()) {
      expect(rates[i]).toBeCloseTo(expected, 10);
    }
    // Running means by hand: (0.9 · first + second) / 1.9 is the second.
    const [a, b] = points.map(({ loss }) => loss) as [number, number];
    expect(points[0]!.smoothed).toBe(a);
    expect(points[1]!.smoothed).toBeCloseTo((0.9 * a + b) / 1.9, 12);
  });

  it('stops where the loss has risen as much as it fell, or is no number', async () => {
    const config = configOf({ optimizer: 'sgd', clipNorm: 0 });
    const range = { lowest: 1e-2, highest: 1e20, steps: 200 };
    const points = await pointsOf(config, data.train, never, range);
    expect(points.length).toBeGreaterThan(10);
    expect(points.length).toBeLessThan(100);
    const suggested = suggestRate(points)!;
    expect(suggested).toBeLessThan(10);
    expect(suggested).toBeGreaterThan(1e-3);
  });

  it('begins as a run would', async () => {
    const { counts: tokenCounts } = await withUnknowns(data.train, data.tokenizer);
    const beginning = { tokenCounts };
    const config = configOf({ outputBias: 'frequencies' });
    const [point] = await pointsOf(config, data.train, never, rateRangeOf(config), beginning);
    const [step] = ofType(await eventsOf({ ...config, maxSteps: 1 }), 'step');
    expect(point!.loss).toBe(step!.loss);
  });

  it('ends by a signal', async () => {
    const signal = AbortSignal.abort(new Error('ended'));
    await expect(pointsOf(configOf(), data.train, signal)).rejects.toThrow('ended');
  });
});

describe('the suggestion', () => {
  const points = (...losses: number[]): RatePoint[] =>
    losses.map((loss, i) => ({ learningRate: 10 ** (i - 4), loss, smoothed: loss }));

  it('is a tenth of the rate with the lowest smoothed loss', () => {
    expect(suggestRate(points(4, 3, 2, 5))).toBe(1e-3);
  });

  it('is none where no rate helped', () => {
    expect(suggestRate(points(4, 5, 6))).toBeUndefined();
    expect(suggestRate([])).toBeUndefined();
  });
});
