/** One window of streams side by side, scored. Shapes: T steps, B streams. */
import * as tf from '@tensorflow/tfjs-core';
import { forward, type HiddenState, type Weights } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { tokenLossesOf } from '../model/predictions.ts';
import type { Precision } from '../ops/tensorflow-binding.ts';

/** A model that scores. */
export interface ScoringModel {
  config: ModelConfig;
  weights: Weights;
  /** What products are multiplied in, where the machine can. Default float32. */
  precision?: Precision | undefined;
}

/**
 * −log p of each of `targets` after the `inputs` up to it.
 *
 * @param inputs token ids, time-major [T·B]
 * @param targets the tokens that follow them [T·B]
 * @param state the states [B, ·] before the first step
 * @returns nats [T·B], and the states after the last step, for the caller to dispose
 */
export function scoreWindow(
  { config, weights, precision }: ScoringModel,
  inputs: Int32Array,
  targets: Int32Array,
  state: HiddenState,
): { next: HiddenState; nats: Float32Array } {
  let nats = new Float32Array();
  const next = tf.tidy(() => {
    const { features, state: after } = forward(config, weights, tf.tensor1d(inputs), state, {
      precision,
    });
    const losses = tokenLossesOf(weights, features, tf.tensor1d(targets), precision);
    nats = Float32Array.from(losses.dataSync());
    // A state may be a view of all the window's outputs, which it would keep alive: hence copies.
    return after.map((layer) => tf.add<tf.Tensor2D>(layer, 0));
  });
  return { next, nats };
}
