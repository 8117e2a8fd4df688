/** Numbers of 16 bits as files of other frameworks hold them: IEEE 754's binary16, and bfloat16. */

/** From here on a number is nearer to 2¹⁶, which binary16 lacks, than to 65504, its largest. */
const ROUNDS_TO_INFINITY = 0x477ff000;
/** 2⁻¹⁴, the smallest number with all 11 bits: those below are multiples of 2⁻²⁴. */
const SMALLEST_NORMAL = 0x38800000;
const INFINITY_BITS = 0x7f800000;
const SUBNORMALS_PER_ONE = 2 ** 24;
/** The difference of the exponents' biases, 127 − 15, where binary16 has its exponent. */
const BIAS = 112 << 10;

/** Each number's nearest in binary16, of two as near the even one; infinity from 65520 on. */
export function toFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const words = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) words[i] = nearest(bits[i]!, values[i]!);
  return words;
}

/** @param bits those of `value` in float32 */
function nearest(bits: number, value: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > INFINITY_BITS) return sign | 0x7e00;
  if (magnitude >= ROUNDS_TO_INFINITY) return sign | 0x7c00;
  if (magnitude < SMALLEST_NORMAL) return sign | roundToEven(Math.abs(value) * SUBNORMALS_PER_ONE);
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded >>> 13) - BIAS);
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

/** What binary16 numbers are, exactly. */
export function fromFloat16(words: Uint16Array): Float32Array {
  const values = new Float32Array(words.length);
  for (let i = 0; i < words.length; i++) values[i] = numberOf(words[i]!);
  return values;
}

function numberOf(word: number): number {
  const sign = word & 0x8000 ? -1 : 1;
  const exponent = (word >>> 10) & 0x1f;
  const fraction = word & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return (sign * fraction) / SUBNORMALS_PER_ONE;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** What bfloat16 numbers are, exactly: the upper halves of float32's. */
export function fromBfloat16(words: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(words, (word) => word << 16).buffer);
}
