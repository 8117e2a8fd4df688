import type * as tf from '@tensorflow/tfjs-core';
import type { GruLayerTensors, GruVariant } from './gru-sequence.ts';
import {
  flag,
  type OpAttribute,
  type TensorFlowBackend,
  wholeNumber,
} from './tensorflow-binding.ts';

/** A language model's tensors; the rows of a layer's are the gates r, z, n. */
export interface GenerationTensors {
  /** [V, E] */
  embedding: tf.Tensor2D;
  /** [V, H] */
  outputWeight: tf.Tensor2D;
  /** [V] */
  outputBias: tf.Tensor1D;
  /** One a layer; the states come apart. */
  layers: Omit<GruLayerTensors, 'initialState'>[];
}

/**
 * Runs a model token by token in one native operation each, embedding to probabilities. What a step makes
 * is known by number only, without a TF.js tensor: that would take longer than a small step itself.
 * The tensors given must live as long as it is used.
 */
export class NativeGeneration {
  readonly #backend: TensorFlowBackend;
  readonly #attributes: OpAttribute[];
  readonly #weights: number[];
  readonly #empty: number;
  readonly #layers: number;
  /** The states of all layers [L, B, H]. */
  #states: number;

  /** @param states the layers' states [L, B, H] to begin with; not needed any more afterwards */
  constructor(
    backend: TensorFlowBackend,
    { embedding, outputWeight, outputBias, layers }: GenerationTensors,
    variant: GruVariant,
    states: tf.Tensor3D,
  ) {
    const { binding } = backend;
    this.#backend = backend;
    this.#layers = layers.length;
    this.#attributes = [
      wholeNumber(backend, 'layer_tensors', 4 * layers.length),
      flag(backend, 'reset_after', variant === 'reset-after'),
    ];
    this.#empty = binding.createTensor([0], binding.TF_FLOAT, new Float32Array());
    this.#weights = backend.getInputTensorIds([embedding, outputWeight, outputBias]);
    for (const { weightIh, weightHh, biasIh, biasHh } of layers) {
      this.#weights.push(...backend.getInputTensorIds([weightIh, weightHh, biasIh]));
      this.#weights.push(biasHh ? backend.getInputTensorIds([biasHh])[0]! : this.#empty);
    }
    this.#states = binding.createTensor(
      states.shape,
      binding.TF_FLOAT,
      Float32Array.from(states.dataSync()),
    );
  }

  /**
   * Reads a token a stream.
   *
   * @param ids [B], each in [0, V)
   * @returns the logarithms of the probabilities of what comes next [B · V]
   */
  step(ids: Int32Array): Float32Array {
    const { binding } = this.#backend;
    const input = binding.createTensor([ids.length], binding.TF_INT32, ids);
    const [result, states] = binding
      .executeOp(
        'GruLmGenerationStep',
        this.#attributes,
        [input, this.#states, ...this.#weights],
        2,
      )
      .map(({ id }) => id) as [number, number];
    const logProbabilities = binding.tensorDataSync(result) as Float32Array;
    for (const id of [input, result, this.#states]) binding.deleteTensor(id);
    this.#states = states;
    return logProbabilities;
  }

  /** The states of all layers [L · B · H]. */
  states(): Float32Array {
    return this.#backend.binding.tensorDataSync(this.#states) as Float32Array;
  }

  /**
   * Goes on with other streams.
   *
   * @param states those of all layers [L · B · H]
   * @param streams B
   */
  replaceStates(states: Float32Array, streams: number): void {
    const { binding } = this.#backend;
    binding.deleteTensor(this.#states);
    const shape = [this.#layers, streams, states.length / (this.#layers * streams)];
    this.#states = binding.createTensor(shape, binding.TF_FLOAT, states);
  }

  dispose(): void {
    for (const id of [this.#states, this.#empty]) this.#backend.binding.deleteTensor(id);
  }
}
