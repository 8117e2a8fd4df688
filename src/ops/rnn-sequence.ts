/**
 * Shapes: T steps, B batch, I input size, H hidden size.
 */
import * as tf from '@tensorflow/tfjs-core';
import { type Activation, activate, activationSlope } from './activation.ts';
import { matrixProduct } from './matrix-product.ts';
import { registerComposedKernel, runKernel } from './register.ts';
import { flattenSteps, previousSteps, transposedProduct } from './sequence-steps.ts';
import { assertShape } from './shapes.ts';
import { unstackSteps } from './unstack-steps.ts';

/** Kernel: outputs [T, B, H]. */
const RNN_SEQUENCE = 'RnnSequence';
/** Kernel: the gradients of the inputs of {@link RNN_SEQUENCE}, in its order; one for both biases. */
const RNN_SEQUENCE_GRADIENT = 'RnnSequenceGradient';

export interface RnnTensors {
  /** [T, B, I] */
  inputs: tf.Tensor3D;
  /** [B, H] */
  initialState: tf.Tensor2D;
  /** [H, I] */
  weightIh: tf.Tensor2D;
  /** [H, H] */
  weightHh: tf.Tensor2D;
  /** [H] */
  biasIh: tf.Tensor1D;
  /** [H] */
  biasHh: tf.Tensor1D;
}

/** The kernel's inputs in their order. */
const NAMES = [
  'inputs',
  'initialState',
  'weightIh',
  'weightHh',
  'biasIh',
  'biasHh',
] as const satisfies readonly (keyof RnnTensors)[];

/**
 * A layer of a plain recurrent network over a whole sequence (Elman, "Finding structure in time", 1990),
 * as PyTorch's `nn.RNN`:
 *
 *     h' = φ(W_i x + b_i + W_h h + b_h)
 *
 * @param tensors `inputs` [T, B, I], `initialState` [B, H], `weightIh` [H, I], `weightHh` [H, H],
 *   `biasIh` and `biasHh` [H]
 * @param activation φ
 * @returns the state after each step [T, B, H]; the last is the final state. Gradients flow to
 *   every tensor given
 * @throws Error naming the argument whose shape does not fit
 */
export function rnnSequence(tensors: RnnTensors, activation: Activation = 'tanh'): tf.Tensor3D {
  const bound: Record<string, number> = {};
  assertShape('rnnSequence inputs', tensors.inputs, ['T', 'B', 'I'], bound);
  assertShape('rnnSequence initialState', tensors.initialState, ['B', 'H'], bound);
  assertShape('rnnSequence weightIh', tensors.weightIh, ['H', 'I'], bound);
  assertShape('rnnSequence weightHh', tensors.weightHh, ['H', 'H'], bound);
  assertShape('rnnSequence biasIh', tensors.biasIh, ['H'], bound);
  assertShape('rnnSequence biasHh', tensors.biasHh, ['H'], bound);
  const list = NAMES.map((name) => tensors[name]);
  return runKernel(RNN_SEQUENCE, list, { activation })[0] as tf.Tensor3D;
}

registerComposedKernel(RNN_SEQUENCE, (list, attributes) => {
  const { inputs, initialState, weightIh, weightHh, biasIh, biasHh } = fromList(list);
  const activation = attributes.activation as Activation;
  const [T, B] = inputs.shape;
  const product = matrixProduct(flattenSteps(inputs), weightIh, false, true); // [T·B, H]
  const biased = tf.add(product, tf.add(biasIh, biasHh));
  const inputSide = unstackSteps(tf.reshape(biased, [T, B, initialState.shape[1]]) as tf.Tensor3D);
  const recurrent = transposedProduct(weightHh, T);

  const states: tf.Tensor2D[] = [];
  for (let t = 0; t < T; t++) {
    const previous = states[t - 1] ?? initialState;
    const next = () =>
      activate(tf.add(inputSide[t]!, recurrent(previous)) as tf.Tensor2D, activation);
    states.push(tf.tidy(next));
  }
  return [tf.stack(states)];
});

// With a = what φ is applied to: ∂a = ∂h' φ'(a), and ∂a W_h goes on to the step before.
registerComposedKernel(RNN_SEQUENCE_GRADIENT, (list, attributes) => {
  const { inputs, initialState, weightIh, weightHh } = fromList(list);
  const [outputs, outputGradient] = list.slice(NAMES.length) as [tf.Tensor3D, tf.Tensor3D];
  const T = inputs.shape[0];
  const slope = unstackSteps(activationSlope(outputs, attributes.activation as Activation));
  const gradient = unstackSteps(outputGradient);

  const sumGradients: tf.Tensor2D[] = new Array(T); // ∂a [B, H] of each step
  let dh = gradient[T - 1]!; // [B, H]
  for (let t = T - 1; t >= 0; t--) {
    [sumGradients[t], dh] = tf.tidy(() => {
      const dSums = tf.mul(dh, slope[t]!) as tf.Tensor2D;
      const through = matrixProduct(dSums, weightHh);
      return [dSums, t > 0 ? tf.add(through, gradient[t - 1]!) : through];
    }) as [tf.Tensor2D, tf.Tensor2D];
  }

  const dSums = flattenSteps(tf.stack(sumGradients)); // [T·B, H]
  return [
    tf.reshape(matrixProduct(dSums, weightIh), inputs.shape),
    dh,
    matrixProduct(dSums, flattenSteps(inputs), true),
    matrixProduct(dSums, flattenSteps(previousSteps(initialState, outputs)), true),
    tf.sum(dSums, 0),
  ];
});

tf.registerGradient({
  kernelName: RNN_SEQUENCE,
  saveAllInputs: true,
  outputsToSave: [true],
  gradFunc: (dy, saved, attributes) => {
    const [outputGradient] = [dy].flat() as [tf.Tensor];
    const { activation } = attributes;
    const gradients = runKernel(RNN_SEQUENCE_GRADIENT, [...saved, outputGradient], { activation });
    // The biases share a gradient, but each is another tensor's to dispose.
    const bias = gradients.at(-1) as tf.Tensor;
    return Object.fromEntries(NAMES.map((_, i) => [i, () => gradients[i] ?? tf.clone(bias)]));
  },
});

function fromList(list: readonly tf.Tensor[]): RnnTensors {
  return Object.fromEntries(NAMES.map((name, i) => [name, list[i]])) as unknown as RnnTensors;
}
