import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasNativeOperations, testBackends, useBackend } from '../../test/support/backends.ts';
import { readFixture } from '../../test/support/fixtures.ts';
import { randomIds, randomWeights } from '../../test/support/models.ts';
import {
  expectClose,
  finiteDifferences,
  heldTensors,
  valuesOf,
} from '../../test/support/numbers.ts';
import { forward, type HiddenState, type Weights, zeroState } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { logProbabilitiesOf } from '../model/predictions.ts';
import { weightsOf } from '../model/weights.ts';
import { type Saliency, weighTokens } from './saliency.ts';
import { traceText } from './trace.ts';

interface Golden {
  cell: NonNullable<ModelConfig['cell']>;
  gruVariant: ModelConfig['gruVariant'];
  parameters: Record<string, { shape: number[]; data: number[] }>;
  ids: number[];
  contributions: number[];
  gradients: number[];
}

const { sizes, cases, place, span } = readFixture<{
  sizes: { V: number; E: number; H: number; layers: number };
  place: number;
  span: number;
  cases: Golden[];
}>('inspection');

const base: ModelConfig = {
  vocabularySize: 9,
  embeddingSize: 4,
  hiddenSize: 6,
  layers: 2,
  gruVariant: 'reset-after',
  dropout: 0.5,
};

async function weigh(
  config: ModelConfig,
  weights: Weights,
  ids: Int32Array,
  places: number[],
  mostTokens: number,
): Promise<Saliency[]> {
  const trace = await traceText(config, weights, ids, { alternatives: 1, keepsBelow: true });
  return weighTokens(config, weights, trace, places, { span: mostTokens });
}

describe.each(testBackends)('saliency on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(cases)('is gradient × input of PyTorch ($cell, $gruVariant)', async (golden) => {
    const { V, E, H, layers } = sizes;
    const { cell, gruVariant, parameters } = golden;
    const config = {
      ...base,
      vocabularySize: V,
      embeddingSize: E,
      hiddenSize: H,
      layers,
      cell,
      gruVariant,
    };
    const weights = weightsOf(
      new Map(
        Object.entries(parameters).map(([name, { shape, data }]) => [
          name,
          { shape, data: Float32Array.from(data) },
        ]),
      ),
    );
    const [found] = await weigh(config, weights, Int32Array.from(golden.ids), [place], span);
    expect(found).toMatchObject({ place, start: place - span });
    expectClose(found!.contributions, golden.contributions, 1e-5);
    expectClose(found!.gradients, golden.gradients, 1e-5);
  });

  it('leaves no tensor behind', async () => {
    const weights = randomWeights(base, 1);
    const use = () => weigh(base, weights, randomIds(base, 20), [3, 19], 8);
    await use();
    const held = heldTensors();
    await use();
    expect(heldTensors()).toEqual(held);
  });
});

/** The states before `start`, of a model that read the text up to there at once. */
function stateBefore(
  config: ModelConfig,
  weights: Weights,
  ids: Int32Array,
  start: number,
): HiddenState {
  const zeros = zeroState(config, 1);
  return start === 0
    ? zeros
    : forward(config, weights, tf.tensor1d(ids.slice(0, start)), zeros).state;
}

/** The same by moving each number of each embedding a little. */
function byDifferences(
  config: ModelConfig,
  weights: Weights,
  ids: Int32Array,
  at: number,
  start: number,
): { contributions: number[]; gradients: number[] } {
  const E = config.embeddingSize;
  const read = ids.slice(start, at);
  const rows = tf.gather(weights['embedding.weight'] as tf.Tensor2D, tf.tensor1d(read));
  const state = stateBefore(config, weights, ids, start);
  const logProbability = ([embeddings]: tf.Tensor[]) => {
    const own = { ...weights, 'embedding.weight': embeddings! };
    const { features } = forward(config, own, tf.range(0, read.length, 1, 'int32'), state);
    const last = tf.slice(features, read.length - 1, 1);
    return tf.slice(logProbabilitiesOf(weights, last), [0, ids[at]!], [1, 1]);
  };
  const [gradient] = finiteDifferences(logProbability, [rows], Float32Array.of(1));
  const values = valuesOf(rows);
  const token = (i: number) => Array.from(gradient!.subarray(i * E, (i + 1) * E));
  return {
    contributions: Array.from(read, (_, i) =>
      token(i).reduce((sum, each, e) => sum + each * values[i * E + e]!, 0),
    ),
    gradients: Array.from(read, (_, i) => Math.hypot(...token(i))),
  };
}

describe('saliency', () => {
  beforeAll(() => useBackend('wasm'));

  it.each<[string, Partial<ModelConfig>]>([
    ['reset-after', {}],
    ['reset-before', { gruVariant: 'reset-before' }],
    ['LSTMs', { cell: 'lstm' }],
    ['minGRUs', { cell: 'mingru' }],
    ['RNNs', { cell: 'rnn' }],
    ['attention', { layers: 3, attentionSpan: 5 }],
    ['attention to more than there is', { attentionSpan: 40 }],
    ['an adaptive softmax', { softmaxCutoffs: [3, 6] }],
    ['tied weights', { tied: true, embeddingSize: 6 }],
    ['tied weights and a projection', { tied: true }],
    ['layer normalisation', { norm: 'layer', residual: true }],
    ['batch normalisation', { norm: 'batch', residual: true, embeddingSize: 6 }],
  ])('is that of finite differences, with %s', async (_, options) => {
    const config = { ...base, ...options };
    const weights = randomWeights(config, 5, 0.6);
    const ids = randomIds(config, 24);
    const places = [2, 23]; // one that has fewer tokens before it than are weighed
    for (const found of await weigh(config, weights, ids, places, 6)) {
      expect(found.start).toBe(Math.max(0, found.place - 6));
      const expected = byDifferences(config, weights, ids, found.place, found.start);
      expectClose(
        found.contributions,
        expected.contributions,
        2e-4,
        `contributions at ${found.place}`,
      );
      expectClose(found.gradients, expected.gradients, 2e-4, `gradients at ${found.place}`);
    }
  });

  it('of a place is the same whichever others are asked for', async () => {
    const weights = randomWeights(base, 5);
    const ids = randomIds(base, 100);
    const all = await weigh(base, weights, ids, Array.from(ids.keys()).slice(1), 10);
    expect(all.map((each) => each.place)).toEqual(Array.from({ length: 99 }, (_, i) => i + 1));
    for (const at of [1, 40, 99]) {
      const [alone] = await weigh(base, weights, ids, [at], 10);
      expect(alone!.contributions).toHaveLength(Math.min(at, 10));
      expectClose(all[at - 1]!.contributions, alone!.contributions, 1e-6);
      expectClose(all[at - 1]!.gradients, alone!.gradients, 1e-6);
    }
  });

  const inBfloat16 = 'in bfloat16 is that of float32 up to a twentieth of the largest of its place';
  it.runIf(hasNativeOperations)(inBfloat16, async () => {
    await useBackend('native');
    for (const gruVariant of ['reset-after', 'reset-before'] as const) {
      const config = { ...base, hiddenSize: 48, embeddingSize: 24, gruVariant };
      const weights = randomWeights(config, 3, 0.3);
      const ids = randomIds(config, 40);
      const trace = await traceText(config, weights, ids, { alternatives: 1 });
      const places = [5, 20, 39];
      const full = await weighTokens(config, weights, trace, places, { span: 16 });
      const precision = 'bfloat16';
      const short = await weighTokens(config, weights, trace, places, { span: 16, precision });
      expect(short).not.toEqual(full);
      for (const [i, { contributions, gradients }] of full.entries()) {
        const near = (found: Float32Array, expected: Float32Array) => {
          const most = Math.max(...expected.map(Math.abs));
          for (const [t, value] of expected.entries()) {
            expect(Math.abs(found[t]! - value)).toBeLessThan(most / 20);
          }
        };
        near(short[i]!.contributions, contributions);
        near(short[i]!.gradients, gradients);
      }
      tf.dispose(weights as Record<string, tf.Tensor>);
    }
  });

  it('needs what layers attend to', async () => {
    const config = { ...base, attentionSpan: 3 };
    const weights = randomWeights(config, 1);
    const trace = await traceText(config, weights, randomIds(config, 5), { alternatives: 1 });
    await expect(weighTokens(config, weights, trace, [2], { span: 2 })).rejects.toThrow(
      'expected a trace that keeps what layers attend to',
    );
  });
});
