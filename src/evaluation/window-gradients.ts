/** A window of one stream: what it cost to predict, and by which gradient the model would learn from it. */
import * as tf from '@tensorflow/tfjs-core';
import { forward, type HiddenState, type Weights } from '../model/language-model.ts';
import { type ModelConfig, parameterSpecs } from '../model/parameters.ts';
import { meanLossOf, tokenLossesOf } from '../model/predictions.ts';
import type { Precision } from '../ops/tensorflow-binding.ts';

export interface WindowGradients {
  /** nats [T]: −log p of each target, by the weights as they were given. */
  losses: Float32Array;
  /** Of the mean loss, by the order of `learnedNames`; the caller disposes them. */
  gradients: tf.Tensor[];
  /** The states [1, ·] after the window; the caller disposes them. */
  state: HiddenState;
}

/** The names of what a model learns by gradients. */
export function learnedNames(config: ModelConfig): string[] {
  return parameterSpecs(config).map(({ name }) => name);
}

/**
 * The losses of a window as it is read without regularisation, and the gradient of their mean; earlier
 * windows count by the state alone.
 *
 * @param ids the window's tokens and the one after it [T + 1]
 * @param state the states [1, ·] before it
 */
export function windowGradients(
  config: ModelConfig,
  weights: Weights,
  ids: Int32Array,
  state: HiddenState,
  precision: Precision | undefined,
): WindowGradients {
  const learned = learnedNames(config).map((name) => weights[name] as tf.Tensor);
  let losses = new Float32Array();
  let after: HiddenState = [];
  const gradients = tf.tidy(() => {
    const inputs = tf.tensor1d(ids.subarray(0, -1));
    const targets = tf.tensor1d(ids.subarray(1));
    const { grads } = tf.engine().gradients(() => {
      const result = forward(config, weights, inputs, state, { precision });
      losses = Float32Array.from(
        tokenLossesOf(weights, result.features, targets, precision).dataSync<'float32'>(),
      );
      // A state may be a view of all the window's outputs, which it would keep alive: hence copies.
      after = result.state.map((layer) => tf.keep(tf.add<tf.Tensor2D>(layer, 0)));
      return meanLossOf(weights, result.features, targets, precision);
    }, learned);
    return grads;
  });
  return { losses, gradients, state: after };
}
