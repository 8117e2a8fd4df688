import * as tf from '@tensorflow/tfjs-core';

/** An attribute of a TensorFlow operation, as tfjs-node's addon takes it. */
export interface OpAttribute {
  name: string;
  type: number;
  value: unknown;
}

/** A tensor of TensorFlow's own. */
interface TensorMetadata {
  id: number;
  shape: number[];
  dtype: number;
}

/** What the kernels here use of tfjs-node's addon: numbers name TensorFlow's own tensors. */
interface Binding {
  TF_FLOAT: number;
  TF_INT32: number;
  TF_ATTR_TYPE: number;
  TF_ATTR_BOOL: number;
  TF_ATTR_INT: number;
  TF_ATTR_FLOAT: number;
  TF_ATTR_SHAPE: number;
  TF_ATTR_STRING: number;
  executeOp(
    name: string,
    attributes: OpAttribute[],
    inputIds: number[],
    outputCount: number,
  ): TensorMetadata[];
  createTensor(shape: number[], dtype: number, values: Int32Array | Float32Array): number;
  tensorDataSync(id: number): Float32Array | Int32Array;
  deleteTensor(id: number): void;
}

/**
 * What matrix products multiply: those of the native operations, which add up in float32 either way, and
 * on a GPU those that `rounded-product.ts` names. Elsewhere it is always float32.
 */
export type Precision = 'float32' | 'bfloat16' | 'float16';

/** What the native library says of itself, where it was loaded. */
export interface NativeOperations {
  oneDnnVersion: string;
  instructionSet: string;
  /** Whether this processor multiplies bfloat16 faster than float32, by which it is multiplied otherwise. */
  fastBfloat16: boolean;
}

/** What the kernels here use of tfjs-node's backend. */
export interface TensorFlowBackend extends tf.KernelBackend {
  binding: Binding;
  /** Whether TensorFlow found a GPU, on which tensors then lie. */
  readonly isUsingGpuDevice: boolean;
  /** Set where TensorFlow has the operations of `native/`. */
  nativeOperations?: NativeOperations;
  createOutputTensor(metadata: TensorMetadata): tf.Tensor;
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  executeSingleOutput(
    name: string,
    attributes: OpAttribute[],
    inputs: readonly tf.TensorInfo[],
  ): tf.Tensor;
  executeMultipleOutputs(
    name: string,
    attributes: OpAttribute[],
    inputs: readonly tf.TensorInfo[],
    outputCount: number,
  ): tf.Tensor[];
}

/** The name under which tfjs-node's backend is registered. */
const TENSORFLOW_BACKEND = 'tensorflow';

/** Whether operations run on TensorFlow itself now. */
export function runsOnTensorFlow(): boolean {
  return tf.getBackend() === TENSORFLOW_BACKEND;
}

/** The current backend, which must be TensorFlow's. */
export function tensorFlowBackend(): TensorFlowBackend {
  return tf.backend() as TensorFlowBackend;
}

/**
 * Whether tensors lie on a GPU. To read one waits for all that the GPU was given to do before, and copies
 * it: what is not shown is better not read.
 */
export function runsOnGpu(): boolean {
  return gpuBackend() !== undefined;
}

/**
 * Whether products of float32 may be those of numbers with 10 bits after the point: newer GPUs round them so,
 * which TensorFlow lets them unless NVIDIA's libraries are told not to.
 */
export function mayRoundToTf32(): boolean {
  return runsOnGpu() && process.env.NVIDIA_TF32_OVERRIDE !== '0';
}

/** TensorFlow's backend, if operations run there and on a GPU. */
export function gpuBackend(): TensorFlowBackend | undefined {
  const backend = runsOnTensorFlow() ? tensorFlowBackend() : undefined;
  return backend?.isUsingGpuDevice ? backend : undefined;
}

/** TensorFlow's backend, if operations run there and it has those of the native library. */
export function nativeBackend(): TensorFlowBackend | undefined {
  const backend = runsOnTensorFlow() ? tensorFlowBackend() : undefined;
  return backend?.nativeOperations ? backend : undefined;
}

/** The attribute `name` = float32. */
export function floatType(backend: TensorFlowBackend, name: string): OpAttribute {
  return { name, type: backend.binding.TF_ATTR_TYPE, value: backend.binding.TF_FLOAT };
}

/** The attribute `name` = int32. */
export function intType(backend: TensorFlowBackend, name: string): OpAttribute {
  return { name, type: backend.binding.TF_ATTR_TYPE, value: backend.binding.TF_INT32 };
}

/** A true-or-false attribute. */
export function flag(backend: TensorFlowBackend, name: string, value: boolean): OpAttribute {
  return { name, type: backend.binding.TF_ATTR_BOOL, value };
}

/** An attribute that is a whole number. */
export function wholeNumber(backend: TensorFlowBackend, name: string, value: number): OpAttribute {
  return { name, type: backend.binding.TF_ATTR_INT, value };
}

/** An attribute that is any number. */
export function number(backend: TensorFlowBackend, name: string, value: number): OpAttribute {
  return { name, type: backend.binding.TF_ATTR_FLOAT, value };
}

/** The attribute `precision` of the native operations. */
export function precisionAttribute(backend: TensorFlowBackend, precision: Precision): OpAttribute {
  return { name: 'precision', type: backend.binding.TF_ATTR_STRING, value: precision };
}
