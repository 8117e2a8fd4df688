/** The weights of a TensorFlow.js model: a list of what they are, and files of numbers beside it. */
import { join } from 'node:path';
import { withFile } from '../checkpoint/checked-file.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../checkpoint/json.ts';
import { isShape } from '../checkpoint/safetensors.ts';
import { quoted, showValue } from '../errors.ts';
import { fromFloat16 } from '../half-precision.ts';
import { elementCount } from '../model/parameters.ts';
import type { TensorData, TensorMap } from '../tensor-data.ts';
import { unfit } from './imported-model.ts';

const HINT = 'Save the model again: model.json and its files of weights belong together.';
/** Of one group of weights: what a buffer may have. */
const LARGEST_GROUP = 2 ** 31;
const MOST_FILES = 10_000;

interface WeightEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly toFloat32: (bytes: Uint8Array) => Float32Array;
}

/**
 * The weights of `manifest`, the field `weightsManifest` of the file `path`, whose files are in `directory`.
 *
 * https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts
 *
 * @throws UserError `import-file`, or of the code `checkpoint-…` for a file that cannot be read
 */
export async function readWeights(
  manifest: JsonValue | undefined,
  directory: string,
  path: string,
): Promise<TensorMap> {
  if (!Array.isArray(manifest)) {
    throw unfit(path, '"weightsManifest" to be an array', showValue(manifest), HINT);
  }
  const weights: TensorMap = new Map();
  for (const group of manifest as readonly JsonValue[]) {
    const { paths, weights: listed } = isJsonObject(group) ? group : ({} as JsonObject);
    if (!Array.isArray(paths) || paths.length > MOST_FILES || !Array.isArray(listed)) {
      throw unfit(path, 'groups of "paths" and "weights"', showValue(group), HINT);
    }
    const entries = listed.map((entry: JsonValue) => weightEntry(entry, path));
    const length = entries.reduce((sum, { bytes }) => sum + bytes, 0);
    if (length > LARGEST_GROUP) {
      throw unfit(path, 'groups of weights of less than 2 GiB', `${length} bytes`, HINT);
    }
    const files = paths.map((name: JsonValue) => fileName(name, path));
    const bytes = await readFiles(files, directory, length, path);
    let position = 0;
    for (const { name, shape, bytes: size, toFloat32 } of entries) {
      const data = toFloat32(bytes.slice(position, position + size));
      position += size;
      const at = data.findIndex((value) => !Number.isFinite(value));
      if (at >= 0) throw unfit(path, `finite numbers in ${quoted(name)}`, `${data[at]}`, HINT);
      weights.set(name, { shape, data } satisfies TensorData);
    }
  }
  return weights;
}

/** A file in the same directory, and no other place. */
function fileName(name: JsonValue, path: string): string {
  if (typeof name === 'string' && /^[^/\\\0]+$/.test(name) && name !== '.' && name !== '..') {
    return name;
  }
  throw unfit(path, 'the names of files beside it in "paths"', showValue(name), HINT);
}

/** The files one after the other, which must have `length` bytes. */
async function readFiles(
  files: readonly string[],
  directory: string,
  length: number,
  path: string,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(await lengthOf(files, directory, length, path));
  let position = 0;
  for (const file of files) {
    await withFile(join(directory, file), async (source) => {
      await source.read(bytes.subarray(position, position + source.length));
      position += source.length;
    });
  }
  return bytes;
}

/** How long files are together, known before memory is taken for them. */
async function lengthOf(
  files: readonly string[],
  directory: string,
  expected: number,
  path: string,
): Promise<number> {
  let length = 0;
  for (const file of files) {
    length += await withFile(join(directory, file), async (source) => source.length);
  }
  if (length === expected) return length;
  throw unfit(path, `${expected} bytes of weights`, `${length} in ${files.join(', ')}`, HINT);
}

function weightEntry(entry: JsonValue, path: string): WeightEntry {
  const { name, shape, dtype, quantization } = isJsonObject(entry) ? entry : ({} as JsonObject);
  if (typeof name !== 'string' || !isShape(shape)) {
    throw unfit(path, 'weights with "name" and "shape"', showValue(entry), HINT);
  }
  const expectedType = `${quoted(name)} to be of float32`;
  if (dtype !== 'float32') throw unfit(path, expectedType, showValue(dtype), HINT);
  const count = elementCount(shape);
  const sized = (width: number, toFloat32: WeightEntry['toFloat32']): WeightEntry => ({
    ...{ name, shape, bytes: width * count, toFloat32 },
  });
  if (quantization === undefined)
    return sized(4, ({ buffer }) => new Float32Array(buffer as ArrayBuffer));
  const {
    dtype: kept,
    scale,
    min,
  } = isJsonObject(quantization) ? quantization : ({} as JsonObject);
  if (kept === 'float16') {
    return sized(2, ({ buffer }) => fromFloat16(new Uint16Array(buffer as ArrayBuffer)));
  }
  if (
    (kept !== 'uint8' && kept !== 'uint16') ||
    typeof scale !== 'number' ||
    typeof min !== 'number'
  ) {
    const expected = `${quoted(name)} in float16, or in uint8 or uint16 with "scale" and "min"`;
    throw unfit(path, expected, showValue(quantization), HINT);
  }
  const affine = (values: Uint8Array | Uint16Array) =>
    Float32Array.from(values, (value) => value * scale + min);
  if (kept === 'uint8') return sized(1, affine);
  return sized(2, ({ buffer }) => affine(new Uint16Array(buffer as ArrayBuffer)));
}
