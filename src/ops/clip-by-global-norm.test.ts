import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { expectClose, randomValues, valuesOf } from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import { clipByGlobalNorm } from './clip-by-global-norm.ts';

describe.each(testBackends)('clipByGlobalNorm on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  const tensors = () => [tf.tensor2d([1, -2, 2, 0], [2, 2]), tf.tensor1d([4]), tf.scalar(0)];

  function clip(given: tf.Tensor[], limit: number) {
    const { norm, clipped } = clipByGlobalNorm(given, limit);
    const found = clipped.map((tensor) => ({ shape: tensor.shape, values: valuesOf(tensor) }));
    tf.dispose(clipped);
    return { norm, found };
  }

  it.each([0, 5, 7])('takes the norm over all tensors, and leaves them within %d', (limit) => {
    const { norm, found } = clip(tensors(), limit);
    expect(norm).toBeCloseTo(5, 6);
    expect(found.map(({ shape }) => shape)).toEqual([[2, 2], [1], []]);
    expect(found.map(({ values }) => [...values])).toEqual([[1, -2, 2, 0], [4], [0]]);
  });

  it('scales all of them alike beyond it', () => {
    const { norm, found } = clip(tensors(), 2.5);
    expect(norm).toBeCloseTo(5, 6);
    expect(found.map(({ shape }) => shape)).toEqual([[2, 2], [1], []]);
    expect(found.map(({ values }) => [...values])).toEqual([[0.5, -1, 1, 0], [2], [0]]);
  });

  it('is right for sizes from one value to more than one thread takes', () => {
    for (const size of [1, 31, 33, 4097, 300_001]) {
      const values = randomValues(new Random(size), size);
      const expected = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
      const { norm, found } = clip([tf.tensor1d(values)], 0.5);
      expect(Math.abs(norm / expected - 1)).toBeLessThan(1e-4);
      const scale = Math.min(1, 0.5 / expected);
      expectClose(
        found[0]!.values,
        values.map((value) => value * scale),
        1e-6,
      );
    }
  });

  it('hands on what is not a number', () => {
    expect(clip([tf.tensor1d([1, Number.NaN])], 1).norm).toBeNaN();
  });

  it('disposes what it is given, and holds what it returns', () => {
    for (const limit of [0, 1]) {
      const before = tf.memory().numTensors;
      const { clipped } = clipByGlobalNorm(tensors(), limit);
      expect(tf.memory().numTensors).toBe(before + 3);
      tf.dispose(clipped);
      expect(tf.memory().numTensors).toBe(before);
    }
  });
});
