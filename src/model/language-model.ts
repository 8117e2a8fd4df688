/**
 * The forward pass. Shapes: T steps, B streams, E embedding size, H hidden size, V vocabulary size.
 */
import * as tf from '@tensorflow/tfjs-core';
import '../ops/core-gradients.ts';
import { embeddedGruSequence } from '../ops/embedded-gru-sequence.ts';
import { type GruLayerTensors, gruSequence } from '../ops/gru-sequence.ts';
import { matrixProduct } from '../ops/matrix-product.ts';
import type { Precision } from '../ops/tensorflow-binding.ts';
import type { Random } from '../random.ts';
import type { ModelConfig } from './parameters.ts';

/** The parameters as tensors, by the names of `parameterSpecs`. */
export type Weights = Readonly<Record<string, tf.Tensor>>;

/** One state [B, H] a layer. */
export type HiddenState = tf.Tensor2D[];

/** States of zeros, where every stream of text begins. */
export function zeroState(config: ModelConfig, batchSize: number): HiddenState {
  return Array.from({ length: config.layers }, () => tf.zeros([batchSize, config.hiddenSize]));
}

export interface ForwardResult {
  /** The top layer's outputs [T·B, H], time-major */
  features: tf.Tensor2D;
  /** The states after the last step. */
  state: HiddenState;
}

export interface ForwardOptions {
  /** Draws the dropout masks in training; without it nothing is dropped. */
  dropout?: Random | undefined;
  /** What products are multiplied in, where the machine can. Default float32. */
  precision?: Precision | undefined;
}

/**
 * Embedding → GRU × layers over a window of text.
 *
 * @param ids token ids, time-major [T·B] int32
 * @param state the states before the first step; its batch size B divides the ids into steps
 */
export function forward(
  config: ModelConfig,
  weights: Weights,
  ids: tf.Tensor1D,
  state: HiddenState,
  { dropout, precision }: ForwardOptions = {},
): ForwardResult {
  const B = state[0]!.shape[0];
  const T = ids.size / B;
  const embedding = weights['embedding.weight'] as tf.Tensor2D; // [V, E]
  let outputs: tf.Tensor3D | undefined; // [T, B, H] of the layer before
  const finalState: HiddenState = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const tensors = { initialState: state[layer]!, ...layerWeights(weights, layer) };
    const { gruVariant } = config;
    outputs = outputs
      ? gruSequence({ inputs: outputs, ...tensors }, gruVariant, precision)
      : embeddedGruSequence(embedding, ids, tensors, gruVariant, precision);
    finalState.push(tf.reshape(tf.slice(outputs, T - 1, 1), [B, config.hiddenSize]) as tf.Tensor2D);
    if (dropout) outputs = drop(outputs, config.dropout, dropout);
  }
  const features = tf.reshape(outputs as tf.Tensor3D, [T * B, config.hiddenSize]) as tf.Tensor2D;
  return { features, state: finalState };
}

/** What a layer multiplies and adds. */
export function layerWeights(
  weights: Weights,
  layer: number,
): Omit<GruLayerTensors, 'initialState'> {
  const biasHh = weights[`gru.bias_hh_l${layer}`] as tf.Tensor1D | undefined;
  return {
    weightIh: weights[`gru.weight_ih_l${layer}`] as tf.Tensor2D,
    weightHh: weights[`gru.weight_hh_l${layer}`] as tf.Tensor2D,
    biasIh: weights[`gru.bias_ih_l${layer}`] as tf.Tensor1D,
    ...(biasHh ? { biasHh } : {}),
  };
}

/** The output layer: scores of every token [N, V] for features [N, H]. */
export function logitsOf(weights: Weights, features: tf.Tensor2D): tf.Tensor2D {
  const product = matrixProduct(features, weights['fc.weight'] as tf.Tensor2D, false, true);
  return tf.add(product, weights['fc.bias'] as tf.Tensor1D);
}

/** Inverted dropout: what is kept is scaled up, so that evaluation needs no change. */
function drop(outputs: tf.Tensor3D, rate: number, random: Random): tf.Tensor3D {
  if (rate === 0) return outputs;
  const mask = new Float32Array(outputs.size);
  random.fillDropoutMask(mask, rate);
  return tf.mul(outputs, tf.tensor3d(mask, outputs.shape));
}
