/**
 * What keeps a model from learning its text by heart, and is there in training only. Shapes: T steps, B
 * streams, H hidden size.
 */
import * as tf from '@tensorflow/tfjs-core';
import '../ops/core-gradients.ts';
import type { Random } from '../random.ts';

/** Shares dropped are in [0, 1); what is not given is not done, but for what is said here. */
export interface Regularisation {
  /** The share of each layer's outputs that is dropped. */
  dropout: number;
  /** The share of the top layer's outputs. Default `dropout`. */
  dropoutOutput?: number | undefined;
  /** The share of the embeddings that the first layer reads. */
  dropoutEmbedding?: number | undefined;
  /**
   * Whether a step of text has a mask of its own, or a window one for all its steps, as Gal &
   * Ghahramani 2016 found better for recurrent networks. Default `locked`.
   */
  dropoutMask?: 'locked' | 'step' | undefined;
  /** The share of the recurrent weights that is dropped for a window (Merity et al. 2018). */
  weightDrop?: number | undefined;
  /** α of α · mean(d²), d being the top layer's outputs after dropout (Merity et al. 2017). */
  activationRegularisation?: number | undefined;
  /** β of β · mean((h_t − h_{t−1})²), h being the top layer's outputs before dropout (as above). */
  temporalRegularisation?: number | undefined;
}

/** Which of a batch's streams are gone through: those of one of `count` parts of as many streams each. */
export interface BatchPart {
  readonly index: number;
  readonly count: number;
}

/**
 * Inverted dropout: what is kept is scaled up, so that evaluation needs no change.
 *
 * @param values [T, B, …]
 * @param part whose streams they are: masks are drawn for all streams of the batch, so that each part has those
 * that it would have in the whole
 */
export function drop(
  values: tf.Tensor3D,
  rate: number,
  mask: Regularisation['dropoutMask'],
  random: Random,
  { index, count }: BatchPart = { index: 0, count: 1 },
): tf.Tensor3D {
  if (rate === 0) return values;
  const [T, B, H] = values.shape;
  const all = maskOf([mask === 'step' ? T : 1, count * B, H], rate, random);
  return tf.mul(values, count === 1 ? all : tf.slice(all, [0, index * B, 0], [-1, B, H]));
}

/** A layer's recurrent weights [gates · H, H] without a share of them. */
export function dropWeights(weights: tf.Tensor2D, rate: number, random: Random): tf.Tensor2D {
  return rate === 0 ? weights : tf.mul(weights, maskOf(weights.shape, rate, random));
}

/** 0 with probability `rate`, else 1 / (1 − rate). */
function maskOf(shape: number[], rate: number, random: Random): tf.Tensor {
  const mask = new Float32Array(tf.util.sizeFromShape(shape));
  random.fillDropoutMask(mask, rate);
  return tf.tensor(mask, shape);
}

/**
 * What is added to the loss for large and for quickly changing outputs.
 *
 * @param outputs the top layer's [T, B, H], before dropout
 * @param dropped after it
 * @returns []; undefined if nothing is added
 */
export function outputPenalty(
  config: Regularisation,
  outputs: tf.Tensor3D,
  dropped: tf.Tensor3D,
): tf.Scalar | undefined {
  const { activationRegularisation: alpha = 0, temporalRegularisation: beta = 0 } = config;
  const terms: tf.Scalar[] = [];
  if (alpha > 0) terms.push(tf.mul(meanSquare(dropped), alpha));
  const steps = outputs.shape[0] - 1;
  if (beta > 0 && steps > 0) {
    const later = tf.slice(outputs, 1, steps);
    const earlier = tf.slice(outputs, 0, steps);
    terms.push(tf.mul(meanSquare(tf.add(later, tf.mul(earlier, -1))), beta));
  }
  return terms.length === 0 ? undefined : terms.reduce((sum, term) => tf.add(sum, term));
}

function meanSquare(values: tf.Tensor): tf.Scalar {
  return tf.mean(tf.mul(values, values));
}
