import * as tf from '@tensorflow/tfjs-core';
import { lstmBackwardCudnn, lstmForwardCudnn } from './cudnn-sequence.ts';
import { lstmBackwardNative, lstmForwardNative } from './lstm-sequence-native.ts';
import {
  type LstmGradients,
  type LstmTensors,
  lstmBackward,
  lstmForward,
} from './lstm-sequence-reference.ts';
import { isRecordingGradient, registerComposedKernel, runKernel } from './register.ts';
import { assertShape } from './shapes.ts';
import { gpuBackend, nativeBackend, type Precision } from './tensorflow-binding.ts';

/** Kernel: outputs [T, B, H], final cell [B, H], then, where a gradient is recorded, the workspace. */
const LSTM_SEQUENCE = 'LstmSequence';
/** Kernel: the gradients of the inputs of {@link LSTM_SEQUENCE}, in its order; one for both biases. */
const LSTM_SEQUENCE_GRADIENT = 'LstmSequenceGradient';

/** The kernel's inputs in their order. */
const NAMES = [
  'inputs',
  'initialState',
  'initialCell',
  'weightIh',
  'weightHh',
  'biasIh',
  'biasHh',
] as const satisfies readonly (keyof LstmTensors)[];

/**
 * An LSTM layer over a whole sequence, with forget gates (Hochreiter and Schmidhuber, "Long
 * short-term memory", 1997; Gers, Schmidhuber and Cummins, "Learning to forget", 2000).
 *
 * @param tensors `inputs` [T, B, I], `initialState` and `initialCell` [B, H], `weightIh` [4H, I],
 *   `weightHh` [4H, H], `biasIh` and `biasHh` [4H]; the rows are the gates i, f, g, o, as in PyTorch
 * @param precision what products are multiplied in where the native library runs them; elsewhere
 *   it is always float32
 * @returns `outputs`, the state after each step [T, B, H], of which the last is the final state, and
 *   `finalCell` [B, H]. Gradients flow from both to every tensor given
 * @throws Error naming the argument whose shape does not fit
 */
export function lstmSequence(
  tensors: LstmTensors,
  precision: Precision = 'float32',
): { outputs: tf.Tensor3D; finalCell: tf.Tensor2D } {
  const bound: Record<string, number> = {};
  assertShape('lstmSequence inputs', tensors.inputs, ['T', 'B', 'I'], bound);
  assertShape('lstmSequence initialState', tensors.initialState, ['B', 'H'], bound);
  assertShape('lstmSequence initialCell', tensors.initialCell, ['B', 'H'], bound);
  const rows = 4 * (bound.H as number);
  assertShape('lstmSequence weightIh', tensors.weightIh, [rows, 'I'], bound);
  assertShape('lstmSequence weightHh', tensors.weightHh, [rows, 'H'], bound);
  assertShape('lstmSequence biasIh', tensors.biasIh, [rows], bound);
  assertShape('lstmSequence biasHh', tensors.biasHh, [rows], bound);
  const [outputs, finalCell] = runKernel(
    LSTM_SEQUENCE,
    NAMES.map((name) => tensors[name]),
    { precision, keepWorkspace: isRecordingGradient() },
  );
  return { outputs: outputs as tf.Tensor3D, finalCell: finalCell as tf.Tensor2D };
}

registerComposedKernel(LSTM_SEQUENCE, (inputs, attributes) => {
  const tensors = fromList(inputs);
  const keepWorkspace = attributes.keepWorkspace === true;
  const native = nativeBackend();
  const gpu = gpuBackend();
  if (!native && gpu) return lstmForwardCudnn(gpu, tensors, keepWorkspace);
  const { outputs, finalCell, workspace } = native
    ? lstmForwardNative(native, tensors, keepWorkspace, attributes.precision as Precision)
    : lstmForward(tensors, keepWorkspace);
  return workspace ? [outputs, finalCell, workspace.gates, workspace.cells] : [outputs, finalCell];
});

registerComposedKernel(LSTM_SEQUENCE_GRADIENT, (inputs, attributes) => {
  const tensors = fromList(inputs);
  const [outputGradient, finalCellGradient, ...results] = inputs.slice(NAMES.length) as [
    ...[tf.Tensor3D, tf.Tensor2D],
    ...tf.Tensor[],
  ];
  const native = nativeBackend();
  const gpu = gpuBackend();
  if (!native && gpu) {
    const dys = [outputGradient, finalCellGradient] as const;
    return inOrder(lstmBackwardCudnn(gpu, tensors, results, ...dys));
  }
  const [outputs, , gates, cells] = results as [tf.Tensor3D, tf.Tensor, tf.Tensor3D, tf.Tensor3D];
  const of = [tensors, outputs, { gates, cells }, outputGradient, finalCellGradient] as const;
  return inOrder(
    native
      ? lstmBackwardNative(native, ...of, attributes.precision as Precision)
      : lstmBackward(...of),
  );
});

tf.registerGradient({
  kernelName: LSTM_SEQUENCE,
  saveAllInputs: true,
  // What there is of them: cuDNN keeps three.
  outputsToSave: [true, true, true, true, true],
  gradFunc: (dy, saved, attributes) => {
    const [outputGradient, finalCellGradient] = dy as unknown as [tf.Tensor, tf.Tensor];
    const { precision } = attributes;
    const gradients = runKernel(
      LSTM_SEQUENCE_GRADIENT,
      [
        ...saved.slice(0, NAMES.length),
        ...[outputGradient, finalCellGradient],
        ...saved.slice(NAMES.length),
      ],
      { precision },
    );
    // The biases share a gradient, but each is another tensor's to dispose.
    const bias = gradients.at(-1) as tf.Tensor;
    return Object.fromEntries(NAMES.map((_, i) => [i, () => gradients[i] ?? tf.clone(bias)]));
  },
});

function inOrder({
  inputs,
  initialState,
  initialCell,
  weightIh,
  weightHh,
  bias,
}: LstmGradients): tf.Tensor[] {
  return [inputs, initialState, initialCell, weightIh, weightHh, bias];
}

function fromList(list: readonly tf.Tensor[]): LstmTensors {
  return Object.fromEntries(NAMES.map((name, i) => [name, list[i]])) as unknown as LstmTensors;
}
