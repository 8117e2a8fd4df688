/** The constants of a graph in files: shards, and what model.json says of them. */
import type { ExportedFile } from '../exporter.ts';
import type { Constant } from './graph.ts';

/** What browsers keep in their caches; TensorFlow's own converter cuts there as well. */
const SHARD_BYTES = 4 * 2 ** 20;

/** All constants one after the other, in shards of equal size, and their manifest. */
export function weightFiles(constants: readonly Constant[]): {
  manifest: object[];
  files: ExportedFile[];
} {
  const pieces = constants.map(
    ({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  );
  const total = pieces.reduce((sum, { length }) => sum + length, 0);
  const count = Math.max(1, Math.ceil(total / SHARD_BYTES));
  const files = Array.from({ length: count }, (_, i) => ({
    name: `weights-${i + 1}-of-${count}.bin`,
    content: within(pieces, i * SHARD_BYTES, (i + 1) * SHARD_BYTES),
  }));
  const weights = constants.map(({ name, shape, data }) => ({
    name,
    shape,
    dtype: data instanceof Float32Array ? 'float32' : 'int32',
  }));
  return { manifest: [{ paths: files.map(({ name }) => name), weights }], files };
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
