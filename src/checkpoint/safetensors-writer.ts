/** Writes the safetensors file format (see `safetensors.ts`). */

import { elementCount } from '../model/parameters.ts';
import { isShape, LENGTH_BYTES, METADATA } from './safetensors.ts';

const ALIGNMENT = 8;
/** Names that a header or an object made of it could not hold as tensors. */
const RESERVED_NAMES: readonly string[] = [METADATA, '__proto__'];

/** A tensor of float32, of binary16 by their bits, or of small whole numbers. */
interface WritableTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint16Array | Int8Array;
}

/** How the format calls an array's numbers, by their bytes. */
const DTYPES: Readonly<Record<number, string>> = { 4: 'F32', 2: 'F16', 1: 'I8' };

/**
 * A file that holds `tensors`, in the order of their names, those of wider numbers first so that each begins
 * at a multiple of its numbers' width, as the pieces that follow one another in it: the header, and the
 * tensors' own bytes, not copies.
 *
 * Throws RangeError for a tensor whose data do not fit its shape and for a reserved name.
 */
export function safetensorsPieces(
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array[] {
  const widthOf = (name: string) => tensors.get(name)!.data.BYTES_PER_ELEMENT;
  const names = [...tensors.keys()].sort().sort((a, b) => widthOf(b) - widthOf(a));
  // Written entry by entry: an object would put names such as "1" first.
  const entries = metadata === undefined ? [] : [headerEntry(METADATA, metadata)];
  const pieces: Uint8Array[] = [];
  let end = 0;
  for (const name of names) {
    const { shape, data } = tensors.get(name)!;
    assertTensor(name, shape, data);
    const start = end;
    end += data.byteLength;
    const dtype = DTYPES[data.BYTES_PER_ELEMENT];
    entries.push(headerEntry(name, { dtype, shape, data_offsets: [start, end] }));
    pieces.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return [header(`{${entries.join(',')}}`), ...pieces];
}

/** The same file in one piece. */
export function encodeSafetensors(...file: Parameters<typeof safetensorsPieces>): Uint8Array {
  return new Uint8Array(Buffer.concat(safetensorsPieces(...file)));
}

/** The length of the header and `json`, padded with spaces. */
function header(json: string): Uint8Array {
  const text = Buffer.from(json);
  const length = Math.ceil(text.length / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(LENGTH_BYTES + length).fill(0x20, LENGTH_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, LENGTH_BYTES);
  return bytes;
}

function headerEntry(name: string, value: unknown): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}

function assertTensor(name: string, shape: readonly number[], data: ArrayLike<number>): void {
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
