/** A model that reads streams of text, a few tokens at a time, and says what may come next. */
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
} from './language-model.ts';
import type { ModelConfig } from './parameters.ts';
import { logProbabilitiesOf } from './predictions.ts';
import { stateSpecs } from './states.ts';

/** Numbers that are made at a time of the tokens of a window, where what comes after each is told. */
const SCORES_AT_ONCE = 1 << 22;

/** Tokens of a stream read at a time: what that takes grows with their number, where layers attend with its square. */
const LONGEST_WINDOW = 512;

/**
 * What a model remembers of one stream: a row of each of its states, in the order of `stateSpecs`; not to be
 * changed.
 */
export type StreamState = readonly Float32Array[];

/** The weights must live as long as it is used. */
export class Stepper {
  readonly #config: ModelConfig;
  readonly #weights: Weights;
  /** Reads single tokens, once there is one to read where the native operations are. */
  #native: NativeGeneration | undefined;
  /** The output layer's weights, where they had to be made for that. */
  #made: tf.Tensor2D | undefined;
  /** Not kept up once `#native` has its own. */
  #state: HiddenState;
  #streams: number;

  /** @param streams where each stream begins; undefined: with a state of zeros. Default one stream */
  constructor(
    config: ModelConfig,
    weights: Weights,
    streams: readonly (StreamState | undefined)[] = [undefined],
  ) {
    this.#config = config;
    this.#weights = weights;
    this.#streams = streams.length;
    this.#state = this.#tensorsOf(this.#rows(streams, []));
  }

  /**
   * Reads tokens.
   *
   * @param ids of B streams, time-major [T·B]; at least one a stream
   * @returns the logarithms of the probabilities [B·V] of what comes next
   */
  read(ids: Int32Array): Float32Array {
    const B = this.#streams;
    const backend = isPlainGru(this.#config)
      ? nativeGruBackend(this.#config.activation ?? 'tanh')
      : undefined;
    if (!backend || (ids.length > B && !this.#native)) return this.#readWindows(ids);
    this.#native ??= this.#startNative(backend);
    let logProbabilities: Float32Array = new Float32Array();
    for (let start = 0; start < ids.length; start += B) {
      logProbabilities = this.#native.step(ids.slice(start, start + B));
    }
    return logProbabilities;
  }

  /**
   * Reads tokens of its one stream, and tells what may come after each.
   *
   * @param ids at least one
   * @param onScores called with the place of each in `ids` and the logarithms of the probabilities [V] after it
   * @returns those after the last
   */
  readEach(
    ids: Int32Array,
    onScores: (place: number, logProbabilities: Float32Array) => void,
  ): Float32Array {
    if (this.#streams !== 1) throw new Error(`expected one stream, found ${this.#streams}`);
    if (!this.#native && ids.length > 1) return this.#readWindows(ids, onScores);
    let logProbabilities: Float32Array = new Float32Array();
    for (const [place, id] of ids.entries()) {
      logProbabilities = this.read(Int32Array.of(id));
      onScores(place, logProbabilities);
    }
    return logProbabilities;
  }

  /** What the model remembers of each stream. */
  states(): StreamState[] {
    const values = this.#values();
    const sizes = this.#sizes();
    return Array.from({ length: this.#streams }, (_, row) =>
      values.map((all, i) => all.slice(row * sizes[i]!, (row + 1) * sizes[i]!)),
    );
  }

  /**
   * Goes on with other streams, at least one.
   *
   * @param streams for each the number of the present stream that it goes on from, or where it begins
   */
  arrange(streams: readonly (number | StreamState)[]): void {
    if (streams.length === this.#streams && streams.every((stream, row) => stream === row)) return;
    const rows = this.#rows(streams, this.#values());
    this.#streams = streams.length;
    if (this.#native) {
      this.#native.replaceStates(concatenated(rows), streams.length);
      return;
    }
    tf.dispose(this.#state);
    this.#state = this.#tensorsOf(rows);
  }

  dispose(): void {
    tf.dispose(this.#state);
    this.#native?.dispose();
    this.#made?.dispose();
  }

  /** The length of a stream's row of each state. */
  #sizes(): number[] {
    return stateSpecs(this.#config, 1).map(({ shape }) => shape[1]!);
  }

  /** The states [B, …] of all streams. */
  #values(): Float32Array[] {
    if (!this.#native) return this.#state.map((tensor) => Float32Array.from(tensor.dataSync()));
    const all = this.#native.states(); // [L, B, H]
    const size = all.length / this.#config.layers;
    return this.#state.map((_, layer) => all.subarray(layer * size, (layer + 1) * size));
  }

  /** The states [B, …] of `streams`, out of `values` where they are numbers. */
  #rows(
    streams: readonly (number | StreamState | undefined)[],
    values: readonly Float32Array[],
  ): Float32Array[] {
    return this.#sizes().map((size, i) => {
      const rows = new Float32Array(streams.length * size);
      for (const [row, stream] of streams.entries()) {
        const from =
          typeof stream === 'number'
            ? values[i]!.subarray(stream * size, (stream + 1) * size)
            : stream?.[i];
        if (from) rows.set(from, row * size);
      }
      return rows;
    });
  }

  #tensorsOf(rows: readonly Float32Array[]): HiddenState {
    return rows.map((values) =>
      tf.tensor2d(values, [this.#streams, values.length / this.#streams]),
    );
  }

  #startNative(backend: TensorFlowBackend): NativeGeneration {
    const states = tf.stack(this.#state) as tf.Tensor3D; // [L, B, H]
    const tensors = generationTensors(this.#config, this.#weights);
    const native = new NativeGeneration(backend, tensors, this.#config.gruVariant, states);
    states.dispose();
    if (this.#weights['fc.projection']) this.#made = tensors.outputWeight;
    return native;
  }

  #readWindows(
    ids: Int32Array,
    onScores?: (place: number, logProbabilities: Float32Array) => void,
  ): Float32Array {
    const longest = LONGEST_WINDOW * this.#streams;
    let logProbabilities: Float32Array = new Float32Array();
    for (let start = 0; start < ids.length; start += longest) {
      logProbabilities = this.#readWindow(
        ids.subarray(start, start + longest),
        onScores && ((place, scores) => onScores(start + place, scores)),
      );
    }
    return logProbabilities;
  }

  /** @param onScores as of `readEach`, for a window of one stream */
  #readWindow(
    ids: Int32Array,
    onScores?: (place: number, logProbabilities: Float32Array) => void,
  ): Float32Array {
    const B = this.#streams;
    let logProbabilities = new Float32Array();
    const next = tf.tidy(() => {
      const { features, state } = forward(
        this.#config,
        this.#weights,
        tf.tensor1d(ids),
        this.#state,
      );
      if (onScores) this.#tellEach(features, onScores);
      const last = tf.slice(features, features.shape[0] - B, B); // [B, H]
      const found = logProbabilitiesOf(this.#weights, last); // [B, V]
      logProbabilities = Float32Array.from(found.dataSync<'float32'>());
      return state;
    });
    tf.dispose(this.#state);
    this.#state = next;
    onScores?.(ids.length - 1, logProbabilities);
    return logProbabilities;
  }

  /** Tells what comes after all of a window's tokens but the last, some at a time. @param features [T, H] */
  #tellEach(
    features: tf.Tensor2D,
    onScores: (place: number, logProbabilities: Float32Array) => void,
  ): void {
    const { vocabularySize: V } = this.#config;
    const [rows, atOnce] = [features.shape[0] - 1, Math.max(1, Math.floor(SCORES_AT_ONCE / V))];
    for (let from = 0; from < rows; from += atOnce) {
      const count = Math.min(atOnce, rows - from);
      const scores = tf.tidy(() =>
        logProbabilitiesOf(this.#weights, tf.slice(features, from, count)).dataSync<'float32'>(),
      );
      for (let i = 0; i < count; i++) {
        onScores(from + i, Float32Array.from(scores.subarray(i * V, (i + 1) * V)));
      }
    }
  }
}

function concatenated(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
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
