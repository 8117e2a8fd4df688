/**
 * The LSTM over a whole sequence as operations of the native library, which run all steps at once.
 * Shapes and gate order as in `lstm-sequence-reference.ts`; the workspace is the same, so that
 * either can give the gradient of what the other ran.
 */
import type * as tf from '@tensorflow/tfjs-core';
import type {
  LstmForward,
  LstmGradients,
  LstmTensors,
  LstmWorkspace,
} from './lstm-sequence-reference.ts';
import { wantsWeightGradients } from './register.ts';
import {
  flag,
  type Precision,
  precisionAttribute,
  type TensorFlowBackend,
} from './tensorflow-binding.ts';

/** As `lstmForward` of the reference. */
export function lstmForwardNative(
  backend: TensorFlowBackend,
  tensors: LstmTensors,
  keepWorkspace: boolean,
  precision: Precision,
): LstmForward {
  const { inputs, initialState, initialCell, weightIh, weightHh, biasIh, biasHh } = tensors;
  const [outputs, finalCell, gates, cells] = backend.executeMultipleOutputs(
    'GruLmLstmForward',
    [flag(backend, 'keep_workspace', keepWorkspace), precisionAttribute(backend, precision)],
    [inputs, initialState, initialCell, weightIh, weightHh, biasIh, biasHh],
    4,
  ) as [tf.Tensor3D, tf.Tensor2D, tf.Tensor3D, tf.Tensor3D];
  // Without a workspace the last two are [0, 0, 0].
  return keepWorkspace
    ? { outputs, finalCell, workspace: { gates, cells } }
    : { outputs, finalCell };
}

/** As `lstmBackward` of the reference; the gradients of weights have no elements where they are not wanted. */
export function lstmBackwardNative(
  backend: TensorFlowBackend,
  tensors: Omit<LstmTensors, 'biasIh' | 'biasHh'>,
  outputs: tf.Tensor3D,
  { gates, cells }: LstmWorkspace,
  outputGradient: tf.Tensor3D,
  finalCellGradient: tf.Tensor2D,
  precision: Precision,
): LstmGradients {
  const { inputs, initialState, initialCell, weightIh, weightHh } = tensors;
  const [dInputs, dInitialState, dInitialCell, dWeightIh, dWeightHh, dBias] =
    backend.executeMultipleOutputs(
      'GruLmLstmBackward',
      [
        flag(backend, 'weight_gradients', wantsWeightGradients()),
        precisionAttribute(backend, precision),
      ],
      [
        inputs,
        initialState,
        initialCell,
        weightIh,
        weightHh,
        outputs,
        gates,
        cells,
        outputGradient,
        finalCellGradient,
      ],
      6,
    ) as [tf.Tensor3D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor1D];
  return {
    inputs: dInputs,
    initialState: dInitialState,
    initialCell: dInitialCell,
    weightIh: dWeightIh,
    weightHh: dWeightHh,
    bias: dBias,
  };
}
