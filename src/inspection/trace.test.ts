import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type TestBackend, testBackends, useBackend } from '../../test/support/backends.ts';
import { readFixture } from '../../test/support/fixtures.ts';
import { randomIds, randomParameters, randomWeights } from '../../test/support/models.ts';
import { expectClose, heldTensors, valuesOf } from '../../test/support/numbers.ts';
import { TokenArray } from '../data/token-sequence.ts';
import { scoreTokens } from '../evaluation/evaluate.ts';
import { forward, type Weights, zeroState } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { logProbabilitiesOf } from '../model/predictions.ts';
import { weightsOf } from '../model/weights.ts';
import type { TensorMap } from '../tensor-data.ts';
import type { Activity } from './activity.ts';
import { type Trace, traceText } from './trace.ts';

interface Golden {
  cell: NonNullable<ModelConfig['cell']>;
  gruVariant: ModelConfig['gruVariant'];
  parameters: Record<string, { shape: number[]; data: number[] }>;
  ids: number[];
  surprises: number[];
  layers: Record<string, number[]>[];
}

const { sizes, cases } = readFixture<{
  sizes: { V: number; E: number; H: number; layers: number };
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

/** More than two windows of an evaluation. */
const LONG = 150;

function trace(config: ModelConfig, weights: Weights, ids: Int32Array): Promise<Trace> {
  return traceText(config, weights, ids, { alternatives: 3 });
}

describe.each(testBackends)('a trace on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(cases)(
    'has the surprises, gates and states of PyTorch ($cell, $gruVariant)',
    async (golden) => {
      const { V, E, H, layers } = sizes;
      const { cell, gruVariant } = golden;
      const config = {
        ...base,
        vocabularySize: V,
        embeddingSize: E,
        hiddenSize: H,
        layers,
        cell,
        gruVariant,
      };
      const parameters: TensorMap = new Map(
        Object.entries(golden.parameters).map(([name, { shape, data }]) => [
          name,
          { shape, data: Float32Array.from(data) },
        ]),
      );
      const found = await trace(config, weightsOf(parameters), Int32Array.from(golden.ids));
      expectClose(found.surprises.subarray(1), golden.surprises, 1e-5);
      for (const [k, activities] of golden.layers.entries()) {
        expect(Object.keys(found.layers[k]!.activities)).toEqual(Object.keys(activities));
        for (const [name, values] of Object.entries(activities)) {
          expectClose(
            found.layers[k]!.activities[name as Activity]!,
            values,
            1e-5,
            `${name}, layer ${k}`,
          );
        }
      }
    },
  );

  it.each<[string, Partial<ModelConfig>]>([
    ['reset-after', {}],
    ['reset-before', { gruVariant: 'reset-before' }],
    ['LSTMs', { cell: 'lstm' }],
    ['minGRUs', { cell: 'mingru' }],
    ['RNNs', { cell: 'rnn', activation: 'relu' }],
    ['attention', { layers: 3, attentionSpan: 70 }],
    ['an adaptive softmax', { softmaxCutoffs: [3, 6] }],
    ['tied weights and a projection', { tied: true }],
    ['batch normalisation', { norm: 'batch', residual: true }],
  ])('has the losses of an evaluation to the bit, with %s', async (_, options) => {
    const config = { ...base, ...options };
    const weights = randomWeights(config, 1);
    const ids = randomIds(config, LONG);
    const losses: number[] = [];
    await scoreTokens(config, weights, new TokenArray(ids), {
      onLosses: (scored) => losses.push(...scored.losses),
    });
    const { surprises } = await trace(config, weights, ids);
    expect(surprises[0]).toBeNaN();
    expect([...surprises.subarray(1)]).toEqual(losses);
  });

  it('leaves no tensor behind', async () => {
    const weights = randomWeights(base, 1);
    const ids = randomIds(base, 70);
    await trace(base, weights, ids);
    const held = heldTensors();
    await trace(base, weights, ids);
    expect(heldTensors()).toEqual(held);
  });
});

/** A layer's weight or bias as rows of plain numbers. */
function rowsOf(parameters: TensorMap, name: string): number[][] {
  const { shape, data } = parameters.get(name)!;
  const width = shape[1] ?? 1;
  return Array.from({ length: shape[0]! }, (_, i) => [
    ...data.subarray(i * width, (i + 1) * width),
  ]);
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, x, i) => sum + x * b[i]!, 0);

/** Gates, cells and states token by token, by each cell's formulas in plain arithmetic. */
function byHand(
  config: ModelConfig,
  parameters: TensorMap,
  ids: Int32Array,
): Record<string, number[]>[] {
  const { cell = 'gru', gruVariant, hiddenSize: H, layers } = config;
  const embedding = rowsOf(parameters, 'embedding.weight');
  const found: Record<string, number[]>[] = Array.from({ length: layers }, () => ({}));
  const states = found.map(() => ({
    h: new Array<number>(H).fill(0),
    c: new Array<number>(H).fill(0),
  }));
  for (const id of ids) {
    let x = embedding[id]!;
    for (let k = 0; k < layers; k++) {
      const of = (name: string) => rowsOf(parameters, `${cell}.${name}_l${k}`);
      const [wi, wh, bi] = [of('weight_ih'), of('weight_hh'), of('bias_ih')];
      const bh = parameters.has(`${cell}.bias_hh_l${k}`) ? of('bias_hh') : bi.map(() => [0]);
      const { h, c } = states[k]!;
      const inputSum = (row: number) => dot(wi[row]!, x) + bi[row]![0]!;
      const gate = (row: number) => sigmoid(inputSum(row) + dot(wh[row]!, h) + bh[row]![0]!);
      const at = (make: (unit: number) => number) =>
        Array.from({ length: H }, (_, unit) => make(unit));
      let does: Record<string, number[]>;
      if (cell === 'lstm') {
        const [input, forget, output] = [
          at(gate),
          at((u) => gate(H + u)),
          at((u) => gate(3 * H + u)),
        ];
        const candidate = at((u) =>
          Math.tanh(inputSum(2 * H + u) + dot(wh[2 * H + u]!, h) + bh[2 * H + u]![0]!),
        );
        const next = at((u) => forget[u]! * c[u]! + input[u]! * candidate[u]!);
        does = {
          input,
          forget,
          output,
          cell: next,
          state: at((u) => output[u]! * Math.tanh(next[u]!)),
        };
        states[k]!.c = next;
      } else {
        const [reset, update] = [at(gate), at((u) => gate(H + u))];
        const resets = gruVariant === 'reset-before';
        const read = resets ? h.map((value, u) => reset[u]! * value) : h;
        const candidate = at((u) => {
          const recurrent = dot(wh[2 * H + u]!, read) + bh[2 * H + u]![0]!;
          return Math.tanh(inputSum(2 * H + u) + (resets ? 1 : reset[u]!) * recurrent);
        });
        const share = (u: number) => (resets ? update[u]! : 1 - update[u]!);
        const state = at((u) => h[u]! + share(u) * (candidate[u]! - h[u]!));
        does = { update, reset, state };
      }
      states[k]!.h = x = does.state!;
      for (const [name, values] of Object.entries(does)) {
        found[k]![name] ??= [];
        found[k]![name]!.push(...values);
      }
    }
  }
  return found;
}

describe.each<TestBackend>(['wasm', 'cpu'])('a trace of a long text on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each<[string, Partial<ModelConfig>]>([
    ['reset-after', {}],
    ['reset-before', { gruVariant: 'reset-before' }],
    ['LSTMs', { cell: 'lstm' }],
  ])(
    'has the gates and states of arithmetic by hand, token by token, with %s',
    async (_, options) => {
      const config = { ...base, ...options };
      const parameters = randomParameters(config, 4);
      const ids = randomIds(config, LONG);
      const found = await trace(config, weightsOf(parameters), ids);
      for (const [k, activities] of byHand(config, parameters, ids).entries()) {
        for (const [name, values] of Object.entries(activities)) {
          expectClose(
            found.layers[k]!.activities[name as Activity]!,
            values,
            2e-5,
            `${name}, layer ${k}`,
          );
        }
      }
    },
  );

  it('names the likeliest tokens at each place and after the last, ranks and entropies', async () => {
    const weights = randomWeights(base, 1);
    const ids = randomIds(base, LONG);
    const found = await trace(base, weights, ids);
    const { features } = forward(base, weights, tf.tensor1d(ids), zeroState(base, 1));
    const all = logProbabilitiesOf(weights, features).arraySync();
    expect(found.alternatives[0]).toEqual([]);
    expect(found.ranks[0]).toBe(0);
    expect(found.entropies[0]).toBeNaN();
    for (const [i, row] of all.entries()) {
      const place = i + 1;
      const inOrder = row.map((value, id) => [value, id] as const).sort((a, b) => b[0] - a[0]);
      const named = place < LONG ? found.alternatives[place]! : found.next;
      expect(named.map(({ id }) => id)).toEqual(inOrder.slice(0, 3).map(([, id]) => id));
      expectClose(
        named.map((each) => each.logProbability),
        inOrder.slice(0, 3).map(([p]) => p),
        1e-5,
      );
      if (place === LONG) continue;
      expect(found.ranks[place]).toBe(inOrder.findIndex(([, id]) => id === ids[place]) + 1);
      expect(found.surprises[place]).toBeCloseTo(-row[ids[place]!]!, 5);
      const entropy = row.reduce((sum, p) => sum - Math.exp(p) * p, 0);
      expect(found.entropies[place]).toBeCloseTo(entropy, 5);
    }
  });

  it('of one token says what comes next', async () => {
    const weights = randomWeights(base, 1);
    const found = await trace(base, weights, Int32Array.of(3));
    expect([...found.surprises]).toEqual([Number.NaN]);
    expect(found.next).toHaveLength(3);
    expect(valuesOf(weights['fc.bias']!)).toHaveLength(9); // the weights are still there
  });

  it('ends when it is told to', async () => {
    const aborted = AbortSignal.abort();
    const options = { alternatives: 1, signal: aborted };
    const running = traceText(base, randomWeights(base, 1), randomIds(base, LONG), options);
    await expect(running).rejects.toThrow('aborted');
  });
});
