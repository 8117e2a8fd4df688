/**
 * A layer over a whole sequence by cuDNN, as TensorFlow's operations `CudnnRNNV3` and `CudnnRNNBackpropV3`
 * call it: one call for all steps, forward and backward. They are for NVIDIA's GPUs alone. None of this was
 * run on one: tests hold what is sent to these operations, and what is made of their answers, against what
 * TensorFlow says that they take and what cuDNN's documentation says that they compute.
 *
 * The GRU is the one that we call reset-after, with z weighing the state before, and the LSTM that of
 * PyTorch. Dropout is left to us; states go in and come out.
 *
 * Products are of float32, or of TF32 where `mayRoundToTf32` says so. TensorFlow has kernels for float16 and
 * bfloat16 as well, which are not used: in float16 cuDNN keeps the states in float16, and the one for bfloat16
 * casts all to float32 before it calls cuDNN.
 *
 * Shapes: T steps, B batch, I input size, H hidden size, P numbers of the buffer of `cudnn-parameters.ts`.
 */
import * as tf from '@tensorflow/tfjs-core';
import { type CudnnParameters, packParameters, unpackParameters } from './cudnn-parameters.ts';
import type { GruGradients, GruTensors } from './gru-sequence-reference.ts';
import type { LstmGradients, LstmTensors } from './lstm-sequence-reference.ts';
import {
  flag,
  floatType,
  number,
  type OpAttribute,
  type TensorFlowBackend,
  wholeNumber,
} from './tensorflow-binding.ts';

type Mode = 'gru' | 'lstm';

/** What cuDNN reads. */
interface CudnnInputs {
  /** [T, B, I] */
  inputs: tf.Tensor3D;
  /** [B, H] */
  initialState: tf.Tensor2D;
  /** [B, H]; of an LSTM. A GRU has none, and what is sent in its place is not looked at. */
  initialCell?: tf.Tensor2D;
  /** [P] */
  parameters: tf.Tensor1D;
}

interface CudnnGradients {
  /** [T, B, I] */
  inputs: tf.Tensor3D;
  /** [B, H] */
  initialState: tf.Tensor2D;
  initialCell: tf.Tensor;
  /** [P] */
  parameters: tf.Tensor1D;
}

/** What cuDNN hands from the forward pass to the backward one, of which only it knows what it is. */
type Reserve = [space: tf.Tensor, host: tf.Tensor];

/**
 * The states after each step [T, B, H], then, if it is kept, the workspace: the buffer of parameters [P] and
 * cuDNN's reserve.
 */
export function gruForwardCudnn(
  backend: TensorFlowBackend,
  tensors: GruTensors,
  keepWorkspace: boolean,
): tf.Tensor[] {
  return tf.tidy(() => {
    const all = { ...tensors, parameters: packParameters(parametersOf(tensors)) };
    const { outputs, reserve } = forward(backend, 'gru', all, keepWorkspace);
    return keepWorkspace ? [outputs, all.parameters, ...reserve] : [outputs];
  });
}

/** As `gruBackward` of the reference, for reset-after, from what {@link gruForwardCudnn} gave. */
export function gruBackwardCudnn(
  backend: TensorFlowBackend,
  tensors: GruTensors,
  [outputs, parameters, ...reserve]: readonly tf.Tensor[],
  outputGradient: tf.Tensor3D,
): GruGradients {
  return tf.tidy(() => {
    const gradients = backward(
      backend,
      'gru',
      { ...tensors, parameters: parameters as tf.Tensor1D },
      outputs as tf.Tensor3D,
      undefined,
      reserve as Reserve,
      outputGradient,
    );
    const { inputs, initialState } = gradients;
    const ofParameters = unpackParameters(gradients.parameters, parametersOf(tensors));
    return { inputs, initialState, ...ofParameters } as unknown as tf.TensorContainer;
  }) as unknown as GruGradients;
}

/** As {@link gruForwardCudnn}, with the cell after the last step [B, H] before the workspace. */
export function lstmForwardCudnn(
  backend: TensorFlowBackend,
  tensors: LstmTensors,
  keepWorkspace: boolean,
): tf.Tensor[] {
  return tf.tidy(() => {
    const all = { ...tensors, parameters: packParameters(tensors) };
    const { outputs, finalCell, reserve } = forward(backend, 'lstm', all, keepWorkspace);
    const results = [outputs, tf.reshape(finalCell, tensors.initialCell.shape)];
    return keepWorkspace ? [...results, all.parameters, ...reserve] : results;
  });
}

/** As `lstmBackward` of the reference, from what {@link lstmForwardCudnn} gave. */
export function lstmBackwardCudnn(
  backend: TensorFlowBackend,
  tensors: LstmTensors,
  [outputs, finalCell, parameters, ...reserve]: readonly tf.Tensor[],
  outputGradient: tf.Tensor3D,
  finalCellGradient: tf.Tensor2D,
): LstmGradients {
  return tf.tidy(() => {
    const gradients = backward(
      backend,
      'lstm',
      { ...tensors, parameters: parameters as tf.Tensor1D },
      outputs as tf.Tensor3D,
      finalCell as tf.Tensor2D,
      reserve as Reserve,
      outputGradient,
      finalCellGradient,
    );
    const { inputs, initialState, initialCell } = gradients;
    const { weightIh, weightHh, biasIh } = unpackParameters(gradients.parameters, tensors);
    return {
      ...{ inputs, initialState, weightIh, weightHh },
      initialCell: tf.reshape(initialCell, tensors.initialCell.shape),
      // The two biases only act as their sum, and cuDNN's gradients of them are the same.
      bias: biasIh,
    } as unknown as tf.TensorContainer;
  }) as unknown as LstmGradients;
}

function parametersOf({ weightIh, weightHh, biasIh, biasHh }: GruTensors): CudnnParameters {
  return { weightIh, weightHh, biasIh, biasHh: biasHh as tf.Tensor1D };
}

function forward(
  backend: TensorFlowBackend,
  mode: Mode,
  { inputs, initialState, initialCell = initialState, parameters }: CudnnInputs,
  keepReserve: boolean,
): { outputs: tf.Tensor3D; finalCell: tf.Tensor; reserve: Reserve } {
  const { binding } = backend;
  const lengths = sequenceLengths(inputs);
  const tensors = [inputs, asLayer(initialState), asLayer(initialCell), parameters, lengths];
  const made = binding.executeOp(
    'CudnnRNNV3',
    [...attributesOf(backend, mode), flag(backend, 'is_training', keepReserve)],
    backend.getInputTensorIds(tensors),
    5,
  );
  // The last is of int8, a type that TF.js has not: its tensor only carries TensorFlow's to the gradient,
  // and is never read.
  const [outputs, , finalCell, space, host] = made.map((each, i) =>
    backend.createOutputTensor(i === 4 ? { ...each, dtype: binding.TF_INT32 } : each),
  );
  return {
    outputs: outputs as tf.Tensor3D,
    finalCell: finalCell!, // [1, B, H]; of a GRU a number without a meaning
    reserve: [space!, host!],
  };
}

function backward(
  backend: TensorFlowBackend,
  mode: Mode,
  { inputs, initialState, initialCell = initialState, parameters }: CudnnInputs,
  outputs: tf.Tensor3D,
  finalCell: tf.Tensor2D | undefined,
  reserve: Reserve,
  outputGradient: tf.Tensor3D,
  finalCellGradient?: tf.Tensor2D,
): CudnnGradients {
  const T = outputs.shape[0];
  const finalState = tf.slice(outputs, T - 1, 1); // [1, B, H]
  // What reaches the final state does so by the outputs. These zeros are made where the state lies.
  const none = backend.executeSingleOutput('ZerosLike', [floatType(backend, 'T')], [finalState]);
  const [dInputs, dInitialState, dInitialCell, dParameters] = backend.executeMultipleOutputs(
    'CudnnRNNBackpropV3',
    attributesOf(backend, mode),
    [
      ...[inputs, asLayer(initialState), asLayer(initialCell), parameters, sequenceLengths(inputs)],
      ...[outputs, finalState, finalCell ? asLayer(finalCell) : finalState],
      ...[outputGradient, none, finalCellGradient ? asLayer(finalCellGradient) : none],
      ...reserve,
    ],
    4,
  ) as [tf.Tensor3D, tf.Tensor, tf.Tensor, tf.Tensor1D];
  return {
    inputs: dInputs,
    initialState: tf.reshape(dInitialState, initialState.shape),
    initialCell: dInitialCell, // as the cell above
    parameters: dParameters,
  };
}

/** What both operations are told. Seeds are for dropout, which there is none of. */
function attributesOf(backend: TensorFlowBackend, mode: Mode): OpAttribute[] {
  const { TF_ATTR_STRING } = backend.binding;
  return [
    floatType(backend, 'T'),
    { name: 'rnn_mode', type: TF_ATTR_STRING, value: mode },
    { name: 'input_mode', type: TF_ATTR_STRING, value: 'linear_input' },
    { name: 'direction', type: TF_ATTR_STRING, value: 'unidirectional' },
    number(backend, 'dropout', 0),
    wholeNumber(backend, 'seed', 0),
    wholeNumber(backend, 'seed2', 0),
    wholeNumber(backend, 'num_proj', 0),
    flag(backend, 'time_major', true),
  ];
}

/** The states of one layer [B, H] as those of all layers [1, B, H]. */
function asLayer(state: tf.Tensor2D): tf.Tensor3D {
  return tf.reshape(state, [1, ...state.shape]);
}

/** T for each stream [B]. Whole numbers stay in the host's memory, where the operations want these. */
function sequenceLengths(inputs: tf.Tensor3D): tf.Tensor1D {
  const [T, B] = inputs.shape;
  return tf.tensor1d(new Int32Array(B).fill(T), 'int32');
}
