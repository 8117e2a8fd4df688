/**
 * Weights in fewer bits, for files that other programs read.
 *
 * `float16` rounds every number to the nearest of binary16. `int8` gives each row of a matrix, which makes one
 * output or is one token's embedding, a scale s = max |w| / 127; its numbers become the whole numbers
 * q = round(w / s), from −127 to 127, and mean s·q again, which is s/2 away from w at most. What is no matrix
 * (biases and the like) stays float32: there is little of it, and it is added as it is.
 */
import { UserError } from '../errors.ts';
import { fromFloat16, toFloat16 } from '../half-precision.ts';
import type { TensorData, TensorMap } from '../tensor-data.ts';

export type Quantization = 'none' | 'int8' | 'float16';

/** A tensor as a file holds it: by its kinds of numbers, as safetensors name them. */
export type StoredTensor =
  | { readonly dtype: 'F32'; readonly shape: readonly number[]; readonly data: Float32Array }
  /** `data` are the bits of binary16 numbers. */
  | { readonly dtype: 'F16'; readonly shape: readonly number[]; readonly data: Uint16Array }
  | ScaledRows;

/** A matrix of whole numbers [R, C], each row of which is to be multiplied by its scale [R]. */
export interface ScaledRows {
  readonly dtype: 'I8';
  readonly shape: readonly number[];
  readonly data: Int8Array;
  readonly scales: Float32Array;
}

/** The largest whole number that a row's largest becomes: −128 is left out, so that signs do not matter. */
const LARGEST = 127;

/**
 * The tensor `name` in fewer bits.
 *
 * @throws UserError `export-range` naming a tensor with a number that float16 cannot hold
 */
export function quantize(
  name: string,
  { shape, data }: TensorData,
  quantization: Quantization,
): StoredTensor {
  if (quantization === 'int8' && shape.length === 2) return scaleRows({ shape, data });
  if (quantization !== 'float16') return { dtype: 'F32', shape, data };
  const halves = toFloat16(data);
  const at = halves.findIndex((word) => (word & 0x7c00) === 0x7c00);
  if (at >= 0) {
    throw new UserError(
      'export-range',
      `expected numbers that float16 can hold, at most 65504, in the tensor ${name}, found ${data[at]}`,
      'Export with --quantize int8, or without --quantize.',
    );
  }
  return { dtype: 'F16', shape, data: halves };
}

/** What a tensor in fewer bits means. */
export function dequantize(stored: StoredTensor): TensorData {
  const { shape } = stored;
  if (stored.dtype === 'F32') return { shape, data: stored.data };
  if (stored.dtype === 'F16') return { shape, data: fromFloat16(stored.data) };
  return dequantizeRows(stored, stored.scales);
}

/** A matrix [R, C] of whole numbers, in whatever kind of array, times the scale of each row [R]. */
export function dequantizeRows(
  { shape, data }: { shape: readonly number[]; data: ArrayLike<number> },
  scales: Float32Array,
): TensorData {
  const columns = shape[1] as number;
  const values = new Float32Array(data.length);
  for (const [row, scale] of scales.entries()) {
    for (let i = row * columns; i < (row + 1) * columns; i++) values[i] = data[i]! * scale;
  }
  return { shape, data: values };
}

/** Weights as they are once they have been through a file of fewer bits. */
export function roundTrip(tensors: TensorMap, quantization: Quantization): TensorMap {
  return new Map(
    [...tensors].map(([name, tensor]) => [name, dequantize(quantize(name, tensor, quantization))]),
  );
}

function scaleRows({ shape, data }: TensorData): ScaledRows {
  const [rows, columns] = shape as [number, number];
  const scales = new Float32Array(rows);
  const whole = new Int8Array(data.length);
  for (let row = 0; row < rows; row++) {
    const [start, end] = [row * columns, (row + 1) * columns];
    let largest = 0;
    for (let i = start; i < end; i++) largest = Math.max(largest, Math.abs(data[i]!));
    // A row of nothing but zeros, or of numbers too small to be divided by 127, is all zeros by any scale.
    const scale = Math.fround(largest / LARGEST) || 1;
    scales[row] = scale;
    for (let i = start; i < end; i++) {
      const magnitude = Math.min(LARGEST, Math.round(Math.abs(data[i]!) / scale));
      whole[i] = Math.sign(data[i]!) * magnitude;
    }
  }
  return { dtype: 'I8', shape, data: whole, scales };
}
