/** A tensor outside of any backend: `data` holds the product of `shape` elements, row-major. */
export interface TensorData {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Tensors by name. */
export type TensorMap = Map<string, TensorData>;
