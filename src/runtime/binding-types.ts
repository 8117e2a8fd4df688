export type { NativeOperations } from '../ops/tensorflow-binding.ts';

/** An attribute of a TensorFlow op, as the binding takes it. */
interface OpAttribute {
  name: string;
  /** One of the binding's `TF_ATTR_*` constants. */
  type: number;
  value: boolean | number | object | string | number[] | bigint;
}

/** A tensor that TensorFlow owns: its number, its shape, its `TF_*` type. */
interface NativeTensor {
  id: number;
  shape: number[];
  dtype: number;
}

/**
 * The native addon under TF.js's backend `tensorflow`: any TensorFlow op by its name.
 *
 * Tensors made here belong to the caller, who ends them with `deleteTensor`.
 */
export interface TensorflowBinding {
  createTensor(
    shape: number[],
    dtype: number,
    values: Float32Array | Int32Array | Uint8Array | BigInt64Array | Uint8Array[],
  ): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  executeOp(
    name: string,
    attributes: OpAttribute[],
    inputs: number[],
    outputCount: number,
  ): NativeTensor[];
  getNumOfTensors(): number;
  isUsingGpuDevice(): boolean;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_INT64: number;
  readonly TF_BOOL: number;
  readonly TF_COMPLEX64: number;
  readonly TF_STRING: number;
  readonly TF_RESOURCE: number;
  readonly TF_UINT8: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  readonly TF_Version: string;
}
