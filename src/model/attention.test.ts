import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { readFixture } from '../../test/support/fixtures.ts';
import { expectClose, heldTensors, randomValues, valuesOf } from '../../test/support/numbers.ts';
import { linearCrossEntropy } from '../ops/linear-cross-entropy.ts';
import { Random } from '../random.ts';
import type { TensorMap } from '../tensor-data.ts';
import {
  forward,
  type HiddenState,
  logitsOf,
  outputLayer,
  type Weights,
  zeroState,
} from './language-model.ts';
import { elementCount, type ModelConfig, parameterCount, parameterSpecs } from './parameters.ts';
import { stateSpecs } from './states.ts';
import { initialParameters, weightsOf } from './weights.ts';

interface Golden {
  sizes: { V: number; H: number; M: number; T: number; B: number };
  stateDict: Record<string, { shape: number[]; data: number[] }>;
  ids: number[];
  targets: number[];
  hidden: number[];
  memory: number[];
  logits: number[];
  lastHidden: number[];
  lastMemory: number[];
  loss: number;
  gradients: Record<string, number[]>;
}

const golden = readFixture<Golden>('language-model-attention');
const { V, H, M, T, B } = golden.sizes;
const config: ModelConfig = {
  vocabularySize: V,
  embeddingSize: H,
  hiddenSize: H,
  layers: 3,
  gruVariant: 'reset-after',
  residual: true,
  norm: 'layer',
  attentionSpan: M,
  dropout: 0,
};

function goldenState(): HiddenState {
  return [
    ...tf.unstack(tf.tensor3d(golden.hidden, [3, B, H])),
    ...tf.unstack(tf.tensor3d(golden.memory, [2, B, M * H])),
  ] as HiddenState;
}

function goldenWeights(): Weights {
  return weightsOf(
    new Map(
      Object.entries(golden.stateDict).map(([name, { shape, data }]) => [
        name,
        { shape, data: Float32Array.from(data) },
      ]),
    ),
  );
}

/** Weights of which none is 0, as those of attention are at first. */
function randomParameters(model: ModelConfig): TensorMap {
  const random = new Random(8);
  return new Map(
    parameterSpecs(model).map(({ name, shape }) => [
      name,
      { shape, data: randomValues(random, elementCount(shape)) },
    ]),
  );
}

/** The loss and the gradient of each parameter, by name. */
function lossAndGradients(
  model: ModelConfig,
  weights: Weights,
  state: () => HiddenState,
  dropout?: Random,
): Record<string, Float32Array> {
  const names = parameterSpecs(model).map(({ name }) => name);
  return tf.tidy(() => {
    const { value, grads } = tf.engine().gradients(
      () => {
        const ids = tf.tensor1d(golden.ids, 'int32');
        const { features } = forward(model, weights, ids, state(), { dropout });
        const labels = tf.tensor1d(golden.targets, 'int32');
        return linearCrossEntropy(...outputLayer(weights, features), labels);
      },
      names.map((name) => weights[name]!),
    );
    const gradients = Object.fromEntries(grads.map((g, i) => [names[i]!, valuesOf(g)]));
    return { loss: valuesOf(value), ...gradients };
  });
}

describe.each(testBackends)('on %s a model that attends', (backend) => {
  beforeAll(() => useBackend(backend));

  it('has the logits, states and memories of PyTorch', () => {
    const ids = tf.tensor1d(golden.ids, 'int32');
    const { features, state } = forward(config, goldenWeights(), ids, goldenState());
    expectClose(valuesOf(logitsOf(goldenWeights(), features)), golden.logits, 1e-5);
    expect(state.map(({ shape }) => shape)).toEqual(
      stateSpecs(config, B).map(({ shape }) => shape),
    );
    const values = state.flatMap((each) => [...valuesOf(each)]);
    expectClose(values, [...golden.lastHidden, ...golden.lastMemory], 1e-5);
  });

  it('has the loss and the gradient of every parameter of PyTorch', () => {
    const { loss, ...gradients } = lossAndGradients(config, goldenWeights(), goldenState);
    expectClose(loss!, [golden.loss], 1e-5);
    expect(Object.keys(gradients).sort()).toEqual(Object.keys(golden.gradients).sort());
    for (const [name, gradient] of Object.entries(gradients)) {
      expectClose(gradient, golden.gradients[name]!, 2e-5, name);
    }
  });

  it.each([
    ['the memory', 2, {}],
    ['a single step', 1, { cell: 'lstm' as const }],
    ['all but a step', T - 1, { cell: 'rnn' as const, norm: 'none' as const }],
    ['more than the memory', 5, { cell: 'mingru' as const, attentionSpan: 3 }],
  ])('reads a text in parts as at once, the first as long as %s', (_, length, more) => {
    const model = { ...config, ...more };
    const weights = weightsOf(randomParameters(model));
    const run = (from: number, to: number, state: HiddenState) =>
      forward(model, weights, tf.tensor1d(golden.ids.slice(from * B, to * B), 'int32'), state);
    const whole = run(0, T, zeroState(model, B));
    const first = run(0, length, zeroState(model, B));
    const second = run(length, T, first.state);
    const features = [first, second].flatMap((part) => [...valuesOf(part.features)]);
    expectClose(features, valuesOf(whole.features), 1e-5);
    for (const [i, state] of second.state.entries()) {
      expectClose(valuesOf(state), valuesOf(whole.state[i]!), 1e-5);
    }
  });

  it('says the same of earlier tokens whatever follows them', () => {
    const weights = weightsOf(randomParameters(config));
    const featuresOf = (ids: number[]) =>
      valuesOf(forward(config, weights, tf.tensor1d(ids, 'int32'), zeroState(config, B)).features);
    const before = featuresOf(golden.ids);
    for (let t = 0; t < T; t++) {
      const changed = golden.ids.map((id, i) => (i < t * B ? id : (id + 1) % V));
      const after = featuresOf(changed);
      expect(after.subarray(0, t * B * H)).toEqual(before.subarray(0, t * B * H));
      expect(after.subarray(t * B * H)).not.toEqual(before.subarray(t * B * H));
    }
  });

  it('is at first as one that does not', () => {
    const parameters = initialParameters(config, new Random(2));
    const weights = weightsOf(parameters);
    const ids = tf.tensor1d(golden.ids, 'int32');
    const plain = { ...config, attentionSpan: undefined };
    const expected = forward(plain, weights, ids, zeroState(plain, B));
    const found = forward(config, weights, ids, zeroState(config, B));
    expect(valuesOf(found.features)).toEqual(valuesOf(expected.features));
  });

  it('leaves no tensor behind', () => {
    const weights = goldenWeights();
    const run = () => lossAndGradients(config, weights, goldenState);
    run();
    const held = heldTensors();
    run();
    expect(heldTensors()).toEqual(held);
  });
});

describe('attention', () => {
  it.each([
    ['LSTMs', { cell: 'lstm' as const }],
    ['minGRUs', { cell: 'mingru' as const }],
    ['batch normalisation', { norm: 'batch' as const, residual: false }],
    ['reset-before', { gruVariant: 'reset-before' as const, norm: 'none' as const }],
  ])('has the same loss and gradients on all backends, with %s and dropout', async (_, more) => {
    const model = { ...config, ...more, dropout: 0.3 };
    const parameters = randomParameters(model);
    const results = [];
    for (const backend of testBackends) {
      await useBackend(backend);
      const zeros = () => zeroState(model, B);
      results.push(lossAndGradients(model, weightsOf(parameters), zeros, new Random(4)));
    }
    const [reference, ...others] = results;
    for (const other of others) {
      for (const [name, values] of Object.entries(reference!)) {
        expectClose(other[name]!, values, 2e-5, name);
      }
    }
  });

  it('adds matrices and memories to the layers above the first, with keys of 64 at most', () => {
    const wide = { ...config, hiddenSize: 80, attentionSpan: 9 };
    const added = parameterSpecs(wide).filter(({ name }) => name.startsWith('attention.'));
    expect(added.slice(0, 4)).toEqual([
      { name: 'attention.1.query.weight', shape: [64, 80] },
      { name: 'attention.1.key.weight', shape: [64, 80] },
      { name: 'attention.1.value.weight', shape: [80, 80] },
      { name: 'attention.1.distance', shape: [9] },
    ]);
    expect(added).toHaveLength(8);
    const without = { ...wide, attentionSpan: undefined };
    const count = 2 * (2 * 64 * 80 + 80 * 80 + 9);
    expect(parameterCount(wide) - parameterCount(without)).toBe(count);
    expect(stateSpecs(wide, 2).slice(3)).toEqual([
      { name: 'memory_l1', shape: [2, 720] },
      { name: 'memory_l2', shape: [2, 720] },
    ]);
    expect(stateSpecs({ ...without, cell: 'lstm' }, 2).map(({ name }) => name)).toEqual(
      [0, 1, 2].flatMap((layer) => [`h_l${layer}`, `c_l${layer}`]),
    );
  });
});
