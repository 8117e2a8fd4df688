import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import type { Random } from '../../src/random.ts';
import { nativeBinding } from '../../src/runtime/backend.ts';

/** A tensor's values, row by row. */
export function valuesOf(tensor: tf.Tensor): Float32Array {
  return Float32Array.from(tensor.dataSync<'float32'>());
}

/** `count` numbers uniform in ± `scale`, as float32. */
export function randomValues(random: Random, count: number, scale = 1): Float32Array {
  return Float32Array.from({ length: count }, () => (2 * random.uniform() - 1) * scale);
}

/** A tensor of numbers uniform in ± `scale`. */
export function randomTensor(random: Random, shape: number[], scale = 1): tf.Tensor {
  return tf.tensor(randomValues(random, tf.util.sizeFromShape(shape), scale), shape);
}

/** The largest |aᵢ − bᵢ|; NaN if any of them is. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`expected ${b.length} numbers, found ${a.length}`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= largest)) largest = difference;
    if (Number.isNaN(difference)) return difference;
  }
  return largest;
}

/** Asserts |foundᵢ − expectedᵢ| ≤ `tolerance` · max(1, largest |expected|) for every i. */
export function expectClose(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  name = 'numbers',
): void {
  let scale = 1;
  for (let i = 0; i < expected.length; i++) scale = Math.max(scale, Math.abs(expected[i]!));
  expect(largestDifference(found, expected) / scale, name).toBeLessThanOrEqual(tolerance);
}

/** The gradients of the sum of `outputs · upstream` by each of `inputs`, as TF.js computes them. */
export function gradientsOf(
  compute: () => tf.Tensor,
  inputs: tf.Tensor[],
  upstream: Float32Array,
): Float32Array[] {
  return tf.tidy(() => {
    const { grads } = tf.engine().gradients(() => {
      const outputs = compute();
      // tf.sum has no gradient here: the mean, scaled, is the sum.
      const weighted = tf.mul(outputs, tf.tensor(upstream, outputs.shape));
      return tf.mul(tf.mean(tf.reshape(weighted, [-1])), weighted.size);
    }, inputs);
    return grads.map(valuesOf);
  });
}

/**
 * The same by finite differences: f'(x) ≈ (f(x−2h) − 8f(x−h) + 8f(x+h) − f(x+2h)) / 12h.
 *
 * Its error is of the order h⁴ f⁽⁵⁾/30 ≈ 1e-7 from the formula and 1.5 · 6e-8 · |f|/h ≈ 3e-6 · |f| from
 * outputs rounded to float32: hence h = 1/32, which also is exact in binary, and tolerances of 1e-4.
 */
export function finiteDifferences(
  compute: (inputs: tf.Tensor[]) => tf.Tensor,
  inputs: tf.Tensor[],
  upstream: Float32Array,
): Float32Array[] {
  const h = 1 / 32;
  const values = inputs.map(valuesOf);
  const lossAt = (input: number, element: number, offset: number) =>
    tf.tidy(() => {
      const moved = inputs.map((tensor, i) => {
        if (i !== input) return tensor;
        const changed = Float32Array.from(values[i]!);
        changed[element] = changed[element]! + offset;
        return tf.tensor(changed, tensor.shape);
      });
      const outputs = valuesOf(compute(moved));
      return outputs.reduce((sum, output, i) => sum + output * upstream[i]!, 0);
    });
  return values.map((of, input) =>
    of.map((_, element) => {
      const at = (steps: number) => lossAt(input, element, steps * h);
      return (at(-2) - 8 * at(-1) + 8 * at(1) - at(2)) / (12 * h);
    }),
  );
}

/** How many tensors TF.js holds and, on TensorFlow, how many TensorFlow itself does. */
export function heldTensors(): number[] {
  const { numTensors } = tf.memory();
  return tf.getBackend() === 'tensorflow'
    ? [numTensors, nativeBinding().getNumOfTensors()]
    : [numTensors];
}

/** Asserts that `use` leaves as many tensors as there were. */
export function expectNoTensorsLeft(use: () => void): void {
  use(); // what TF.js made of plain numbers moves to the backend at its first use
  const before = heldTensors();
  use();
  expect(heldTensors()).toEqual(before);
}
