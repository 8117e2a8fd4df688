/** The constants of a graph in files: shards, and what model.json says of them. */
import type { ExportedFile } from '../exporter.ts';
import type { Constant } from './graph.ts';

/** What browsers keep in their caches; TensorFlow's own converter cuts there as well. */
const SHARD_BYTES = 4 * 2 ** 20;

/** The largest of `quantize`'s whole numbers, and the smallest with its sign turned. */
const LARGEST = 127;

/** All constants one after the other, in shards of equal size, and their manifest. */
export function weightFiles(constants: readonly Constant[]): {
  manifest: object[];
  files: ExportedFile[];
} {
  const stored = constants.map(storedAs);
  const pieces = stored.map(({ bytes }) => bytes);
  const total = pieces.reduce((sum, { length }) => sum + length, 0);
  const count = Math.max(1, Math.ceil(total / SHARD_BYTES));
  const files = Array.from({ length: count }, (_, i) => ({
    name: `weights-${i + 1}-of-${count}.bin`,
    content: within(pieces, i * SHARD_BYTES, (i + 1) * SHARD_BYTES),
  }));
  const weights = constants.map(({ name, shape }, i) => ({ name, shape, ...stored[i]!.type }));
  return { manifest: [{ paths: files.map(({ name }) => name), weights }], files };
}

/** The bytes of a constant, and what the manifest calls them. */
function storedAs({ data }: Constant): { bytes: Uint8Array; type: object } {
  if (data instanceof Int8Array) {
    // Of its kinds with few bits TF.js has unsigned ones alone, each with a scale and what it adds.
    const quantization = { dtype: 'uint8', scale: 1, min: -LARGEST };
    const bytes = Uint8Array.from(data, (whole) => whole + LARGEST);
    return { bytes, type: { dtype: 'float32', quantization } };
  }
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof Int32Array) return { bytes, type: { dtype: 'int32' } };
  const quantization = { dtype: 'float16', original_dtype: 'float32' };
  const isHalf = data instanceof Uint16Array;
  return { bytes, type: { dtype: 'float32', ...(isHalf ? { quantization } : {}) } };
}

/** The bytes of `pieces` from `start` to `end`, counted over all of them. */
function within(pieces: readonly Uint8Array[], start: number, end: number): Uint8Array[] {
  let before = 0;
  return pieces.flatMap((piece) => {
    const part = piece.subarray(Math.max(0, start - before), Math.max(0, end - before));
    before += piece.length;
    return part.length > 0 ? [part] : [];
  });
}
