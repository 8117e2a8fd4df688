/** Muon (Jordan et al. 2024): updates of a matrix whose singular values are all about 1. */
import * as tf from '@tensorflow/tfjs-core';
import { productsIn } from './rounded-product.ts';
import {
  nativeBackend,
  number,
  type Precision,
  precisionAttribute,
  wholeNumber,
} from './tensorflow-binding.ts';
import type { TrainableVariable } from './trainable-variable.ts';

/** The least singular value, as a share of the norm, that is brought near 1. */
export const LEAST_SINGULAR_VALUE = 0.02;
/** How much larger than they should be singular values may have become by rounding, before each polynomial. */
export const ROUNDING = 1.01;
/**
 * ax + bx³ + cx⁵ of singular values x, one after the other. Each is the polynomial of its form that comes nearest
 * to 1 over what the last one has made of {@link LEAST_SINGULAR_VALUE} to 1 (Amsel et al. 2025, “The Polar Express”),
 * {@link ROUNDING} more at the upper end.
 */
export const POLYNOMIALS = [
  [7.64178, -21.491012, 15.481631],
  [3.199772, -2.355871, 0.479919],
  [2.217897, -1.572988, 0.397052],
] as const;
/** A matrix whose norm is less counts as zeros: the squares of its elements would be. */
const LEAST_NORM = 1e-15;

/** A weight [rows, columns] with what is kept and known of it. */
export interface MuonWeight {
  value: TrainableVariable;
  /** [rows, columns] */
  velocity: TrainableVariable;
  /** [rows, columns] */
  gradient: tf.Tensor;
  /** How many matrices the value is, one below the other, each of which is made orthogonal. */
  gates: number;
}

export interface MuonStep {
  learningRate: number;
  momentum: number;
  /** What a step takes off a value, as a share of it and of the rate. */
  weightDecay: number;
  /** What products are multiplied in where the native library or a GPU runs them. Default float32. */
  precision?: Precision | undefined;
}

/**
 * velocity ← momentum · velocity + gradient, and of each matrix in the value [rows, columns]
 * value ← (1 − rate · decay) · value − rate · 0.2 · √max(rows, columns) · orthogonalise(gradient + momentum ·
 * velocity). The root makes numbers of an update as large as Adam's mostly are, so that both learn at one
 * rate (Liu et al. 2025, “Muon is scalable for LLM training”).
 */
export function muon(weights: readonly MuonWeight[], step: MuonStep): void {
  if (weights.length === 0 || muonNative(weights, step)) return;
  for (const weight of weights) muonComposed(weight, step);
}

function muonComposed(
  { value, velocity, gradient, gates }: MuonWeight,
  { learningRate, momentum, weightDecay, precision }: MuonStep,
): void {
  tf.tidy(() => {
    const next = tf.add(tf.mul(velocity.read(), momentum), gradient);
    velocity.assign(next);
    const nesterov = tf.add(gradient, tf.mul(next, momentum));
    const [rows, columns] = [(value.shape[0] as number) / gates, value.shape[1] as number];
    const direction = orthogonalise(tf.reshape(nesterov, [gates, rows, columns]), precision);
    const rate = learningRate * 0.2 * Math.sqrt(Math.max(rows, columns));
    const update = tf.mul(tf.reshape(direction, [gates * rows, columns]), rate);
    value.assign(tf.sub(tf.mul(value.read(), 1 - learningRate * weightDecay), update));
  });
}

/** One native operation for all weights, if there is one: threads share the matrices of all among them. */
function muonNative(
  weights: readonly MuonWeight[],
  { learningRate, momentum, weightDecay, precision = 'float32' }: MuonStep,
): boolean {
  const backend = nativeBackend();
  if (!backend) return false;
  const count = weights.length;
  tf.tidy(() => {
    const inputs = [
      ...[tf.scalar(learningRate), tf.scalar(1 - learningRate * weightDecay)],
      tf.tensor1d(Int32Array.from(weights, ({ gates }) => gates)),
      ...weights.map(({ value }) => value.read()),
      ...weights.map(({ velocity }) => velocity.read()),
      ...weights.map(({ gradient }) => gradient),
    ];
    const attributes = [
      wholeNumber(backend, 'count', count),
      number(backend, 'momentum', momentum),
      precisionAttribute(backend, precision),
    ];
    const next = backend.executeMultipleOutputs('GruLmMuonUpdate', attributes, inputs, 2 * count);
    for (const [i, { value, velocity }] of weights.entries()) {
      value.take(next[i] as tf.Tensor);
      velocity.take(next[count + i] as tf.Tensor);
    }
  });
  return true;
}

/**
 * Matrices with the singular vectors of those given and singular values of about 1: 0.9 to 1.1 for those above
 * 0.02 of the matrix's norm, less for smaller ones. It has no gradient. Zeros stay zeros, and what is nearly as
 * small becomes zeros. On a model's gradients it is as good as the five steps of Jordan et al. 2024, which take
 * 0.002 of the norm to 0.68 and more.
 *
 * @param matrices [N, rows, columns]; each is made orthogonal by itself
 * @param precision what a GPU multiplies products in
 * @returns [N, rows, columns]
 */
export function orthogonalise(
  matrices: tf.Tensor3D,
  precision: Precision = 'float32',
): tf.Tensor3D {
  return tf.tidy(() => {
    const [, rows, columns] = matrices.shape;
    const isTall = rows > columns;
    const product = productsIn.bind(undefined, precision);
    const norms = tf.sqrt(tf.sum(tf.square(matrices), [1, 2], true));
    const isMore = tf.cast(tf.greater(norms, LEAST_NORM), 'float32');
    let X = tf.divNoNan<tf.Tensor3D>(matrices, tf.mul(norms, isMore));
    for (const [a, b, c] of POLYNOMIALS) {
      const gram = product(X, X, isTall, !isTall); // of the smaller side
      const factor = tf.add<tf.Tensor3D>(tf.mul(gram, b), tf.mul(product(gram, gram), c));
      const update = isTall ? product(X, factor) : product(factor, X);
      X = tf.add(tf.mul(X, a), update);
    }
    return X;
  });
}
