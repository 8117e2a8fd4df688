/**
 * The GRU over a whole sequence as operations of the native library, which run all steps at once.
 * Shapes and gate order as in `gru-sequence-reference.ts`; which variant it is follows from
 * `biasHh`, which only reset-after has.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { GruLayerTensors } from './gru-sequence-reference.ts';
import { wantsWeightGradients } from './register.ts';
import {
  flag,
  type Precision,
  precisionAttribute,
  type TensorFlowBackend,
} from './tensorflow-binding.ts';

/** What a layer reads: tensors [T, B, I], or the rows of `table` [V, I] that `ids` [T·B] name. */
export type GruInputs = tf.Tensor3D | { ids: tf.Tensor1D; table: tf.Tensor2D };

/**
 * The states after each step [T, B, H], then, if it is kept, the workspace: the gates [T, B, 3H]
 * and, for reset-after, W_hn h + b_hn [T, B, H].
 */
export function gruForwardNative(
  backend: TensorFlowBackend,
  inputs: GruInputs,
  { initialState, weightIh, weightHh, biasIh, biasHh }: GruLayerTensors,
  keepWorkspace: boolean,
  precision: Precision,
): tf.Tensor[] {
  return tf.tidy(() => {
    const results = backend.executeMultipleOutputs(
      `GruLm${kindOf(inputs)}Forward`,
      [
        flag(backend, 'reset_after', biasHh !== undefined),
        flag(backend, 'keep_workspace', keepWorkspace),
        precisionAttribute(backend, precision),
      ],
      [
        ...listOf(inputs),
        initialState,
        weightIh,
        weightHh,
        biasIh,
        biasHh ?? tf.zeros([0]), // the operation has no optional inputs
      ],
      3,
    );
    return results.slice(0, keepWorkspace ? (biasHh ? 3 : 2) : 1);
  });
}

/**
 * @param results what {@link gruForwardNative} gave, with the workspace
 * @returns the gradients of the inputs, or of their table, and of the tensors in their order; those of the weights
 *   have no elements where they are not wanted
 */
export function gruBackwardNative(
  backend: TensorFlowBackend,
  inputs: GruInputs,
  { initialState, weightIh, weightHh, biasHh }: GruLayerTensors,
  results: readonly tf.Tensor[],
  outputGradient: tf.Tensor,
  precision: Precision,
): tf.Tensor[] {
  return tf.tidy(() => {
    const [outputs, gates, recurrentN = tf.zeros([0, 0, 0])] = results;
    const gradients = backend.executeMultipleOutputs(
      `GruLm${kindOf(inputs)}Backward`,
      [
        flag(backend, 'reset_after', biasHh !== undefined),
        flag(backend, 'weight_gradients', wantsWeightGradients()),
        precisionAttribute(backend, precision),
      ],
      [
        ...listOf(inputs),
        initialState,
        weightIh,
        weightHh,
        outputs!,
        gates!,
        recurrentN,
        outputGradient,
      ],
      6,
    );
    return gradients.slice(0, biasHh ? 6 : 5);
  });
}

function kindOf(inputs: GruInputs): 'Gru' | 'EmbeddedGru' {
  return 'ids' in inputs ? 'EmbeddedGru' : 'Gru';
}

function listOf(inputs: GruInputs): tf.Tensor[] {
  return 'ids' in inputs ? [inputs.ids, inputs.table] : [inputs];
}
