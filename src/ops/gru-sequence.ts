import type * as tf from '@tensorflow/tfjs-core';
import type { Activation } from './activation.ts';
import { gruBackwardCudnn, gruForwardCudnn } from './cudnn-sequence.ts';
import { gruBackwardNative, gruForwardNative } from './gru-sequence-native.ts';
import {
  type GruGradients,
  type GruTensors,
  type GruVariant,
  type GruWorkspace,
  gruBackward,
  gruForward,
} from './gru-sequence-reference.ts';
import { gruBackwardTensorFlow, gruForwardTensorFlow } from './gru-sequence-tensorflow.ts';
import {
  isRecordingGradient,
  registerComposedKernel,
  runKernel,
  runWithGradient,
} from './register.ts';
import { assertShape } from './shapes.ts';
import {
  gpuBackend,
  nativeBackend,
  type Precision,
  runsOnTensorFlow,
  type TensorFlowBackend,
  tensorFlowBackend,
} from './tensorflow-binding.ts';

export type { GruLayerTensors, GruTensors, GruVariant } from './gru-sequence-reference.ts';

/** Kernel: outputs [T, B, H], then, where a gradient is recorded, the workspace. */
const GRU_SEQUENCE = 'GruSequence';
/** Kernel: the gradients of each input of {@link GRU_SEQUENCE}, in its order. */
const GRU_SEQUENCE_GRADIENT = 'GruSequenceGradient';

/**
 * A GRU layer over a whole sequence.
 *
 * @param tensors `inputs` [T, B, I], `initialState` [B, H], `weightIh` [3H, I], `weightHh` [3H, H],
 *   `biasIh` [3H] and, for reset-after only, `biasHh` [3H]; the rows are the gates r, z, n
 * @param variant `reset-after` (PyTorch, cuDNN; arXiv 1406.1078v1) or `reset-before`
 *   (arXiv 1406.1078v3, with z weighing the candidate)
 * @param precision what products are multiplied in where the native library runs them; elsewhere
 *   it is always float32
 * @param activation what the candidate n goes through. The native operation knows tanh alone
 * @returns the state after each step [T, B, H]; the last is the final state. Gradients flow to
 *   every tensor given
 * @throws Error naming the argument whose shape does not fit
 */
export function gruSequence(
  tensors: GruTensors,
  variant: GruVariant,
  precision: Precision = 'float32',
  activation: Activation = 'tanh',
): tf.Tensor3D {
  const bound: Record<string, number> = {};
  assertShape('gruSequence inputs', tensors.inputs, ['T', 'B', 'I'], bound);
  assertShape('gruSequence initialState', tensors.initialState, ['B', 'H'], bound);
  const rows = 3 * (bound.H as number);
  assertShape('gruSequence weightIh', tensors.weightIh, [rows, 'I'], bound);
  assertShape('gruSequence weightHh', tensors.weightHh, [rows, 'H'], bound);
  assertShape('gruSequence biasIh', tensors.biasIh, [rows], bound);
  if ((variant === 'reset-after') !== (tensors.biasHh !== undefined)) {
    throw new Error(
      `gruSequence biasHh: expected ${variant === 'reset-after' ? 'a tensor' : 'none'} with the variant ${variant}, found ${tensors.biasHh ? 'a tensor' : 'none'}`,
    );
  }
  if (tensors.biasHh) assertShape('gruSequence biasHh', tensors.biasHh, [rows], bound);
  const inputs = toList(tensors);
  const attributes = { variant, precision, activation };
  const keepWorkspace = isRecordingGradient();
  return runWithGradient(
    inputs,
    () => runKernel(GRU_SEQUENCE, inputs, { ...attributes, keepWorkspace }),
    (dy, [outputs, ...workspace], saved) =>
      runKernel(
        GRU_SEQUENCE_GRADIENT,
        [...saved, outputs as tf.Tensor, dy, ...workspace],
        attributes,
      ),
  ) as tf.Tensor3D;
}

registerComposedKernel(GRU_SEQUENCE, (inputs, attributes) => {
  const { variant, precision, activation } = attributes as unknown as KernelAttributes;
  const tensors = fromList(inputs);
  const keepWorkspace = attributes.keepWorkspace === true;
  const native = nativeGruBackend(activation);
  if (native) return gruForwardNative(native, tensors.inputs, tensors, keepWorkspace, precision);
  const cudnn = cudnnBackend(variant, activation);
  if (cudnn) return gruForwardCudnn(cudnn, tensors, keepWorkspace);
  const { outputs, workspace } = isTensorFlows(variant)
    ? gruForwardTensorFlow(tensorFlowBackend(), tensors, keepWorkspace, activation)
    : gruForward(tensors, variant, keepWorkspace, activation);
  return workspace ? [outputs, ...workspaceTensors(workspace)] : [outputs];
});

registerComposedKernel(GRU_SEQUENCE_GRADIENT, (inputs, attributes) => {
  const { variant, precision, activation } = attributes as unknown as KernelAttributes;
  const inputCount = namesOf(variant).length;
  const tensors = fromList(inputs.slice(0, inputCount));
  const [outputs, outputGradient, ...kept] = inputs.slice(inputCount) as [
    ...[tf.Tensor3D, tf.Tensor3D],
    ...tf.Tensor[],
  ];
  const native = nativeGruBackend(activation);
  if (native) {
    const results = [outputs, ...kept];
    return gruBackwardNative(native, tensors.inputs, tensors, results, outputGradient, precision);
  }
  const inOrder = (gradients: GruGradients) =>
    namesOf(variant).map((name) => gradients[name] as tf.Tensor);
  const cudnn = cudnnBackend(variant, activation);
  if (cudnn) return inOrder(gruBackwardCudnn(cudnn, tensors, [outputs, ...kept], outputGradient));
  const [r, z, n, recurrentN] = kept as [
    ...[tf.Tensor3D, tf.Tensor3D, tf.Tensor3D],
    tf.Tensor3D | undefined,
  ];
  const workspace = { r, z, n, ...(recurrentN ? { recurrentN } : {}) };
  if (!isTensorFlows(variant)) {
    return inOrder(gruBackward(tensors, variant, outputs, workspace, outputGradient, activation));
  }
  const of = [tensors, outputs, workspace, outputGradient, activation] as const;
  return inOrder(gruBackwardTensorFlow(tensorFlowBackend(), ...of));
});

interface KernelAttributes {
  variant: GruVariant;
  precision: Precision;
  activation: Activation;
}

/** The backend of the native operations, if it is there and they know the activation. */
export function nativeGruBackend(activation: Activation): TensorFlowBackend | undefined {
  return activation === 'tanh' ? nativeBackend() : undefined;
}

/** The backend whose GPU runs the layer by cuDNN, which has reset-after with tanh alone. */
function cudnnBackend(variant: GruVariant, activation: Activation): TensorFlowBackend | undefined {
  return variant === 'reset-after' && activation === 'tanh' ? gpuBackend() : undefined;
}

/** Whether the kernels in TensorFlow's ops are for this. */
function isTensorFlows(variant: GruVariant): boolean {
  return runsOnTensorFlow() && variant === 'reset-after';
}

/** The kernel's inputs are a list: one of them is there in one variant only. */
function namesOf(variant: GruVariant): (keyof GruTensors)[] {
  const both = ['inputs', 'initialState', 'weightIh', 'weightHh', 'biasIh'] as const;
  return variant === 'reset-after' ? [...both, 'biasHh'] : [...both];
}

function toList(tensors: GruTensors): tf.Tensor[] {
  const { inputs, initialState, weightIh, weightHh, biasIh, biasHh } = tensors;
  const both = [inputs, initialState, weightIh, weightHh, biasIh];
  return biasHh ? [...both, biasHh] : both;
}

function fromList(list: readonly tf.Tensor[]): GruTensors {
  const [inputs, initialState, weightIh, weightHh, biasIh, biasHh] = list;
  return {
    inputs: inputs as tf.Tensor3D,
    initialState: initialState as tf.Tensor2D,
    weightIh: weightIh as tf.Tensor2D,
    weightHh: weightHh as tf.Tensor2D,
    biasIh: biasIh as tf.Tensor1D,
    ...(biasHh ? { biasHh: biasHh as tf.Tensor1D } : {}),
  };
}

function workspaceTensors({ r, z, n, recurrentN }: GruWorkspace): tf.Tensor[] {
  return recurrentN ? [r, z, n, recurrentN] : [r, z, n];
}
