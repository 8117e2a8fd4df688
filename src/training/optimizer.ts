/** Clipping and the update: Adam, AdamW and SGD over named parameters. */
import * as tf from '@tensorflow/tfjs-core';
import { assertTensors } from '../model/parameters.ts';
import { dataOf, tensorOf } from '../model/weights.ts';
import { clipByGlobalNorm } from '../ops/clip-by-global-norm.ts';
import { type TrainableVariable, variableUpdates } from '../ops/trainable-variable.ts';
import type { TensorData, TensorMap } from '../tensor-data.ts';

export interface OptimizerConfig {
  optimizer: 'adam' | 'adamw' | 'sgd';
  /** Gradients are scaled down to this global norm; 0: never. */
  clipNorm: number;
  /** Each gradient value is cut to ± this, before the norm is taken; 0: never. */
  clipValue: number;
  /** For AdamW: what a step takes off a matrix, as a share of it and of the learning rate. */
  weightDecay: number;
}

/** β₁ and ε as in Kingma & Ba 2015; β₂ lower than their 0.999, for runs of few thousand steps. */
const BETA1 = 0.9;
const BETA2 = 0.99;
const EPSILON = 1e-8;

interface Slot {
  value: TrainableVariable;
  /** Adam's running means of the gradient and of its square. */
  mean?: TrainableVariable;
  variance?: TrainableVariable;
}

/** Parameters with what an optimizer keeps for each. */
export class Optimizer {
  readonly #config: OptimizerConfig;
  readonly #updates = variableUpdates();
  readonly #slots = new Map<string, Slot>();
  /** Updates made or left out so far. */
  #step: number;

  /**
   * @param parameters first values by name
   * @param state what {@link exportState} gave, to go on from; otherwise moments start at zero
   * @throws UserError `checkpoint-damaged` for a state that does not fit the parameters
   */
  constructor(
    config: OptimizerConfig,
    parameters: TensorMap,
    state?: { step: number; tensors: TensorMap },
  ) {
    this.#config = config;
    this.#step = state?.step ?? 0;
    for (const [name, data] of parameters) {
      const slot: Slot = { value: this.#create(data) };
      if (config.optimizer !== 'sgd') {
        const zeros = { shape: data.shape, data: new Float32Array(data.data.length) };
        slot.mean = this.#create(state ? stateOf(state.tensors, `mean.${name}`, data) : zeros);
        slot.variance = this.#create(
          state ? stateOf(state.tensors, `variance.${name}`, data) : zeros,
        );
      }
      this.#slots.set(name, slot);
    }
  }

  /** Updates made or left out so far. */
  get step(): number {
    return this.#step;
  }

  /** The parameters' names, in the order of {@link read} and {@link update}. */
  get names(): string[] {
    return [...this.#slots.keys()];
  }

  /** The parameters now. Dispose them before {@link update}, which otherwise has to copy them. */
  read(): tf.Tensor[] {
    return [...this.#slots.values()].map(({ value }) => value.read());
  }

  /**
   * Clips the gradients and updates the parameters by them. Where the gradients or their norm are not
   * finite, the update is left out.
   *
   * @param gradients one a parameter, in the order of {@link names}; they are disposed
   * @returns the gradients' global norm √Σg², after cutting by value and before scaling
   */
  update(gradients: tf.Tensor[], learningRate: number): number {
    const { clipValue, clipNorm } = this.#config;
    if (clipValue > 0 && !areFinite(gradients)) return this.leaveOut(gradients);
    const cut = cutByValue(gradients, clipValue);
    const { norm, clipped } = clipByGlobalNorm(cut, clipNorm);
    if (!Number.isFinite(norm)) return this.leaveOut(clipped, norm);
    this.#step += 1;
    let i = 0;
    for (const slot of this.#slots.values()) {
      const gradient = clipped[i++] as tf.Tensor;
      this.#updateOne(slot, gradient, learningRate);
      gradient.dispose();
    }
    return norm;
  }

  /** Counts an update without making it, disposes the gradients and gives their norm back. */
  leaveOut(gradients: tf.Tensor[], norm = Number.NaN): number {
    tf.dispose(gradients);
    this.#step += 1;
    return norm;
  }

  #updateOne(slot: Slot, gradient: tf.Tensor, learningRate: number): void {
    if (!slot.mean || !slot.variance) {
      this.#updates.gradientDescent(slot.value, gradient, learningRate);
      return;
    }
    const { optimizer, weightDecay } = this.#config;
    if (optimizer === 'adamw' && weightDecay > 0 && slot.value.shape.length > 1) {
      tf.tidy(() => slot.value.assign(tf.mul(slot.value.read(), 1 - learningRate * weightDecay)));
    }
    this.#updates.adam(slot.value, slot.mean, slot.variance, gradient, {
      learningRate,
      beta1: BETA1,
      beta2: BETA2,
      epsilon: EPSILON,
      step: this.#step,
    });
  }

  /** The parameters' values by name. */
  exportParameters(): TensorMap {
    return new Map([...this.#slots].map(([name, { value }]) => [name, exportVariable(value)]));
  }

  /** What the optimizer keeps beside the parameters: `mean.<name>` and `variance.<name>`. */
  exportState(): TensorMap {
    const state: TensorMap = new Map();
    for (const [name, { mean, variance }] of this.#slots) {
      if (mean) state.set(`mean.${name}`, exportVariable(mean));
      if (variance) state.set(`variance.${name}`, exportVariable(variance));
    }
    return state;
  }

  dispose(): void {
    for (const { value, mean, variance } of this.#slots.values()) {
      value.dispose();
      mean?.dispose();
      variance?.dispose();
    }
    this.#slots.clear();
  }

  #create(data: TensorData): TrainableVariable {
    const first = tensorOf(data);
    const variable = this.#updates.create(first);
    first.dispose();
    return variable;
  }
}

/** Whether all values are, before cutting makes numbers of those that are not. */
function areFinite(tensors: tf.Tensor[]): boolean {
  return tf.tidy(() =>
    tensors.every((tensor) => tf.sum(tf.mul(tensor, 0)).dataSync<'float32'>()[0] === 0),
  );
}

/** The gradients with each value cut to ± `limit`; those given are disposed if they change. */
function cutByValue(gradients: tf.Tensor[], limit: number): tf.Tensor[] {
  if (limit === 0) return gradients;
  const cut = gradients.map((gradient) => tf.clipByValue(gradient, -limit, limit));
  tf.dispose(gradients);
  return cut;
}

function stateOf(tensors: TensorMap, name: string, { shape }: TensorData): TensorData {
  assertTensors(tensors, [{ name, shape: [...shape] }], 'optimizer.safetensors');
  return tensors.get(name) as TensorData;
}

function exportVariable(variable: TrainableVariable): TensorData {
  const tensor = variable.read();
  const exported = dataOf(tensor);
  tensor.dispose();
  return exported;
}
