/**
 * TensorBoard's events as protocol buffers: of tensorflow/core/util/event.proto and
 * tensorflow/core/framework/{summary,tensor,tensor_shape}.proto the few fields that are written here.
 * https://protobuf.dev/programming-guides/encoding/ has the encoding.
 */

/** A field's number, its wire type, and what it holds. */
type Field = Uint8Array;

const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 };

/** @param value a whole number, not negative */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  // Steps may have more than the 32 bits that bitwise operators take.
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

function key(field: number, wire: number): number[] {
  return varint(field * 8 + wire);
}

function whole(field: number, value: number): Field {
  return Uint8Array.from([...key(field, WIRE.varint), ...varint(value)]);
}

function double(field: number, value: number): Field {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([Uint8Array.from(key(field, WIRE.fixed64)), bytes]);
}

function float(field: number, value: number): Field {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([Uint8Array.from(key(field, WIRE.fixed32)), bytes]);
}

/** A text, or a message of its fields. */
function bytes(field: number, content: string | readonly Field[]): Field {
  const inner = typeof content === 'string' ? Buffer.from(content) : Buffer.concat(content);
  return Buffer.concat([
    Uint8Array.from([...key(field, WIRE.bytes), ...varint(inner.length)]),
    inner,
  ]);
}

/** `enum DataType` and `enum SessionLog.SessionStatus`. */
const DT_STRING = 7;
const START = 1;

/**
 * The first event of a file.
 *
 * @param seconds since 1970, of this and all other events
 */
export function encodeVersion(seconds: number): Uint8Array {
  return Buffer.concat([double(1, seconds), bytes(3, 'brain.Event:2')]);
}

/** Tells readers that a session begins: of what came before, only steps before `step` count. */
export function encodeStart(seconds: number, step: number): Uint8Array {
  return Buffer.concat([double(1, seconds), whole(2, step), bytes(7, [whole(1, START)])]);
}

/** Numbers by their tags. */
export function encodeScalars(
  seconds: number,
  step: number,
  scalars: Readonly<Record<string, number>>,
): Uint8Array {
  const values = Object.entries(scalars).map(([tag, value]) =>
    bytes(1, [bytes(1, tag), float(2, value)]),
  );
  return Buffer.concat([double(1, seconds), whole(2, step), bytes(5, values)]);
}

/** A text, which TensorBoard takes for Markdown. */
export function encodeText(
  seconds: number,
  step: number,
  tag: string,
  markdown: string,
): Uint8Array {
  const metadata = bytes(9, [bytes(1, [bytes(1, 'text')])]);
  const tensor = bytes(8, [whole(1, DT_STRING), bytes(2, []), bytes(8, markdown)]);
  const value = bytes(1, [bytes(1, tag), metadata, tensor]);
  return Buffer.concat([double(1, seconds), whole(2, step), bytes(5, [value])]);
}
