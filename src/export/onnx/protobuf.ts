/**
 * Writes protocol buffers: https://protobuf.dev/programming-guides/encoding.
 *
 * A message is its pieces in order, so that the numbers of large tensors are never copied.
 */

export interface Message {
  readonly pieces: readonly Uint8Array[];
  readonly byteLength: number;
}

/** What a field holds: none if undefined, one for each element of an array. */
export type FieldValue =
  | bigint
  | number
  | string
  | Uint8Array
  | Message
  | Float32
  | readonly FieldValue[]
  | undefined;

/** A number that is written as float32; plain numbers are whole. */
export class Float32 {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FOUR_BYTES = 5;

/** A message of fields by their numbers, in the order given. */
export function message(...fields: readonly (readonly [number: number, FieldValue])[]): Message {
  const pieces = fields.flatMap(([number, value]) => field(number, value));
  return { pieces, byteLength: pieces.reduce((sum, piece) => sum + piece.length, 0) };
}

function field(number: number, value: FieldValue): Uint8Array[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value.flatMap((each: FieldValue) => field(number, each));
  if (typeof value === 'number' || typeof value === 'bigint') {
    return [Uint8Array.from([...varint((number << 3) | VARINT), ...varint(value)])];
  }
  if (value instanceof Float32) {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value.value, true);
    return [Uint8Array.from([...varint((number << 3) | FOUR_BYTES), ...bytes])];
  }
  const content = contentOf(value as string | Uint8Array | Message);
  const header = [...varint((number << 3) | LENGTH_DELIMITED), ...varint(content.byteLength)];
  return [Uint8Array.from(header), ...content.pieces];
}

function contentOf(value: string | Uint8Array | Message): Message {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) return value;
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return { pieces: [bytes], byteLength: bytes.length };
}

/** A whole number, seven bits a byte, the lowest first; a negative one as its complement in 64 bits. */
function varint(value: number | bigint): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}
