import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { TokenArray } from '../data/token-sequence.ts';
import { Random } from '../random.ts';
import { LossSpikes } from './loss-spikes.ts';
import { trainRun } from './run.ts';
import type { RunEvent } from './run-events.ts';
import { configOf, data } from './testing/small-run.ts';

/** Those of `losses` that are reported, with what they are compared with. */
function spikesIn(losses: readonly number[]): [place: number, usual: number][] {
  const spikes = new LossSpikes();
  return losses.flatMap((loss, i) => {
    const usual = spikes.add(loss);
    return usual === undefined ? [] : [[i, usual] as [number, number]];
  });
}

const noise = new Random(3);
const noisy = (count: number, mean: number, deviation: number): number[] =>
  Array.from({ length: count }, () => mean + deviation * noise.normal());

describe('a loss', () => {
  it('far above the 50 before it is a spike', () => {
    expect(spikesIn([...Array(60).fill(2), 2.3])).toEqual([[60, 2]]);
    expect(spikesIn([...Array(60).fill(2), 2.1])).toEqual([]);
  });

  it('is none in the first 50 steps', () => {
    expect(spikesIn([...Array(49).fill(2), 9])).toEqual([]);
    expect(spikesIn([...Array(50).fill(2), 9])).toEqual([[50, 2]]);
  });

  it('is none for the noise that losses have, nor where losses fall', () => {
    expect(spikesIn(noisy(20_000, 2, 0.1))).toEqual([]);
    expect(spikesIn(Array.from({ length: 500 }, (_, i) => 5 * 0.99 ** i))).toEqual([]);
  });

  it('is measured by the noise, however small its share of the loss', () => {
    const [spike] = spikesIn([...noisy(100, 1, 0.2), 3.2]);
    expect(spike?.[0]).toBe(100);
    expect(spike?.[1]).toBeCloseTo(1, 0);
    expect(spikesIn([...noisy(100, 1, 0.2), 1.7])).toEqual([]);
  });

  it('is reported once in 50 steps', () => {
    const losses = Array.from({ length: 200 }, (_, i) => (i >= 60 && i % 10 === 0 ? 9 : 2));
    expect(spikesIn(losses).map(([place]) => place)).toEqual([60, 110, 160]);
  });
});

describe('a run', () => {
  beforeAll(() => useBackend('wasm'));

  it('reports a spike where its text turns into another', async () => {
    // Seventy windows of one kind, then five of another.
    const ids = [...Array(70 * 8)].map((_, i) => [1, 2, 3][i % 3]!);
    const train = new TokenArray(Int32Array.from([...ids, ...Array(5 * 8).fill(4), 1]));
    const config = configOf({
      batchSize: 1,
      learningRateDecay: 'none',
      maxSteps: 74,
      evalEvery: 100,
    });
    const model = { ...config.model, dropout: 0 };
    const events: RunEvent[] = [];
    for await (const event of trainRun({ ...config, model }, { ...data, train }))
      events.push(event);
    const spikes = events.filter((event) => event.type === 'spike');
    expect(spikes).toHaveLength(1);
    expect(spikes[0]!.step).toBeGreaterThanOrEqual(69);
    expect(spikes[0]!.loss).toBeGreaterThan(2 * spikes[0]!.usualLoss);
  });
});
