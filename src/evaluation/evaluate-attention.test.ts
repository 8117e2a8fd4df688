/** Chunks side by side of models whose layers attend to what was before the chunk. */
import { beforeAll, describe, expect, it } from 'vitest';
import { hasNativeOperations, useBackend } from '../../test/support/backends.ts';
import { heldTensors, largestDifference, randomValues } from '../../test/support/numbers.ts';
import { TokenArray } from '../data/token-sequence.ts';
import type { Weights } from '../model/language-model.ts';
import { elementCount, type ModelConfig, parameterSpecs } from '../model/parameters.ts';
import { weightsOf } from '../model/weights.ts';
import { Random } from '../random.ts';
import { type ScoreOptions, scoreTokens } from './evaluate.ts';

const config: ModelConfig = {
  vocabularySize: 7,
  embeddingSize: 4,
  hiddenSize: 6,
  layers: 3,
  gruVariant: 'reset-after',
  attentionSpan: 70, // more than a window of the evaluation has
  dropout: 0,
};

/** Random weights, by which all that is remembered matters; `updateBias` is added to the update gates. */
function model(updateBias: number): Weights {
  const random = new Random(3);
  return weightsOf(
    new Map(
      parameterSpecs(config).map(({ name, shape }) => {
        const data = randomValues(random, elementCount(shape), 1.5);
        if (name.startsWith('gru.bias_ih')) {
          data.fill(updateBias, config.hiddenSize, 2 * config.hiddenSize);
        }
        return [name, { shape, data }];
      }),
    ),
  );
}

function randomIds(count: number): Int32Array {
  const random = new Random(2);
  return Int32Array.from({ length: count }, () => random.integer(config.vocabularySize));
}

async function tokenLosses(
  weights: Weights,
  ids: Int32Array,
  options: Partial<ScoreOptions>,
): Promise<Float32Array> {
  const all: number[] = [];
  const onLosses: ScoreOptions['onLosses'] = ({ losses }) => all.push(...losses);
  await scoreTokens(config, weights, new TokenArray(ids), { ...options, onLosses });
  return Float32Array.from(all);
}

describe('a model that attends', () => {
  beforeAll(() => useBackend(hasNativeOperations ? 'native' : 'tensorflow'));

  it.each([
    ['forgets soon', -2, 4],
    ['keeps its state for long', 4, 4],
    ['hardly forgets at all', 9, 8],
    ['is in more chunks than passes', 9, 12],
  ])('has the losses of one stream where it %s', async (_, updateBias, maxChunks) => {
    const weights = model(updateBias);
    const ids = randomIds(4 * 600 + 4);
    const one = await tokenLosses(weights, ids, { maxChunks: 1 });
    const many = await tokenLosses(weights, ids, { maxChunks, shortestChunk: 200 });
    expect(largestDifference(many, one)).toBeLessThan(1e-3);
    // Chunks that all began with nothing to attend to would have told.
    const alone = await tokenLosses(weights, ids.subarray(1201), {});
    expect(largestDifference(alone, one.subarray(1201))).toBeGreaterThan(1e-2);
  });

  it('is gone through little more than once where it forgets soon', async () => {
    let windows = 0;
    const signal = { throwIfAborted: () => (windows += 1) } as unknown as AbortSignal;
    await tokenLosses(model(-2), randomIds(4 * 640 + 1), {
      maxChunks: 4,
      shortestChunk: 640,
      signal,
    });
    // Ten windows, and again until the states were the same for four: two layers look 70 steps back each.
    expect(windows).toBeGreaterThanOrEqual(14);
    expect(windows).toBeLessThan(20);
  });

  it('leaves no tensor behind wherever its evaluation is aborted', async () => {
    const weights = model(9);
    const ids = randomIds(2881);
    const options = { maxChunks: 10, shortestChunk: 160, longestChunk: 160 };
    await tokenLosses(weights, ids, options);
    const held = heldTensors();
    for (const pauses of [1, 4, 16, 24]) {
      let left = pauses;
      const throwIfAborted = () => {
        if (left-- === 0) throw new Error('enough');
      };
      const signal = { throwIfAborted } as AbortSignal;
      await expect(tokenLosses(weights, ids, { ...options, signal })).rejects.toThrow('enough');
      expect(heldTensors()).toEqual(held);
    }
  });
});
