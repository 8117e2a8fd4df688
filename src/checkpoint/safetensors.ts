/**
 * The safetensors file format, for float32 tensors.
 *
 * A file is the length of the header (8 bytes, little-endian), the header (JSON from tensor name to
 * dtype, shape and byte range, padded with spaces) and the tensors' bytes without gaps. Any program
 * that reads safetensors reads these files. https://github.com/huggingface/safetensors
 */

import type { UserError } from '../errors.ts';
import type { TensorData, TensorMap } from '../tensor-data.ts';
import { badField, damaged, decodeJsonObject, isJsonObject, type JsonValue } from './json.ts';

const LENGTH_BYTES = 8;
const ALIGNMENT = 8;
const LARGEST_HEADER = 100_000_000;
const METADATA = '__metadata__';
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

/**
 * The tensors in `bytes`, the content of the file `path`; their data are copies.
 *
 * Throws a UserError (`checkpoint-damaged`) that names the file and the field that is wrong.
 */
export function decodeSafetensors(bytes: Uint8Array, path: string): TensorMap {
  const dataStart = LENGTH_BYTES + readHeaderLength(bytes, path);
  const dataLength = bytes.length - dataStart;
  const { [METADATA]: metadata, ...header } = decodeJsonObject(
    bytes.subarray(LENGTH_BYTES, dataStart),
    path,
  );
  if (metadata !== undefined && !isStringRecord(metadata)) {
    throw badField(path, METADATA, 'an object of strings', metadata);
  }
  const entries = Object.entries(header)
    .map(([name, entry]) => parseEntry(name, entry, path))
    .sort((a, b) => a.start - b.start || a.end - b.end);

  const tensors: TensorMap = new Map();
  let position = 0;
  for (const { name, shape, start, end } of entries) {
    if (start !== position) {
      throw badOffsets(path, name, `a range from ${position} on, without gap or overlap`, [
        start,
        end,
      ]);
    }
    if (end > dataLength) {
      throw badOffsets(path, name, `a range within ${dataLength} bytes`, [start, end]);
    }
    const data = new Float32Array((end - start) / Float32Array.BYTES_PER_ELEMENT);
    new Uint8Array(data.buffer).set(bytes.subarray(dataStart + start, dataStart + end));
    tensors.set(name, { shape, data });
    position = end;
  }
  if (position !== dataLength) {
    throw damaged(path, `expected ${position} bytes of tensors, found ${dataLength}`);
  }
  return tensors;
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

function readHeaderLength(bytes: Uint8Array, path: string): number {
  if (bytes.length < LENGTH_BYTES) {
    throw damaged(path, `expected a safetensors file, found ${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  const largest = Math.min(LARGEST_HEADER, bytes.length - LENGTH_BYTES);
  if (length > BigInt(largest)) {
    throw damaged(path, `expected a header of at most ${largest} bytes, found ${length}`);
  }
  if (bytes[LENGTH_BYTES] !== 0x7b) {
    throw damaged(path, 'expected a header that begins with {, found something else');
  }
  return Number(length);
}

interface HeaderEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

function parseEntry(name: string, entry: JsonValue, path: string): HeaderEntry {
  if (!isJsonObject(entry)) {
    throw badField(path, name, 'an object', entry);
  }
  const { dtype, shape, data_offsets: offsets } = entry;
  if (dtype !== 'F32') {
    throw badField(path, `${name}.dtype`, '"F32"', dtype);
  }
  if (!isShape(shape)) {
    throw badField(path, `${name}.shape`, 'an array of whole numbers', shape);
  }
  if (!isShape(offsets) || offsets.length !== 2) {
    throw badField(path, `${name}.data_offsets`, 'two whole numbers', offsets);
  }
  const [start, end] = offsets as [number, number];
  const byteLength = elementCount(shape) * Float32Array.BYTES_PER_ELEMENT;
  if (end - start !== byteLength) {
    throw badOffsets(path, name, `${byteLength} bytes apart for its shape`, offsets);
  }
  return { name, shape, start, end };
}

function badOffsets(path: string, name: string, expected: string, found: unknown): UserError {
  return badField(path, `${name}.data_offsets`, expected, found);
}

function isShape(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function isStringRecord(value: JsonValue): boolean {
  return isJsonObject(value) && Object.values(value).every((v) => typeof v === 'string');
}
