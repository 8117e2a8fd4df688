/**
 * Shapes: T steps, B batch, I input size, H hidden size. The rows of weights and biases are z (update),
 * n (candidate): weightIh [2H, I], biasIh [2H].
 */
import * as tf from '@tensorflow/tfjs-core';
import { linearRecurrence, reverseLinearRecurrence } from './linear-recurrence.ts';
import { matrixProduct } from './matrix-product.ts';
import { registerComposedKernel, runKernel, runWithGradient } from './register.ts';
import { flattenSteps, previousSteps } from './sequence-steps.ts';
import { assertShape } from './shapes.ts';

/** Kernel: outputs, then z and n, which the gradient needs; each [T, B, H]. */
const MIN_GRU_SEQUENCE = 'MinGruSequence';
/** Kernel: the gradients of the inputs of {@link MIN_GRU_SEQUENCE}, in its order. */
const MIN_GRU_SEQUENCE_GRADIENT = 'MinGruSequenceGradient';

export interface MinGruTensors {
  /** [T, B, I] */
  inputs: tf.Tensor3D;
  /** [B, H] */
  initialState: tf.Tensor2D;
  /** [2H, I] */
  weightIh: tf.Tensor2D;
  /** [2H] */
  biasIh: tf.Tensor1D;
}

/**
 * A minGRU layer over a whole sequence (Feng et al., "Were RNNs all we needed?", arXiv 2410.01201):
 *
 *     z  = σ(W_z x + b_z)
 *     n  = W_n x + b_n
 *     h' = (1 − z) ⊙ h + z ⊙ n
 *
 * z and n do not depend on the state, so that all steps are made at once, by a parallel scan. A state
 * is a weighted mean of candidates, and no factor is greater than 1: nothing overflows, and the paper's
 * way over logarithms, which needs positive candidates, is not needed.
 *
 * @param tensors `inputs` [T, B, I], `initialState` [B, H], `weightIh` [2H, I], `biasIh` [2H]; the
 *   rows are z, n
 * @returns the state after each step [T, B, H]; the last is the final state. Gradients flow to
 *   every tensor given
 * @throws Error naming the argument whose shape does not fit
 */
export function minGruSequence(tensors: MinGruTensors): tf.Tensor3D {
  const { inputs, initialState, weightIh, biasIh } = tensors;
  const bound: Record<string, number> = {};
  assertShape('minGruSequence inputs', inputs, ['T', 'B', 'I'], bound);
  assertShape('minGruSequence initialState', initialState, ['B', 'H'], bound);
  const rows = 2 * (bound.H as number);
  assertShape('minGruSequence weightIh', weightIh, [rows, 'I'], bound);
  assertShape('minGruSequence biasIh', biasIh, [rows], bound);
  const list = [inputs, initialState, weightIh, biasIh];
  return runWithGradient(
    list,
    () => runKernel(MIN_GRU_SEQUENCE, list),
    (dy, results, saved) => runKernel(MIN_GRU_SEQUENCE_GRADIENT, [...saved, ...results, dy]),
  ) as tf.Tensor3D;
}

registerComposedKernel(MIN_GRU_SEQUENCE, (list) => {
  const { inputs, initialState, weightIh, biasIh } = fromList(list);
  const [T, B] = inputs.shape;
  const H = initialState.shape[1];
  const sums = tf.add(matrixProduct(flattenSteps(inputs), weightIh, false, true), biasIh);
  const [forZ, candidates] = tf.split(sums, 2, 1) as [tf.Tensor, tf.Tensor]; // [T·B, H]
  const z = tf.reshape(tf.sigmoid(forZ), [T, B, H]) as tf.Tensor3D;
  const n = tf.reshape(candidates, [T, B, H]) as tf.Tensor3D;
  const terms = tf.mul(z, n) as tf.Tensor3D;
  return [linearRecurrence(tf.sub(1, z), terms, initialState), z, n];
});

// With ∂h = what reaches a state from outside and by (1 − z) of the step after it, and a_z = what σ is
// applied to: ∂n = ∂h z and ∂a_z = ∂h (n − h₋₁) z(1 − z).
registerComposedKernel(MIN_GRU_SEQUENCE_GRADIENT, (list) => {
  const { inputs, initialState, weightIh } = fromList(list);
  const [outputs, z, n, outputGradient] = list.slice(4) as [
    tf.Tensor3D,
    tf.Tensor3D,
    tf.Tensor3D,
    tf.Tensor3D,
  ];
  const keep = tf.sub(1, z) as tf.Tensor3D;
  const dh = reverseLinearRecurrence(keep, outputGradient);
  const dN = tf.mul(dh, z);
  const dZ = tf.mul(tf.mul(dN, keep), tf.sub(n, previousSteps(initialState, outputs)));
  const dSums = flattenSteps(tf.concat([dZ, dN], 2)); // [T·B, 2H]
  const first = tf.mul(tf.slice(dh, 0, 1), tf.slice(keep, 0, 1)); // [1, B, H]
  return [
    tf.reshape(matrixProduct(dSums, weightIh), inputs.shape),
    tf.reshape(first, initialState.shape),
    matrixProduct(dSums, flattenSteps(inputs), true),
    tf.sum(dSums, 0),
  ];
});

function fromList(list: readonly tf.Tensor[]): MinGruTensors {
  const [inputs, initialState, weightIh, biasIh] = list as [
    tf.Tensor3D,
    tf.Tensor2D,
    tf.Tensor2D,
    tf.Tensor1D,
  ];
  return { inputs, initialState, weightIh, biasIh };
}
