import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { readFixture } from '../../test/support/fixtures.ts';
import {
  expectClose,
  expectNoTensorsLeft,
  finiteDifferences,
  gradientsOf,
  randomTensor,
  randomValues,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import type { Activation } from './activation.ts';
import { type RnnTensors, rnnSequence } from './rnn-sequence.ts';
import './core-gradients.ts';

/** T steps, B batch, I input size, H hidden size. */
interface Sizes {
  T: number;
  B: number;
  I: number;
  H: number;
}

interface Golden extends Sizes {
  activation: Activation;
  tensors: Record<string, number[]>;
  outputs: number[];
  outputGradient: number[];
  gradients: Record<string, number[]>;
}

const goldens = readFixture<{ cases: Golden[] }>('rnn-sequence').cases;
const activations: readonly Activation[] = ['tanh', 'relu', 'leaky-relu'];
/** Float32's own share, over a few dozen sums of numbers near 1. */
const TOLERANCE = 1e-5;

/** The tensors of a layer in the order of `rnnSequence`, by name. */
function rnnTensors(
  { T, B, I, H }: Sizes,
  make: (shape: number[], name: string) => tf.Tensor,
): RnnTensors {
  const shapes = {
    inputs: [T, B, I],
    initialState: [B, H],
    weightIh: [H, I],
    weightHh: [H, H],
    biasIh: [H],
    biasHh: [H],
  };
  const entries = Object.entries(shapes).map(([name, shape]) => [name, make(shape, name)]);
  return Object.fromEntries(entries) as RnnTensors;
}

function randomRnnTensors(seed: number, sizes: Sizes): RnnTensors {
  const random = new Random(seed);
  return rnnTensors(sizes, (shape) => randomTensor(random, shape));
}

function goldenTensors(golden: Golden): RnnTensors {
  return rnnTensors(golden, (shape, name) =>
    tf.tensor(Float32Array.from(golden.tensors[name]!), shape),
  );
}

it('has a golden of each activation', () => {
  expect(new Set(goldens.map(({ activation }) => activation))).toEqual(new Set(activations));
});

describe.each(testBackends)('rnnSequence on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(goldens)('has the outputs of PyTorch with $activation for T=$T B=$B', (golden) => {
    const outputs = rnnSequence(goldenTensors(golden), golden.activation);
    expect(outputs.shape).toEqual([golden.T, golden.B, golden.H]);
    expectClose(valuesOf(outputs), golden.outputs, TOLERANCE);
  });

  it.each(goldens)('has the gradients of PyTorch with $activation for T=$T B=$B', (golden) => {
    const tensors = goldenTensors(golden);
    const gradients = gradientsOf(
      () => rnnSequence(tensors, golden.activation),
      Object.values(tensors),
      Float32Array.from(golden.outputGradient),
    );
    for (const [i, name] of Object.keys(tensors).entries()) {
      expectClose(gradients[i]!, golden.gradients[name]!, TOLERANCE, name);
    }
  });

  it('computes the definition by hand', () => {
    const tensors: RnnTensors = {
      inputs: tf.tensor3d([1, -2], [2, 1, 1]),
      initialState: tf.tensor2d([[3, -1]]),
      weightIh: tf.tensor2d([[2], [-1]]),
      weightHh: tf.tensor2d([
        [0.5, 1],
        [0, 4],
      ]),
      biasIh: tf.tensor1d([0.25, 0]),
      biasHh: tf.tensor1d([0.25, 1]),
    };
    // Step 1: 2 + 1.5 − 1 + 0.5 = 3 and −1 − 4 + 1 = −4; step 2: −4 + 1.5 + h₁ + 0.5 and 2 + 4 h₁ + 1.
    expect([...valuesOf(rnnSequence(tensors, 'relu'))]).toEqual([3, 0, 0, 3]);
    expectClose(valuesOf(rnnSequence(tensors, 'leaky-relu')), [3, -0.04, -0.0204, 2.84], 1e-6);
    const [a, b] = [Math.tanh(3), Math.tanh(-4)];
    const second = [Math.tanh(-4 + 0.5 * a + b + 0.5), Math.tanh(2 + 4 * b + 1)];
    expectClose(valuesOf(rnnSequence(tensors)), [a, b, ...second], 1e-6);
  });

  it.each([
    { T: 1, B: 2, I: 2, H: 2 },
    { T: 3, B: 1, I: 3, H: 2 },
    { T: 5, B: 2, I: 1, H: 3 },
  ])('has the gradients that finite differences give for %o', (sizes) => {
    const tensors = randomRnnTensors(11, sizes);
    const list = Object.values(tensors) as tf.Tensor[];
    const upstream = randomValues(new Random(12), sizes.T * sizes.B * sizes.H);
    const found = gradientsOf(() => rnnSequence(tensors), list, upstream);
    const restored = (moved: readonly tf.Tensor[]) => {
      let next = 0;
      return rnnTensors(sizes, () => moved[next++]!);
    };
    const expected = finiteDifferences((moved) => rnnSequence(restored(moved)), list, upstream);
    for (const [i, name] of Object.keys(tensors).entries()) {
      expect(
        found[i]!.some((value) => value !== 0),
        name,
      ).toBe(true);
      expectClose(found[i]!, expected[i]!, 1e-4, name);
    }
  });

  it.each(activations)('gives the same whether a text runs at once or in two parts: %s', (name) => {
    const tensors = randomRnnTensors(3, { T: 7, B: 2, I: 3, H: 4 });
    const whole = valuesOf(rnnSequence(tensors, name));
    const first = rnnSequence({ ...tensors, inputs: tf.slice(tensors.inputs, 0, 5) }, name);
    const second = rnnSequence(
      {
        ...tensors,
        inputs: tf.slice(tensors.inputs, 5, 2),
        initialState: tf.reshape(tf.slice(first, 4, 1), [2, 4]),
      },
      name,
    );
    expectClose([...valuesOf(first), ...valuesOf(second)], whole, 1e-6);
  });

  it.each(activations)('leaves no tensor behind but its result: %s', (name) => {
    for (const T of [1, 3, 6]) {
      const tensors = randomRnnTensors(5, { T, B: 2, I: 3, H: 4 });
      expectNoTensorsLeft(() => rnnSequence(tensors, name).dispose());
      for (const by of [Object.values(tensors) as tf.Tensor[], [tensors.biasHh]]) {
        expectNoTensorsLeft(() => {
          const { value, grads } = tf
            .engine()
            .gradients(() => tf.mean(rnnSequence(tensors, name)), by);
          tf.dispose([value, ...grads]);
        });
      }
    }
  });

  it('names the argument whose shape does not fit', () => {
    const tensors = randomRnnTensors(1, { T: 2, B: 2, I: 3, H: 4 });
    for (const [name, shape, message] of [
      ['inputs', [2, 3], 'expected shape [T, B, I], found [2,3]'],
      ['initialState', [3, 4], 'expected shape [B=2, H], found [3,4]'],
      ['weightIh', [4, 2], 'expected shape [H=4, I=3], found [4,2]'],
      ['weightHh', [4, 5], 'expected shape [H=4, H=4], found [4,5]'],
      ['biasIh', [8], 'expected shape [H=4], found [8]'],
      ['biasHh', [3], 'expected shape [H=4], found [3]'],
    ] as const) {
      const changed = { ...tensors, [name]: tf.zeros([...shape]) };
      expect(() => rnnSequence(changed)).toThrow(`rnnSequence ${name}: ${message}`);
    }
  });
});
