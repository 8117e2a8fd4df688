import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasNativeOperations, testBackends, useBackend } from '../../test/support/backends.ts';
import {
  expectClose,
  heldTensors,
  largestDifference,
  valuesOf,
} from '../../test/support/numbers.ts';
import { TokenArray } from '../data/token-sequence.ts';
import { forward, logitsOf, type Weights, zeroState } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { initialParameters, weightsOf } from '../model/weights.ts';
import { Random } from '../random.ts';
import { type ScoreOptions, scoreTokens } from './evaluate.ts';
import { LossTotals } from './report.ts';

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

/** All losses, which must come in order and with the tokens that they are of. */
async function tokenLosses(
  weights: Weights,
  ids: Int32Array,
  options: Partial<ScoreOptions> = {},
): Promise<Float32Array> {
  const all: number[] = [];
  await scoreTokens(config, weights, new TokenArray(ids), {
    ...options,
    onLosses: ({ start, targets, losses }) => {
      expect(start).toBe(all.length + 1);
      expect(targets).toEqual(ids.slice(start, start + losses.length));
      all.push(...losses);
    },
  });
  return Float32Array.from(all);
}

function meanOf(losses: Float32Array): number {
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
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
    const losses = await tokenLosses(weights, ids);
    expect(losses).toHaveLength(299);
    expectClose(losses, oneByOne(weights, ids), 1e-5);
  });

  it('of a text of two tokens is one', async () => {
    const weights = model();
    const ids = Int32Array.of(3, 5);
    expectClose(await tokenLosses(weights, ids), oneByOne(weights, ids), 1e-6);
  });

  it('of a text of one token or none are none', async () => {
    for (const ids of [Int32Array.of(), Int32Array.of(3)]) {
      expect(await tokenLosses(model(), ids)).toHaveLength(0);
    }
  });

  it('leave no tensor behind, not even when they are aborted', async () => {
    const weights = model();
    const ids = randomIds(2300);
    const options = { maxChunks: 2, shortestChunk: 256, longestChunk: 512 };
    await tokenLosses(weights, ids, options);
    const held = heldTensors();
    await tokenLosses(weights, ids, options);
    expect(heldTensors()).toEqual(held);

    const controller = new AbortController();
    const aborted = tokenLosses(weights, ids, {
      ...options,
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(aborted).rejects.toThrow('enough');
    expect(heldTensors()).toEqual(held);
    const signal = AbortSignal.abort(new Error('before'));
    await expect(tokenLosses(weights, ids, { signal })).rejects.toThrow('before');
    expect(heldTensors()).toEqual(held);
  });
});

describe('chunks side by side', () => {
  beforeAll(() => useBackend(testBackends[0]!));

  it.each([
    ['forgets soon', 0],
    ['keeps its state for hundreds of tokens', 5],
    ['hardly forgets at all', 9],
  ])('give the losses of one stream for a model that %s', async (_, updateBias) => {
    const weights = model(updateBias);
    const ids = randomIds(4 * 1024 + 4); // a tail of three tokens after eight chunks
    const one = await tokenLosses(weights, ids, { maxChunks: 1 });
    const many = await tokenLosses(weights, ids, { shortestChunk: 512 });
    expect(Math.abs(meanOf(many) - meanOf(one))).toBeLessThan(1e-5);
    expect(largestDifference(many, one)).toBeLessThan(1e-3);
    // Chunks that all began with zeros would have told the models with a memory apart.
    if (updateBias > 0) {
      const alone = await tokenLosses(weights, ids.subarray(2050));
      expect(largestDifference(alone, one.subarray(2050))).toBeGreaterThan(1e-2);
    }
  });

  it('score the tail from where the last chunk ended', async () => {
    const weights = model(5);
    const ids = randomIds(2 * 1024 + 2); // two chunks of 1024, one token left
    const one = await tokenLosses(weights, ids, { maxChunks: 1 });
    const two = await tokenLosses(weights, ids, { maxChunks: 2, shortestChunk: 1024 });
    expect(one).toHaveLength(2049);
    expect(Math.abs(two.at(-1)! - one.at(-1)!)).toBeLessThan(1e-4);
  });

  it('tell how much of the text they have gone through once', async () => {
    for (const longestChunk of [1024, 512]) {
      const shares: number[] = [];
      await tokenLosses(model(), randomIds(2049), {
        maxChunks: 2,
        shortestChunk: 512,
        longestChunk,
        onProgress: (share) => shares.push(share),
      });
      expect(shares).toEqual(Array.from({ length: 16 }, (_, window) => (window + 1) / 16));
    }
  });
});

describe.runIf(hasNativeOperations)('chunks side by side in bfloat16', () => {
  it('take little more than one pass, and come to the loss of one stream', async () => {
    await useBackend('native');
    for (const cell of ['gru', 'lstm'] as const) {
      const wide = { ...config, cell, embeddingSize: 16, hiddenSize: 64 };
      const parameters = initialParameters(wide, new Random(1));
      for (const { data } of parameters.values())
        for (let i = 0; i < data.length; i++) data[i]! *= 1.5;
      const score = async (options: Partial<ScoreOptions>) => {
        let windows = 0;
        const all: number[] = [];
        await scoreTokens(wide, weightsOf(parameters), new TokenArray(randomIds(4097)), {
          ...options,
          precision: 'bfloat16',
          signal: { throwIfAborted: () => (windows += 1) } as unknown as AbortSignal,
          onLosses: ({ losses }) => all.push(...losses),
        });
        return { windows, losses: Float32Array.from(all) };
      };
      const [one, many] = [await score({ maxChunks: 1 }), await score({ shortestChunk: 512 })];
      // Eight windows of eight chunks, and again until the chunks have come to where they had been.
      expect(many.windows).toBeLessThanOrEqual(16);
      expect(Math.abs(meanOf(many.losses) - meanOf(one.losses))).toBeLessThan(1e-3);
    }
  });
});

describe('blocks', () => {
  beforeAll(() => useBackend(testBackends[0]!));

  it.each([
    ['forgets soon', 0],
    ['hardly forgets at all', 9],
  ])('give the losses of one stream for a model that %s', async (_, updateBias) => {
    const weights = model(updateBias);
    const ids = randomIds(1800);
    const one = await tokenLosses(weights, ids, { maxChunks: 1 });
    const blocks: number[] = [];
    const totals = new LossTotals();
    await scoreTokens(config, weights, new TokenArray(ids), {
      maxChunks: 4,
      shortestChunk: 128,
      longestChunk: 150, // blocks of 599, 600 and 600 tokens, in chunks of 149 and 150
      onLosses: (scored) => {
        totals.add(scored);
        blocks.push(scored.losses.length);
        const place = scored.start - 1;
        const expected = one.subarray(place, place + scored.losses.length);
        expect(largestDifference(scored.losses, expected)).toBeLessThan(1e-3);
      },
    });
    expect(blocks).toEqual([599, 600, 600]);
    expect(Math.abs(totals.mean - meanOf(one))).toBeLessThan(1e-5);
  });

  it('leave no tensor behind wherever they are aborted', async () => {
    const weights = model(9);
    const ids = randomIds(2881);
    // Two blocks of nine chunks of two windows: seven passes side by side, then one by one.
    const options = { maxChunks: 10, shortestChunk: 160, longestChunk: 160 };
    const abortedAt = (pauses: number) => {
      let left = pauses;
      const throwIfAborted = () => {
        if (left-- === 0) throw new Error('enough');
      };
      return tokenLosses(weights, ids, { ...options, signal: { throwIfAborted } as AbortSignal });
    };
    expect(await tokenLosses(weights, ids, options)).toHaveLength(2880);
    const held = heldTensors();
    for (const pauses of [1, 3, 16, 21]) {
      await expect(abortedAt(pauses)).rejects.toThrow('enough');
      expect(heldTensors()).toEqual(held);
    }
  });
});
