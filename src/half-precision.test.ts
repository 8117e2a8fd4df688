import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromBfloat16, fromFloat16, toFloat16 } from './half-precision.ts';

const toOne = (value: number) => toFloat16(Float32Array.of(value))[0]!;
const fromOne = (word: number) => fromFloat16(Uint16Array.of(word))[0]!;

test('binary16 numbers are those of the standard', () => {
  // IEEE 754, and the examples of the Wikipedia article on the format.
  const known: [word: number, value: number][] = [
    [0x0000, 0],
    [0x0001, 2 ** -24],
    [0x03ff, 2 ** -14 * (1023 / 1024)],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3c00, 1],
    [0x3c01, 1 + 2 ** -10],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
  ];
  for (const [word, value] of known) {
    expect(fromOne(word)).toBe(value);
    expect(toOne(value)).toBe(word);
  }
  expect(toOne(-0)).toBe(0x8000);
  expect(toOne(65519.99)).toBe(0x7bff);
  expect(toOne(65520)).toBe(0x7c00);
  expect(fromOne(toOne(Number.NaN))).toBeNaN();
});

test('each of the 65,536 words but NaNs is what its number becomes', () => {
  const words = Uint16Array.from({ length: 65536 }, (_, word) => word);
  const values = fromFloat16(words);
  const wrong = [...toFloat16(values)].filter((word, i) => word !== i && !Number.isNaN(values[i]));
  expect(wrong).toEqual([]);
});

test('a number becomes its nearest, and of two as near the even one', () => {
  fc.assert(
    fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
      const word = toOne(value);
      const distance = Math.abs(fromOne(word) - value);
      for (const neighbour of [word - 1, word + 1]) {
        if ((neighbour & 0x7fff) >= 0x7c00) continue; // infinity, or past zero
        const other = Math.abs(fromOne(neighbour & 0xffff) - value);
        expect(distance).toBeLessThanOrEqual(other);
        if (distance === other && distance > 0) expect(word % 2).toBe(0);
      }
    }),
    { numRuns: 2000 },
  );
});

test('bfloat16 numbers are the upper halves of float32 numbers', () => {
  expect([...fromBfloat16(Uint16Array.of(0x3f80, 0xc000, 0x4049, 0x0000))]).toEqual([
    1, -2, 3.140625, 0,
  ]);
});
