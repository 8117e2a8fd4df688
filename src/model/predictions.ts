/**
 * What the output layer, whichever softmax it has, says of the next tokens. Shapes: N features, H their
 * size, V vocabulary size.
 */
import * as tf from '@tensorflow/tfjs-core';
import {
  adaptiveCrossEntropy,
  adaptiveLogProbabilities,
  adaptiveTokenLosses,
} from '../ops/adaptive-softmax.ts';
import { linearCrossEntropy, linearTokenLosses } from '../ops/linear-cross-entropy.ts';
import type { Precision } from '../ops/tensorflow-binding.ts';
import { adaptiveSoftmaxOf } from './adaptive-softmax.ts';
import { logitsOf, outputLayer, type Weights } from './language-model.ts';

/**
 * The mean of −log p of the tokens `targets` [N] int32 after `features` [N, H], with gradients.
 *
 * @returns nats []
 */
export function meanLossOf(
  weights: Weights,
  features: tf.Tensor2D,
  targets: tf.Tensor1D,
  precision?: Precision,
): tf.Scalar {
  const adaptive = adaptiveSoftmaxOf(weights);
  return adaptive
    ? adaptiveCrossEntropy(features, adaptive, targets, precision)
    : linearCrossEntropy(...outputLayer(weights, features), targets, precision);
}

/**
 * −log p of each of these tokens, without gradients.
 *
 * @returns nats [N]
 */
export function tokenLossesOf(
  weights: Weights,
  features: tf.Tensor2D,
  targets: tf.Tensor1D,
  precision?: Precision,
): tf.Tensor1D {
  const adaptive = adaptiveSoftmaxOf(weights);
  return adaptive
    ? adaptiveTokenLosses(features, adaptive, targets, precision)
    : linearTokenLosses(...outputLayer(weights, features), targets, precision);
}

/** log p of every token [N, V]. */
export function logProbabilitiesOf(weights: Weights, features: tf.Tensor2D): tf.Tensor2D {
  const adaptive = adaptiveSoftmaxOf(weights);
  return adaptive
    ? adaptiveLogProbabilities(features, adaptive)
    : tf.logSoftmax(logitsOf(weights, features));
}
