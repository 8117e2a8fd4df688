import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { expectClose, heldTensors, valuesOf } from '../../test/support/numbers.ts';
import { TokenArray } from '../data/token-sequence.ts';
import { forward, type Weights, zeroState } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { initialParameters, weightsOf } from '../model/weights.ts';
import { Random } from '../random.ts';
import { type CacheOptions, LIKENESS_CLASSES, scoreTokensWithCache } from './cache.ts';
import { scoreTokens } from './evaluate.ts';

const config: ModelConfig = {
  vocabularySize: 7,
  embeddingSize: 4,
  hiddenSize: 6,
  layers: 2,
  gruVariant: 'reset-after',
  dropout: 0.5,
};

function randomIds(count: number, seed = 2): Int32Array {
  const random = new Random(seed);
  return Int32Array.from({ length: count }, () => random.integer(config.vocabularySize));
}

/** Random weights, large enough for every token to matter. */
function model(): Weights {
  const parameters = initialParameters(config, new Random(1));
  for (const [name, { data }] of parameters) {
    for (let i = 0; i < data.length; i++) data[i]! *= name === 'embedding.weight' ? 20 : 2;
  }
  return weightsOf(parameters);
}

interface Scores {
  losses: number[];
  caches: number[][];
  classes: number[];
}

async function cacheScores(
  weights: Weights,
  ids: Int32Array,
  options: Partial<CacheOptions> & { sharpnesses: number[] },
): Promise<Scores> {
  const [losses, classes]: [number[], number[]] = [[], []];
  const caches = options.sharpnesses.map(() => [] as number[]);
  await scoreTokensWithCache(config, weights, new TokenArray(ids), {
    ...options,
    onScores: (scored) => {
      expect(scored.start).toBe(losses.length + 1);
      expect(scored.targets).toEqual(ids.slice(scored.start, scored.start + scored.losses.length));
      losses.push(...scored.losses);
      classes.push(...scored.likenessClasses);
      for (const [i, of] of scored.cacheLosses.entries()) caches[i]!.push(...of);
    },
  });
  return { losses, caches, classes };
}

/** What a cache says of each token but the first, by the definition: one token at a time, in doubles. */
function byDefinition(weights: Weights, ids: Int32Array, size: number, sharpness: number) {
  const inputs = tf.tensor1d(ids.subarray(0, -1), 'int32');
  const { features } = forward(config, weights, inputs, zeroState(config, 1));
  const H = config.hiddenSize;
  const values = valuesOf(features);
  const h = (t: number) => values.subarray(t * H, (t + 1) * H);
  return Array.from({ length: ids.length - 1 }, (_, t) => {
    const places = Array.from({ length: t }, (_, i) => i).filter((i) => i >= t - size);
    if (places.length === 0) return { loss: Math.log(config.vocabularySize), likeness: 1 };
    const distances = places.map((i) => h(t).reduce((sum, x, k) => sum + (x - h(i)[k]!) ** 2, 0));
    const mean = distances.reduce((sum, distance) => sum + distance, 0) / places.length;
    let [all, same] = [0, 0];
    for (const [n, i] of places.entries()) {
      const share = Math.exp((-sharpness * distances[n]!) / mean);
      all += share;
      if (ids[i + 1] === ids[t + 1]) same += share;
    }
    return { loss: Math.log(all) - Math.log(same), likeness: mean / Math.min(...distances) };
  });
}

describe.each(testBackends)('a cache on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each([
    ['that forgets nothing', 1000, 16],
    ['that forgets within a window', 5, 16],
    ['that forgets over several windows', 40, 16],
    ['of one window for all', 30, 1000],
  ])('%s says what its definition does', async (_, size, windowTokens) => {
    const weights = model();
    const ids = randomIds(90);
    const sharpnesses = [0.3, 2];
    const options = { size, sharpnesses, windowTokens };
    const { caches, classes } = await cacheScores(weights, ids, options);
    for (const [i, sharpness] of sharpnesses.entries()) {
      const expected = byDefinition(weights, ids, size, sharpness);
      expect(caches[i]).toHaveLength(89);
      for (const [t, { loss, likeness: own }] of expected.entries()) {
        if (loss === Number.POSITIVE_INFINITY) expect(caches[i]![t]).toBe(loss);
        else expect(Math.abs(caches[i]![t]! - loss)).toBeLessThan(1e-3);
        // √2 a class; where a likeness is on the edge of one, rounding decides.
        const exact = Math.min(LIKENESS_CLASSES, 2 * Math.log2(own));
        expect(Math.abs(classes[t]! + 0.5 - exact)).toBeLessThan(0.5 + 1e-3);
      }
    }
  });

  it('stands beside the losses of the model alone', async () => {
    const weights = model();
    const ids = randomIds(200);
    const { losses } = await cacheScores(weights, ids, {
      size: 10,
      sharpnesses: [1],
      windowTokens: 64,
    });
    const expected: number[] = [];
    await scoreTokens(config, weights, new TokenArray(ids), {
      onLosses: (scored) => expected.push(...scored.losses),
    });
    expectClose(losses, expected, 1e-5);
  });

  it('gives probabilities that sum to 1 over all tokens that may come', async () => {
    const weights = model();
    for (const length of [2, 3, 20, 33]) {
      const sums = [0, 0];
      for (let token = 0; token < config.vocabularySize; token++) {
        const ids = randomIds(length);
        ids[length - 1] = token;
        const options = { size: 8, sharpnesses: [0.1, 3], windowTokens: 16 };
        const { caches } = await cacheScores(weights, ids, options);
        for (const [i, of] of caches.entries()) sums[i]! += Math.exp(-of.at(-1)!);
      }
      for (const sum of sums) expect(sum).toBeCloseTo(1, 5);
    }
  });

  it('has bounds, and leaves no tensor behind, not even when it is aborted', async () => {
    const weights = model();
    const ids = randomIds(300);
    const options = { size: 32, sharpnesses: [1], windowTokens: 16 };
    await cacheScores(weights, ids, options);
    const held = heldTensors();
    await cacheScores(weights, ids, options);
    expect(heldTensors()).toEqual(held);
    const controller = new AbortController();
    const aborted = cacheScores(weights, ids, {
      ...options,
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(aborted).rejects.toThrow('enough');
    expect(heldTensors()).toEqual(held);
  });
});
