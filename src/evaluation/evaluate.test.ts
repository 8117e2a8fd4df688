import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import {
  expectClose,
  heldTensors,
  largestDifference,
  valuesOf,
} from '../../test/support/numbers.ts';
import { forward, logitsOf, type Weights, zeroState } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { initialParameters, weightsOf } from '../model/weights.ts';
import { Random } from '../random.ts';
import { tokenLosses } from './evaluate.ts';
import { meanLoss } from './report.ts';

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

/**
 * Random weights, large enough for every token to matter; `updateBias` is added to the update
 * gates: near 1, a state is kept for thousands of tokens.
 */
function model(updateBias = 0): Weights {
  const parameters = initialParameters(config, new Random(1));
  for (const [name, { data }] of parameters) {
    for (let i = 0; i < data.length; i++) data[i]! *= name === 'embedding.weight' ? 20 : 2;
    if (name.startsWith('gru.bias_ih')) {
      data.fill(updateBias, config.hiddenSize, 2 * config.hiddenSize);
    }
  }
  return weightsOf(parameters);
}

/** −log p of each token but the first, one token at a time, by the definition. */
function oneByOne(weights: Weights, ids: Int32Array): number[] {
  let state = zeroState(config, 1);
  const nats: number[] = [];
  for (let i = 0; i + 1 < ids.length; i++) {
    const result = forward(config, weights, tf.tensor1d([ids[i]!], 'int32'), state);
    const scores = [...valuesOf(logitsOf(weights, result.features))];
    const sum = scores.reduce((total, score) => total + Math.exp(score), 0);
    nats.push(Math.log(sum) - scores[ids[i + 1]!]!);
    state = result.state;
  }
  return nats;
}

describe.each(testBackends)('token losses on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('are −log p of each token but the first, from a state of zeros', async () => {
    const weights = model();
    const ids = randomIds(300); // more than one window
    const losses = await tokenLosses(config, weights, ids);
    expect(losses).toHaveLength(299);
    expectClose(losses, oneByOne(weights, ids), 1e-5);
  });

  it('of a text of two tokens is one', async () => {
    const weights = model();
    const ids = Int32Array.of(3, 5);
    expectClose(await tokenLosses(config, weights, ids), oneByOne(weights, ids), 1e-6);
  });

  it('leave no tensor behind, not even when they are aborted', async () => {
    const weights = model();
    const ids = randomIds(2300);
    await tokenLosses(config, weights, ids);
    const held = heldTensors();
    await tokenLosses(config, weights, ids);
    expect(heldTensors()).toEqual(held);

    const controller = new AbortController();
    const aborted = tokenLosses(config, weights, ids, {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(aborted).rejects.toThrow('enough');
    expect(heldTensors()).toEqual(held);
    const signal = AbortSignal.abort(new Error('before'));
    await expect(tokenLosses(config, weights, ids, { signal })).rejects.toThrow('before');
    expect(heldTensors()).toEqual(held);
  });
});

describe('chunks side by side', () => {
  beforeAll(() => useBackend('tensorflow'));

  it.each([
    ['forgets soon', 0],
    ['keeps its state for hundreds of tokens', 5],
    ['hardly forgets at all', 9],
  ])('give the losses of one stream for a model that %s', async (_, updateBias) => {
    const weights = model(updateBias);
    const ids = randomIds(4 * 1024 + 4); // a tail of three tokens after eight chunks
    const one = await tokenLosses(config, weights, ids, { maxChunks: 1 });
    const many = await tokenLosses(config, weights, ids, { shortestChunk: 512 });
    expect(Math.abs(meanLoss(many) - meanLoss(one))).toBeLessThan(1e-5);
    expect(largestDifference(many, one)).toBeLessThan(1e-3);
    // Chunks that all began with zeros would have told the models with a memory apart.
    if (updateBias > 0) {
      const alone = await tokenLosses(config, weights, ids.subarray(2050));
      expect(largestDifference(alone, one.subarray(2050))).toBeGreaterThan(1e-2);
    }
  });

  it('score the tail from where the last chunk ended', async () => {
    const weights = model(5);
    const ids = randomIds(2 * 1024 + 2); // two chunks of 1024, one token left
    const one = await tokenLosses(config, weights, ids, { maxChunks: 1 });
    const two = await tokenLosses(config, weights, ids, { maxChunks: 2, shortestChunk: 1024 });
    expect(one).toHaveLength(2049);
    expect(Math.abs(two.at(-1)! - one.at(-1)!)).toBeLessThan(1e-4);
  });

  it('tell how much of the first pass is done', async () => {
    const shares: number[] = [];
    await tokenLosses(config, model(), randomIds(2049), {
      shortestChunk: 1024,
      onProgress: (share) => shares.push(share),
    });
    expect(shares).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((window) => window / 8));
  });
});
