import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend } from '../runtime/backend.ts';
import { sumOfSquares } from './sum-of-squares.ts';

describe.each(['cpu', 'wasm'] as const)('sumOfSquares on the backend %s', (backend) => {
  beforeAll(async () => {
    await selectBackend(backend);
  });

  it('adds the squares of all values, whatever the shape', () => {
    tf.tidy(() => {
      expect(sumOfSquares(tf.scalar(-3)).dataSync()[0]).toBe(9);
      expect(sumOfSquares(tf.tensor2d([1, -2, 3, 0.5], [2, 2])).dataSync()[0]).toBe(14.25);
    });
  });

  it('leaves only its result behind', () => {
    const input = tf.ones([4, 5]);
    const before = tf.memory().numTensors;
    const result = sumOfSquares(input);
    expect(tf.memory().numTensors).toBe(before + 1);
    tf.dispose([input, result]);
  });
});
