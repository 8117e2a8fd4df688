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
import { type AttentionTensors, attendToPast } from './attend-to-past.ts';
import './core-gradients.ts';

/** T steps, B batch, H hidden size, M steps looked back over, D size of queries and keys. */
interface Sizes {
  T: number;
  B: number;
  H: number;
  M: number;
  D: number;
}

interface Golden extends Sizes {
  tensors: Record<string, number[]>;
  contexts: number[];
  contextGradient: number[];
  gradients: Record<string, number[]>;
}

const goldens = readFixture<{ cases: Golden[] }>('attend-to-past').cases;
/** Float32's own share, over a few dozen sums of numbers near 1. */
const TOLERANCE = 1e-5;

/** The tensors in the order of `AttentionTensors`, by name. */
function attentionTensors(
  { T, B, H, M, D }: Sizes,
  make: (shape: number[], name: string) => tf.Tensor,
): AttentionTensors {
  const shapes = {
    inputs: [T, B, H],
    memory: [B, M, H],
    query: [D, H],
    key: [D, H],
    value: [H, H],
    distance: [M],
  };
  const entries = Object.entries(shapes).map(([name, shape]) => [name, make(shape, name)]);
  return Object.fromEntries(entries) as AttentionTensors;
}

function randomTensors(seed: number, sizes: Sizes): AttentionTensors {
  const random = new Random(seed);
  return attentionTensors(sizes, (shape) => randomTensor(random, shape));
}

function goldenTensors(golden: Golden): AttentionTensors {
  return attentionTensors(golden, (shape, name) =>
    tf.tensor(Float32Array.from(golden.tensors[name]!), shape),
  );
}

describe.each(testBackends)('attendToPast on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(goldens)('has the contexts of PyTorch for T=$T B=$B H=$H M=$M D=$D', (golden) => {
    const contexts = attendToPast(goldenTensors(golden));
    expect(contexts.shape).toEqual([golden.T, golden.B, golden.H]);
    expectClose(valuesOf(contexts), golden.contexts, TOLERANCE);
  });

  it.each(goldens)('has the gradients of PyTorch for T=$T B=$B H=$H M=$M D=$D', (golden) => {
    const tensors = goldenTensors(golden);
    const gradients = gradientsOf(
      () => attendToPast(tensors),
      Object.values(tensors),
      Float32Array.from(golden.contextGradient),
    );
    for (const [i, name] of Object.keys(tensors).entries()) {
      expectClose(gradients[i]!, golden.gradients[name]!, TOLERANCE, name);
    }
  });

  it('computes the definition by hand', () => {
    const contexts = attendToPast({
      inputs: tf.tensor3d([2, 3], [2, 1, 1]),
      memory: tf.tensor3d([5, 1], [1, 2, 1]),
      query: tf.tensor2d([[0.5]]),
      key: tf.tensor2d([[1]]),
      value: tf.tensor2d([[10]]),
      distance: tf.tensor1d([-4, 1]),
    });
    // Of 5 and 1 by the scores 5 − 4 and 1 + 1; then of 1 and 2 by 1.5 − 4 and 3 + 1.
    const share = (odds: number) => 1 / (1 + Math.exp(-odds));
    const expected = [10 * (5 * share(-1) + 1 * share(1)), 10 * (1 * share(-6.5) + 2 * share(6.5))];
    expectClose(valuesOf(contexts), expected, 1e-6);
  });

  it.each([
    { T: 1, B: 2, H: 2, M: 2, D: 2 },
    { T: 3, B: 1, H: 3, M: 2, D: 1 },
    { T: 2, B: 2, H: 2, M: 3, D: 2 },
  ])('has the gradients that finite differences give for %o', (sizes) => {
    const tensors = randomTensors(11, sizes);
    const list = Object.values(tensors) as tf.Tensor[];
    const upstream = randomValues(new Random(12), sizes.T * sizes.B * sizes.H);
    const found = gradientsOf(() => attendToPast(tensors), list, upstream);
    const restored = (moved: readonly tf.Tensor[]) => {
      let next = 0;
      return attentionTensors(sizes, () => moved[next++]!);
    };
    const expected = finiteDifferences((moved) => attendToPast(restored(moved)), list, upstream);
    for (const [i, name] of Object.keys(tensors).entries()) {
      expect(
        found[i]!.some((value) => value !== 0),
        name,
      ).toBe(true);
      expectClose(found[i]!, expected[i]!, 1e-4, name);
    }
  });

  it('sees neither a step itself nor what follows it, nor what is further back than M', () => {
    const sizes = { T: 6, B: 1, H: 2, M: 3, D: 2 };
    const tensors = randomTensors(6, sizes);
    const contexts = valuesOf(attendToPast(tensors));
    for (let changed = 0; changed < 6; changed++) {
      const bump = tf.mul(tf.oneHot(tf.tensor1d([changed], 'int32'), 6), 9); // [1, T]
      const inputs = tf.add(tensors.inputs, tf.reshape(bump, [6, 1, 1])) as tf.Tensor3D;
      // As what is mixed alone: a changed query changes its own step's weights.
      const found = valuesOf(attendToPast({ ...tensors, query: tf.zeros([2, 2]), inputs }));
      const before = valuesOf(attendToPast({ ...tensors, query: tf.zeros([2, 2]) }));
      const moved = Array.from({ length: 6 }, (_, t) => found[2 * t] !== before[2 * t]);
      expect(moved).toEqual(moved.map((_, t) => t > changed && t <= changed + 3));
      const all = valuesOf(attendToPast({ ...tensors, inputs }));
      expect(all.subarray(0, 2 * changed)).toEqual(contexts.subarray(0, 2 * changed));
    }
  });

  it('adds nothing where the memory is zeros and there is nothing else', () => {
    const tensors = randomTensors(7, { T: 1, B: 2, H: 3, M: 4, D: 2 });
    const contexts = attendToPast({ ...tensors, memory: tf.zeros([2, 4, 3]) });
    expect([...valuesOf(contexts)]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('stays finite where scores are far apart', () => {
    const tensors = randomTensors(4, { T: 5, B: 1, H: 3, M: 4, D: 3 });
    const steep = { ...tensors, query: tf.mul(tensors.query, 1e4) as tf.Tensor2D };
    const upstream = new Float32Array(15).fill(1);
    const gradients = gradientsOf(() => attendToPast(steep), Object.values(steep), upstream);
    for (const values of [valuesOf(attendToPast(steep)), ...gradients]) {
      expect(values.every(Number.isFinite)).toBe(true);
    }
  });

  it('leaves no tensor behind but its result, with gradients or without', () => {
    for (const T of [1, 3]) {
      const tensors = randomTensors(5, { T, B: 2, H: 3, M: 2, D: 2 });
      expectNoTensorsLeft(() => attendToPast(tensors).dispose());
      for (const by of [Object.values(tensors) as tf.Tensor[], [tensors.value]]) {
        expectNoTensorsLeft(() => {
          const { value, grads } = tf.engine().gradients(() => tf.mean(attendToPast(tensors)), by);
          tf.dispose([value, ...grads]);
        });
      }
    }
  });

  it('names the argument whose shape does not fit', () => {
    const tensors = randomTensors(1, { T: 2, B: 2, H: 3, M: 4, D: 5 });
    for (const [name, shape, message] of [
      ['inputs', [2, 3], 'expected shape [T, B, H], found [2,3]'],
      ['memory', [4, 2, 3], 'expected shape [B=2, M, H=3], found [4,2,3]'],
      ['query', [5, 2], 'expected shape [D=5, H=3], found [5,2]'],
      ['key', [4, 3], 'expected shape [D=5, H=3], found [4,3]'],
      ['value', [3, 2], 'expected shape [H=3, H=3], found [3,2]'],
      ['distance', [3], 'expected shape [M=4], found [3]'],
    ] as const) {
      const changed = { ...tensors, [name]: tf.zeros([...shape]) };
      expect(() => attendToPast(changed)).toThrow(`attendToPast ${name}: ${message}`);
    }
  });
});
