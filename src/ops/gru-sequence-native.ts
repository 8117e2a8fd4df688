/**
 * The GRU over a whole sequence as operations of the native library, which run all steps at once.
 * Shapes and gate order as in `gru-sequence-reference.ts`; which variant it is follows from
 * `biasHh`, which only reset-after has.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { GruTensors } from './gru-sequence-reference.ts';
import {
  flag,
  type Precision,
  precisionAttribute,
  type TensorFlowBackend,
} from './tensorflow-binding.ts';

/**
 * The states after each step [T, B, H], then, if it is kept, the workspace: the gates [T, B, 3H]
 * and, for reset-after, W_hn h + b_hn [T, B, H].
 */
export function gruForwardNative(
  backend: TensorFlowBackend,
  tensors: GruTensors,
  keepWorkspace: boolean,
  precision: Precision,
): tf.Tensor[] {
  const { inputs, initialState, weightIh, weightHh, biasIh, biasHh } = tensors;
  const results = backend.executeMultipleOutputs(
    'GruLmGruForward',
    [
      flag(backend, 'reset_after', biasHh !== undefined),
      flag(backend, 'keep_workspace', keepWorkspace),
      precisionAttribute(backend, precision),
    ],
    [inputs, initialState, weightIh, weightHh, biasIh, biasHh ?? tf.tensor1d([])],
    3,
  );
  return results.slice(0, keepWorkspace ? (biasHh ? 3 : 2) : 1);
}

/** @returns the gradients of the tensors in their order; that of `biasHh`, the last, may be empty */
export function gruBackwardNative(
  backend: TensorFlowBackend,
  { inputs, initialState, weightIh, weightHh, biasHh }: GruTensors,
  outputsAndWorkspace: tf.Tensor[],
  outputGradient: tf.Tensor,
  precision: Precision,
): tf.Tensor[] {
  const [outputs, gates, recurrentN = tf.zeros([0, 0, 0])] = outputsAndWorkspace;
  return backend.executeMultipleOutputs(
    'GruLmGruBackward',
    [flag(backend, 'reset_after', biasHh !== undefined), precisionAttribute(backend, precision)],
    [inputs, initialState, weightIh, weightHh, outputs!, gates!, recurrentN, outputGradient],
    6,
  );
}
