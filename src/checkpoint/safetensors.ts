/**
 * Reads the safetensors file format on a little-endian machine: tensors of float32, and where a caller asks for
 * them those of other numbers as float32.
 *
 * A file is the length of the header (8 bytes, little-endian), the header (JSON from tensor name to
 * dtype, shape and byte range, padded with spaces) and the tensors' bytes without gaps. Any program
 * that reads safetensors reads these files. https://github.com/huggingface/safetensors
 */

import { quoted, type UserError } from '../errors.ts';
import { fromBfloat16, fromFloat16 } from '../half-precision.ts';
import { assertTensors, elementCount, type ParameterSpec } from '../model/parameters.ts';
import type { TensorData, TensorMap } from '../tensor-data.ts';
import type { ByteSource } from './checked-file.ts';
import { badField, damaged, decodeJsonObject, isJsonObject, type JsonValue } from './json.ts';

export const LENGTH_BYTES = 8;
export const METADATA = '__metadata__';
/** What the largest model of ours needs is a tenth of it. */
const LARGEST_HEADER = 1 << 18;
/** Numbers that are looked at while they are in the processor's cache. */
const SLICE_NUMBERS = 1 << 18;

/** What the format calls kinds of numbers, for those that can be read. */
export type Dtype = keyof typeof NUMBERS;

/** For each, how many bytes a number has, and what its bytes mean. */
const NUMBERS = {
  F32: { width: 4, toFloat32: (buffer: ArrayBuffer) => new Float32Array(buffer) },
  F64: { width: 8, toFloat32: (buffer: ArrayBuffer) => new Float64Array(buffer) },
  F16: { width: 2, toFloat32: (buffer: ArrayBuffer) => fromFloat16(new Uint16Array(buffer)) },
  BF16: { width: 2, toFloat32: (buffer: ArrayBuffer) => fromBfloat16(new Uint16Array(buffer)) },
  I8: { width: 1, toFloat32: (buffer: ArrayBuffer) => new Int8Array(buffer) },
} as const;

/** What checkpoints are made of. */
const FLOAT32: readonly Dtype[] = ['F32'];

/**
 * The tensors in `source`, the content of the file `path`, read into their own memory one after the
 * other. With `specs` they must be these and no others, before any is read; in the order of `specs`.
 *
 * @param dtypes kinds of numbers that the tensors may have. Default F32 alone
 *
 * Throws a UserError (`checkpoint-damaged`) that names the file and the field or tensor that is wrong,
 * also where a number is not finite.
 */
export async function readSafetensors(
  source: ByteSource,
  path: string,
  specs?: readonly ParameterSpec[],
  dtypes = FLOAT32,
): Promise<TensorMap> {
  const headerLength = await readHeaderLength(source, path);
  const header = new Uint8Array(headerLength);
  await source.read(header);
  const entries = parseHeader(header, source.length - LENGTH_BYTES - headerLength, path, dtypes);
  if (specs !== undefined) assertSpecs(entries, specs, path);

  const tensors: TensorMap = new Map(specs?.map(({ name }) => [name, NOT_YET]));
  for (const { name, shape, dtype } of entries) {
    const data = allocate(elementCount(shape), name, path);
    for (let start = 0; start < data.length; start += SLICE_NUMBERS) {
      const slice = data.subarray(start, start + SLICE_NUMBERS);
      await readNumbers(source, slice, dtype);
      const at = slice.findIndex((value) => !Number.isFinite(value));
      if (at >= 0) {
        throw damaged(
          path,
          `expected the tensor ${quoted(name)} to hold finite numbers, found ${slice[at]} at ${start + at}`,
        );
      }
    }
    tensors.set(name, { shape, data });
  }
  return tensors;
}

async function readNumbers(source: ByteSource, target: Float32Array, dtype: Dtype): Promise<void> {
  if (dtype === 'F32') {
    await source.read(new Uint8Array(target.buffer, target.byteOffset, target.byteLength));
    return;
  }
  const { width, toFloat32 } = NUMBERS[dtype];
  const bytes = new Uint8Array(width * target.length);
  await source.read(bytes);
  target.set(toFloat32(bytes.buffer));
}

const NOT_YET: TensorData = { shape: [0], data: new Float32Array() };

function allocate(length: number, name: string, path: string): Float32Array {
  try {
    return new Float32Array(length);
  } catch (error) {
    throw damaged(
      path,
      `expected tensors that fit in memory, found ${quoted(name)} of ${length} numbers`,
      error,
    );
  }
}

async function readHeaderLength(source: ByteSource, path: string): Promise<number> {
  if (source.length < LENGTH_BYTES) {
    throw damaged(path, `expected a safetensors file, found ${source.length} bytes`);
  }
  const bytes = new Uint8Array(LENGTH_BYTES);
  await source.read(bytes);
  const length = new DataView(bytes.buffer).getBigUint64(0, true);
  const largest = Math.min(LARGEST_HEADER, source.length - LENGTH_BYTES);
  if (length > BigInt(largest)) {
    throw damaged(path, `expected a header of at most ${largest} bytes, found ${length}`);
  }
  return Number(length);
}

/** The tensors that a header names, in the order in which they fill the `dataLength` bytes after it. */
function parseHeader(
  bytes: Uint8Array,
  dataLength: number,
  path: string,
  dtypes: readonly Dtype[],
): HeaderEntry[] {
  if (bytes[0] !== 0x7b) {
    throw damaged(path, 'expected a header that begins with {, found something else');
  }
  const { [METADATA]: metadata, ...header } = decodeJsonObject(bytes, path);
  if (metadata !== undefined && !isStringRecord(metadata)) {
    throw badField(path, METADATA, 'an object of strings', metadata);
  }
  const entries = Object.entries(header)
    .map(([name, entry]) => parseEntry(name, entry, path, dtypes))
    .sort((a, b) => a.start - b.start || a.end - b.end);
  let position = 0;
  for (const { name, start, end } of entries) {
    if (start !== position) {
      throw badOffsets(path, name, `a range from ${position} on, without gap or overlap`, [
        start,
        end,
      ]);
    }
    if (end > dataLength) {
      throw badOffsets(path, name, `a range within ${dataLength} bytes`, [start, end]);
    }
    position = end;
  }
  if (position !== dataLength) {
    throw damaged(path, `expected ${position} bytes of tensors, found ${dataLength}`);
  }
  return entries;
}

function assertSpecs(
  entries: readonly HeaderEntry[],
  specs: readonly ParameterSpec[],
  path: string,
): void {
  const found = new Map(entries.map(({ name, shape }) => [name, { shape }]));
  assertTensors(found, specs, path);
  if (found.size === specs.length) return;
  const expected = new Set(specs.map(({ name }) => name));
  const other = entries.find(({ name }) => !expected.has(name)) as HeaderEntry;
  throw damaged(path, `expected no tensor ${quoted(other.name)}, found one`);
}

interface HeaderEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  readonly start: number;
  readonly end: number;
}

function parseEntry(
  name: string,
  entry: JsonValue,
  path: string,
  dtypes: readonly Dtype[],
): HeaderEntry {
  if (!isJsonObject(entry)) {
    throw badField(path, name, 'an object', entry);
  }
  const { dtype, shape, data_offsets: offsets } = entry;
  const known = dtypes.find((each) => each === dtype);
  if (known === undefined) {
    const expected = dtypes.map((each) => `"${each}"`).join(' or ');
    throw badField(path, `${name}.dtype`, expected, dtype);
  }
  if (!isShape(shape)) {
    throw badField(path, `${name}.shape`, 'an array of whole numbers', shape);
  }
  if (!isShape(offsets) || offsets.length !== 2) {
    throw badField(path, `${name}.data_offsets`, 'two whole numbers', offsets);
  }
  const [start, end] = offsets as [number, number];
  const byteLength = elementCount(shape) * NUMBERS[known].width;
  if (end - start !== byteLength) {
    throw badOffsets(path, name, `${byteLength} bytes apart for its shape`, offsets);
  }
  return { name, shape, dtype: known, start, end };
}

function badOffsets(path: string, name: string, expected: string, found: unknown): UserError {
  return badField(path, `${name}.data_offsets`, expected, found);
}

export function isShape(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function isStringRecord(value: JsonValue): boolean {
  return isJsonObject(value) && Object.values(value).every((v) => typeof v === 'string');
}
