/** A model that reads one stream of text, a few tokens at a time, and says what may come next. */
import * as tf from '@tensorflow/tfjs-core';
import { type GenerationTensors, NativeGeneration } from '../ops/generation-step.ts';
import { nativeGruBackend } from '../ops/gru-sequence.ts';
import { matrixProduct } from '../ops/matrix-product.ts';
import type { TensorFlowBackend } from '../ops/tensorflow-binding.ts';
import {
  forward,
  type HiddenState,
  layerWeights,
  outputWeightOf,
  type Weights,
  zeroState,
} from './language-model.ts';
import type { ModelConfig } from './parameters.ts';
import { logProbabilitiesOf } from './predictions.ts';

/** Tokens read at a time: what that takes grows with their number, where layers attend with its square. */
const LONGEST_WINDOW = 512;

/** Begins with a state of zeros. The weights must live as long as it is used. */
export class Stepper {
  readonly #config: ModelConfig;
  readonly #weights: Weights;
  /** Reads single tokens, once there is one to read where the native operations are. */
  #native: NativeGeneration | undefined;
  /** The output layer's weights, where they had to be made for that. */
  #made: tf.Tensor2D | undefined;
  #state: HiddenState;

  constructor(config: ModelConfig, weights: Weights) {
    this.#config = config;
    this.#weights = weights;
    this.#state = zeroState(config, 1);
  }

  /**
   * Reads tokens.
   *
   * @param ids at least one
   * @returns the logarithms of the probabilities [V] of what comes next
   */
  read(ids: Int32Array): Float32Array {
    const backend = isPlainGru(this.#config)
      ? nativeGruBackend(this.#config.activation ?? 'tanh')
      : undefined;
    if (!backend || (ids.length > 1 && !this.#native)) return this.#readWindows(ids);
    this.#native ??= this.#startNative(backend);
    const native = this.#native;
    let logProbabilities: Float32Array = new Float32Array();
    for (const id of ids) logProbabilities = native.step(Int32Array.of(id));
    return logProbabilities;
  }

  dispose(): void {
    tf.dispose(this.#state);
    this.#native?.dispose();
    this.#made?.dispose();
  }

  #startNative(backend: TensorFlowBackend): NativeGeneration {
    const states = tf.stack(this.#state) as tf.Tensor3D; // [L, 1, H]
    const tensors = generationTensors(this.#config, this.#weights);
    const native = new NativeGeneration(backend, tensors, this.#config.gruVariant, states);
    states.dispose();
    if (this.#weights['fc.projection']) this.#made = tensors.outputWeight;
    return native;
  }

  #readWindows(ids: Int32Array): Float32Array {
    let logProbabilities: Float32Array = new Float32Array();
    for (let start = 0; start < ids.length; start += LONGEST_WINDOW) {
      logProbabilities = this.#readWindow(ids.subarray(start, start + LONGEST_WINDOW));
    }
    return logProbabilities;
  }

  #readWindow(ids: Int32Array): Float32Array {
    let logProbabilities = new Float32Array();
    const next = tf.tidy(() => {
      const { features, state } = forward(
        this.#config,
        this.#weights,
        tf.tensor1d(ids),
        this.#state,
      );
      const last = tf.slice(features, features.shape[0] - 1, 1); // [1, H]
      const found = logProbabilitiesOf(this.#weights, last); // [1, V]
      logProbabilities = Float32Array.from(found.dataSync<'float32'>());
      return state;
    });
    tf.dispose(this.#state);
    this.#state = next;
    return logProbabilities;
  }
}

/** Whether a native generation step knows all of the model. */
function isPlainGru({
  cell = 'gru',
  residual,
  norm = 'none',
  softmaxCutoffs,
  attentionSpan,
}: ModelConfig): boolean {
  return cell === 'gru' && !residual && norm === 'none' && !softmaxCutoffs && !attentionSpan;
}

/**
 * A GRU model's tensors as a native generation step takes them. Its output weights are made anew, for the
 * caller to dispose, where the model has an `fc.projection`.
 */
export function generationTensors({ layers }: ModelConfig, weights: Weights): GenerationTensors {
  const projection = weights['fc.projection'] as tf.Tensor2D | undefined; // [E, H]
  const weight = outputWeightOf(weights);
  const outputWeight = projection ? tf.keep(matrixProduct(weight, projection)) : weight;
  return {
    embedding: weights['embedding.weight'] as tf.Tensor2D,
    outputWeight,
    outputBias: weights['fc.bias'] as tf.Tensor1D,
    layers: Array.from(
      { length: layers },
      (_, layer) => layerWeights(weights, layer) as GenerationTensors['layers'][number],
    ),
  };
}
