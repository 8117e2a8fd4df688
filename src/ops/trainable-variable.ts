/**
 * Variables that an optimizer updates in place: one implementation for every TF.js backend, and one
 * on TensorFlow's resource variables, whose fused update passes over the weights once.
 */
import * as tf from '@tensorflow/tfjs-core';
import { flag, floatType, runsOnTensorFlow, tensorFlowBackend } from './tensorflow-binding.ts';

/** The numbers of one Adam step (Kingma & Ba 2015, algorithm 1, with ε inside the rate's form). */
export interface AdamStep {
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  /** The update's number, from 1: corrects the moments' bias. */
  step: number;
}

export interface TrainableVariable {
  readonly shape: readonly number[];
  /**
   * The value now. It may share the variable's memory: dispose it before the next update, or the
   * update has to copy the whole variable first.
   */
  read(): tf.Tensor;
  assign(value: tf.Tensor): void;
  /** As {@link assign}, without a copy: of a tensor that nobody else has, which is disposed. */
  take(value: tf.Tensor): void;
  dispose(): void;
}

export interface VariableUpdates<V extends TrainableVariable> {
  create(value: tf.Tensor): V;
  /** value −= rate · gradient */
  gradientDescent(value: V, gradient: tf.Tensor, rate: number): void;
  /**
   * m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g²,
   * value −= rate · √(1 − β₂ᵗ)/(1 − β₁ᵗ) · m/(√v + ε)
   */
  adam(value: V, mean: V, variance: V, gradient: tf.Tensor, step: AdamStep): void;
}

/** velocity ← share · velocity + gradient, value −= rate · velocity (as PyTorch's SGD) */
export function momentum(
  value: TrainableVariable,
  velocity: TrainableVariable,
  gradient: tf.Tensor,
  rate: number,
  share: number,
): void {
  tf.tidy(() => {
    const next = tf.add(tf.mul(velocity.read(), share), gradient);
    velocity.assign(next);
    value.assign(tf.sub(value.read(), tf.mul(next, rate)));
  });
}

/** v ← αv + (1 − α)g², value −= rate · g/(√v + ε) (as PyTorch's RMSprop) */
export function rmsProp(
  value: TrainableVariable,
  variance: TrainableVariable,
  gradient: tf.Tensor,
  { learningRate, alpha, epsilon }: { learningRate: number; alpha: number; epsilon: number },
): void {
  tf.tidy(() => {
    const next = tf.add(tf.mul(variance.read(), alpha), tf.mul(tf.square(gradient), 1 - alpha));
    variance.assign(next);
    const direction = tf.div(gradient, tf.add(tf.sqrt(next), epsilon));
    value.assign(tf.sub(value.read(), tf.mul(direction, learningRate)));
  });
}

/** The updates for the backend in use. */
export function variableUpdates(): VariableUpdates<TrainableVariable> {
  return runsOnTensorFlow()
    ? (resourceUpdates as VariableUpdates<TrainableVariable>)
    : (tensorUpdates as VariableUpdates<TrainableVariable>);
}

/** Holds its value as a tensor that each update replaces. */
class TensorVariable implements TrainableVariable {
  readonly shape: readonly number[];
  #value: tf.Tensor;

  constructor(value: tf.Tensor) {
    this.shape = value.shape;
    this.#value = tf.keep(tf.clone(value));
  }

  read(): tf.Tensor {
    return tf.clone(this.#value);
  }

  assign(value: tf.Tensor): void {
    const old = this.#value;
    this.#value = tf.keep(tf.clone(value));
    old.dispose();
  }

  take(value: tf.Tensor): void {
    this.assign(value);
    value.dispose();
  }

  /** Replaces the value by what `next` makes of it. */
  update(next: (value: tf.Tensor) => tf.Tensor): void {
    tf.tidy(() => this.assign(next(this.#value)));
  }

  dispose(): void {
    this.#value.dispose();
  }
}

/** For every backend: composed of TF.js ops. */
export const tensorUpdates: VariableUpdates<TensorVariable> = {
  create: (value) => new TensorVariable(value),

  gradientDescent(value, gradient, rate) {
    value.update((w) => tf.sub(w, tf.mul(gradient, rate)));
  },

  adam(value, mean, variance, gradient, { learningRate, beta1, beta2, epsilon, step }) {
    mean.update((m) => tf.add(tf.mul(m, beta1), tf.mul(gradient, 1 - beta1)));
    variance.update((v) => tf.add(tf.mul(v, beta2), tf.mul(tf.square(gradient), 1 - beta2)));
    const rate = (learningRate * Math.sqrt(1 - beta2 ** step)) / (1 - beta1 ** step);
    tf.tidy(() => {
      const [m, v] = [mean.read(), variance.read()];
      value.update((w) => tf.sub(w, tf.mul(tf.div(m, tf.add(tf.sqrt(v), epsilon)), rate)));
    });
  },
};

let resourceCount = 0;

/** A TensorFlow resource variable, named by its handle. */
class ResourceVariable implements TrainableVariable {
  readonly shape: readonly number[];
  readonly handle: tf.Tensor;

  constructor(value: tf.Tensor) {
    const backend = tensorFlowBackend();
    this.shape = value.shape;
    const { TF_ATTR_SHAPE, TF_ATTR_STRING } = backend.binding;
    const handle = backend.executeSingleOutput(
      'VarHandleOp',
      [
        floatType(backend, 'dtype'),
        { name: 'shape', type: TF_ATTR_SHAPE, value: value.shape },
        { name: 'container', type: TF_ATTR_STRING, value: '' },
        { name: 'shared_name', type: TF_ATTR_STRING, value: `gru-lm-${++resourceCount}` },
      ],
      [],
    );
    this.handle = tf.keep(handle);
    this.assign(value);
  }

  read(): tf.Tensor {
    const backend = tensorFlowBackend();
    return backend.executeSingleOutput(
      'ReadVariableOp',
      [floatType(backend, 'dtype')],
      [this.handle],
    );
  }

  /** Copies, since the variable would otherwise share its memory with the tensor given. */
  assign(value: tf.Tensor): void {
    this.take(tf.mul(value, 1));
  }

  take(value: tf.Tensor): void {
    execute('AssignVariableOp', 'dtype', [this.handle, value]);
    value.dispose();
  }

  dispose(): void {
    const backend = tensorFlowBackend();
    backend.binding.executeOp(
      'DestroyResourceOp',
      [flag(backend, 'ignore_lookup_error', true)],
      backend.getInputTensorIds([this.handle]),
      0,
    );
    this.handle.dispose();
  }
}

/** Runs a TensorFlow op without results on a float type. */
function execute(name: string, typeAttribute: string, inputs: readonly tf.TensorInfo[]): void {
  const backend = tensorFlowBackend();
  const attributes = [floatType(backend, typeAttribute)];
  if (name.startsWith('ResourceApply')) attributes.push(flag(backend, 'use_locking', false));
  if (name === 'ResourceApplyAdam') attributes.push(flag(backend, 'use_nesterov', false));
  if (name === 'AssignVariableOp') attributes.push(flag(backend, 'validate_shape', false));
  backend.binding.executeOp(name, attributes, backend.getInputTensorIds(inputs), 0);
}

let lastScalars: { numbers: readonly number[]; tensors: readonly tf.Scalar[] } | undefined;

/** The numbers as tensors, which all variables of one update share. The last ones are kept. */
function scalars(numbers: readonly number[]): readonly tf.Scalar[] {
  if (lastScalars && numbers.every((number, i) => number === lastScalars?.numbers[i])) {
    return lastScalars.tensors;
  }
  tf.dispose((lastScalars?.tensors as tf.Scalar[] | undefined) ?? []);
  lastScalars = { numbers, tensors: numbers.map((number) => tf.keep(tf.scalar(number))) };
  return lastScalars.tensors;
}

/** For TensorFlow: its own fused updates. */
export const resourceUpdates: VariableUpdates<ResourceVariable> = {
  create: (value) => new ResourceVariable(value),

  gradientDescent(value, gradient, rate) {
    tf.tidy(() =>
      execute('ResourceApplyGradientDescent', 'T', [value.handle, tf.scalar(rate), gradient]),
    );
  },

  adam(value, mean, variance, gradient, { learningRate, beta1, beta2, epsilon, step }) {
    const numbers = [beta1 ** step, beta2 ** step, learningRate, beta1, beta2, epsilon];
    const handles = [value.handle, mean.handle, variance.handle];
    execute('ResourceApplyAdam', 'T', [...handles, ...scalars(numbers), gradient]);
  },
};
