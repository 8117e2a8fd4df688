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
import { type MinGruTensors, minGruSequence } from './min-gru-sequence.ts';
import './core-gradients.ts';

/** T steps, B batch, I input size, H hidden size. */
interface Sizes {
  T: number;
  B: number;
  I: number;
  H: number;
}

interface Golden extends Sizes {
  tensors: Record<string, number[]>;
  outputs: number[];
  outputGradient: number[];
  gradients: Record<string, number[]>;
}

const goldens = readFixture<{ cases: Golden[] }>('min-gru-sequence').cases;
/** Float32's own share, over a few dozen sums of numbers near 1. */
const TOLERANCE = 1e-5;

/** The tensors of a layer in the order of `minGruSequence`, by name. */
function minGruTensors(
  { T, B, I, H }: Sizes,
  make: (shape: number[], name: string) => tf.Tensor,
): MinGruTensors {
  const shapes = {
    inputs: [T, B, I],
    initialState: [B, H],
    weightIh: [2 * H, I],
    biasIh: [2 * H],
  };
  const entries = Object.entries(shapes).map(([name, shape]) => [name, make(shape, name)]);
  return Object.fromEntries(entries) as MinGruTensors;
}

function randomMinGruTensors(seed: number, sizes: Sizes): MinGruTensors {
  const random = new Random(seed);
  return minGruTensors(sizes, (shape) => randomTensor(random, shape));
}

function goldenTensors(golden: Golden): MinGruTensors {
  return minGruTensors(golden, (shape, name) =>
    tf.tensor(Float32Array.from(golden.tensors[name]!), shape),
  );
}

describe.each(testBackends)('minGruSequence on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(goldens)('has the outputs of PyTorch for T=$T B=$B I=$I H=$H', (golden) => {
    const outputs = minGruSequence(goldenTensors(golden));
    expect(outputs.shape).toEqual([golden.T, golden.B, golden.H]);
    expectClose(valuesOf(outputs), golden.outputs, TOLERANCE);
  });

  it.each(goldens)('has the gradients of PyTorch for T=$T B=$B I=$I H=$H', (golden) => {
    const tensors = goldenTensors(golden);
    const gradients = gradientsOf(
      () => minGruSequence(tensors),
      Object.values(tensors),
      Float32Array.from(golden.outputGradient),
    );
    for (const [i, name] of Object.keys(tensors).entries()) {
      expectClose(gradients[i]!, golden.gradients[name]!, TOLERANCE, name);
    }
  });

  it('computes the definition by hand', () => {
    const tensors: MinGruTensors = {
      inputs: tf.tensor3d([1, -2], [2, 1, 1]),
      initialState: tf.tensor2d([[3]]),
      weightIh: tf.tensor2d([[0.5], [4]]),
      biasIh: tf.tensor1d([-0.5, 1]),
    };
    // z = σ(0) = ½ and n = 5; then z = σ(−1.5) and n = −7.
    const z = 1 / (1 + Math.exp(1.5));
    expectClose(valuesOf(minGruSequence(tensors)), [4, (1 - z) * 4 + z * -7], 1e-6);
  });

  it.each([
    { T: 1, B: 2, I: 2, H: 2 },
    { T: 3, B: 1, I: 3, H: 2 },
    { T: 6, B: 2, I: 1, H: 3 },
  ])('has the gradients that finite differences give for %o', (sizes) => {
    const tensors = randomMinGruTensors(11, sizes);
    const list = Object.values(tensors) as tf.Tensor[];
    const upstream = randomValues(new Random(12), sizes.T * sizes.B * sizes.H);
    const found = gradientsOf(() => minGruSequence(tensors), list, upstream);
    const restored = (moved: readonly tf.Tensor[]) => {
      let next = 0;
      return minGruTensors(sizes, () => moved[next++]!);
    };
    const expected = finiteDifferences((moved) => minGruSequence(restored(moved)), list, upstream);
    for (const [i, name] of Object.keys(tensors).entries()) {
      expect(
        found[i]!.some((value) => value !== 0),
        name,
      ).toBe(true);
      expectClose(found[i]!, expected[i]!, 1e-4, name);
    }
  });

  it.each([1, 4, 5])('gives the same in two parts, the first of %i steps', (length) => {
    const tensors = randomMinGruTensors(3, { T: 9, B: 2, I: 3, H: 4 });
    const whole = valuesOf(minGruSequence(tensors));
    const first = minGruSequence({ ...tensors, inputs: tf.slice(tensors.inputs, 0, length) });
    const second = minGruSequence({
      ...tensors,
      inputs: tf.slice(tensors.inputs, length, 9 - length),
      initialState: tf.reshape(tf.slice(first, length - 1, 1), [2, 4]),
    });
    expectClose([...valuesOf(first), ...valuesOf(second)], whole, 1e-6);
  });

  it('stays finite where gates are shut and open', () => {
    const tensors = randomMinGruTensors(4, { T: 100, B: 1, I: 2, H: 3 });
    const steep = { ...tensors, weightIh: tf.mul(tensors.weightIh, 1000) as tf.Tensor2D };
    const list = Object.values(steep) as tf.Tensor[];
    const upstream = new Float32Array(300).fill(1);
    const gradients = gradientsOf(() => minGruSequence(steep), list, upstream);
    for (const values of [valuesOf(minGruSequence(steep)), ...gradients]) {
      expect(values.every(Number.isFinite)).toBe(true);
    }
  });

  it('leaves no tensor behind but its result, with gradients or without', () => {
    for (const T of [1, 3, 6]) {
      const tensors = randomMinGruTensors(5, { T, B: 2, I: 3, H: 4 });
      expectNoTensorsLeft(() => minGruSequence(tensors).dispose());
      for (const by of [Object.values(tensors) as tf.Tensor[], [tensors.biasIh]]) {
        expectNoTensorsLeft(() => {
          const { value, grads } = tf
            .engine()
            .gradients(() => tf.mean(minGruSequence(tensors)), by);
          tf.dispose([value, ...grads]);
        });
      }
    }
  });

  it('names the argument whose shape does not fit', () => {
    const tensors = randomMinGruTensors(1, { T: 2, B: 2, I: 3, H: 4 });
    for (const [name, shape, message] of [
      ['inputs', [2, 3], 'expected shape [T, B, I], found [2,3]'],
      ['initialState', [3, 4], 'expected shape [B=2, H], found [3,4]'],
      ['weightIh', [8, 2], 'expected shape [8, I=3], found [8,2]'],
      ['biasIh', [12], 'expected shape [8], found [12]'],
    ] as const) {
      const changed = { ...tensors, [name]: tf.zeros([...shape]) };
      expect(() => minGruSequence(changed)).toThrow(`minGruSequence ${name}: ${message}`);
    }
  });
});
