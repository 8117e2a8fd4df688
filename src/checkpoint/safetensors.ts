/**
 * Reads the safetensors file format, for float32 tensors.
 *
 * A file is the length of the header (8 bytes, little-endian), the header (JSON from tensor name to
 * dtype, shape and byte range, padded with spaces) and the tensors' bytes without gaps. Any program
 * that reads safetensors reads these files. https://github.com/huggingface/safetensors
 */

import type { UserError } from '../errors.ts';
import type { TensorMap } from '../tensor-data.ts';
import { badField, damaged, decodeJsonObject, isJsonObject, type JsonValue } from './json.ts';

export const LENGTH_BYTES = 8;
const LARGEST_HEADER = 100_000_000;
export const METADATA = '__metadata__';
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

export function isShape(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function isStringRecord(value: JsonValue): boolean {
  return isJsonObject(value) && Object.values(value).every((v) => typeof v === 'string');
}
