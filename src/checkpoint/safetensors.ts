/**
 * Reads the safetensors file format, for float32 tensors, on a little-endian machine.
 *
 * A file is the length of the header (8 bytes, little-endian), the header (JSON from tensor name to
 * dtype, shape and byte range, padded with spaces) and the tensors' bytes without gaps. Any program
 * that reads safetensors reads these files. https://github.com/huggingface/safetensors
 */

import { quoted, type UserError } from '../errors.ts';
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

/**
 * The tensors in `source`, the content of the file `path`, read into their own memory one after the
 * other. With `specs` they must be these and no others, before any is read; in the order of `specs`.
 *
 * Throws a UserError (`checkpoint-damaged`) that names the file and the field or tensor that is wrong,
 * also where a number is not finite.
 */
export async function readSafetensors(
  source: ByteSource,
  path: string,
  specs?: readonly ParameterSpec[],
): Promise<TensorMap> {
  const headerLength = await readHeaderLength(source, path);
  const header = new Uint8Array(headerLength);
  await source.read(header);
  const entries = parseHeader(header, source.length - LENGTH_BYTES - headerLength, path);
  if (specs !== undefined) assertSpecs(entries, specs, path);

  const tensors: TensorMap = new Map(specs?.map(({ name }) => [name, NOT_YET]));
  for (const { name, shape } of entries) {
    const data = allocate(elementCount(shape), name, path);
    for (let start = 0; start < data.length; start += SLICE_NUMBERS) {
      const slice = data.subarray(start, start + SLICE_NUMBERS);
      await source.read(new Uint8Array(slice.buffer, slice.byteOffset, slice.byteLength));
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
function parseHeader(bytes: Uint8Array, dataLength: number, path: string): HeaderEntry[] {
  if (bytes[0] !== 0x7b) {
    throw damaged(path, 'expected a header that begins with {, found something else');
  }
  const { [METADATA]: metadata, ...header } = decodeJsonObject(bytes, path);
  if (metadata !== undefined && !isStringRecord(metadata)) {
    throw badField(path, METADATA, 'an object of strings', metadata);
  }
  const entries = Object.entries(header)
    .map(([name, entry]) => parseEntry(name, entry, path))
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

function isStringRecord(value: JsonValue): boolean {
  return isJsonObject(value) && Object.values(value).every((v) => typeof v === 'string');
}
