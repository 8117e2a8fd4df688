/** Writes the safetensors file format (see `safetensors.ts`). */

import type { TensorData } from '../tensor-data.ts';
import { elementCount, isShape, LENGTH_BYTES, METADATA } from './safetensors.ts';

const ALIGNMENT = 8;
/** Names that a header or an object made of it could not hold as tensors. */
const RESERVED_NAMES: readonly string[] = [METADATA, '__proto__'];

/**
 * The bytes of a file that holds `tensors`, in the order of their names.
 *
 * Throws RangeError for a tensor whose data do not fit its shape and for a reserved name.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, TensorData>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const names = [...tensors.keys()].sort();
  // Written entry by entry: an object would put names such as "1" first.
  const entries = metadata === undefined ? [] : [headerEntry(METADATA, metadata)];
  let end = 0;
  for (const name of names) {
    const { shape, data } = tensors.get(name)!;
    assertTensor(name, shape, data);
    const start = end;
    end += data.byteLength;
    entries.push(headerEntry(name, { dtype: 'F32', shape, data_offsets: [start, end] }));
  }
  const json = Buffer.from(`{${entries.join(',')}}`);
  const headerLength = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(LENGTH_BYTES + headerLength + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerLength);
  bytes.set(json, LENGTH_BYTES);
  let position = LENGTH_BYTES + headerLength;
  for (const name of names) {
    const { data } = tensors.get(name)!;
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return bytes;
}

function headerEntry(name: string, value: unknown): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}

function assertTensor(name: string, shape: readonly number[], data: Float32Array): void {
  if (RESERVED_NAMES.includes(name)) {
    throw new RangeError(`expected a tensor name that is not reserved, found ${name}`);
  }
  if (!isShape(shape) || elementCount(shape) !== data.length) {
    throw new RangeError(
      `expected the data of ${name} to fill its shape [${shape.join(', ')}], ` +
        `found ${data.length} elements`,
    );
  }
}
