import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TensorData } from '../tensor-data.ts';
import { dequantize, quantize, roundTrip } from './quantize.ts';

const matrix = (rows: number, ...values: number[]): TensorData => ({
  shape: [rows, values.length / rows],
  data: Float32Array.from(values),
});

/** Zeros, and numbers from 10⁻¹² to 10⁹. */
const weights = fc
  .tuple(fc.integer({ min: -(2 ** 20), max: 2 ** 20 }), fc.integer({ min: -40, max: 10 }))
  .map(([whole, exponent]) => whole * 2 ** exponent);

const matrices = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 7 }))
  .chain(([rows, columns]) =>
    fc
      .array(weights, { minLength: rows * columns, maxLength: rows * columns })
      .map((values) => matrix(rows, ...values)),
  );

test('int8 gives each row the scale max |w| / 127 and the nearest whole numbers', () => {
  const stored = quantize('w', matrix(3, 1.27, -0.634, 0.004, -254, 3, 1, 0, 0, 0), 'int8');
  expect(stored.dtype === 'I8' && [...stored.data]).toEqual([127, -63, 0, -127, 2, 1, 0, 0, 0]);
  expect(stored.dtype === 'I8' && [...stored.scales]).toEqual([Math.fround(0.01), 2, 1]);
  const { data } = dequantize(stored);
  expect([...data].map((value) => Number(value.toFixed(4)))).toEqual([
    1.27, -0.63, 0, -254, 4, 2, 0, 0, 0,
  ]);
});

test('int8 is half a scale away at most, and float32 where there are no rows', () => {
  fc.assert(
    fc.property(matrices, (given) => {
      const stored = quantize('w', given, 'int8');
      if (stored.dtype !== 'I8') throw new Error(stored.dtype);
      const { data } = dequantize(stored);
      const columns = given.shape[1]!;
      for (const [i, value] of data.entries()) {
        const scale = stored.scales[Math.floor(i / columns)]!;
        // Scale and product are rounded to float32, and 127 scales may lie below the largest by that.
        const slack = Math.abs(given.data[i]!) * 2 ** -22;
        expect(Math.abs(value - given.data[i]!)).toBeLessThanOrEqual(scale / 2 + slack);
      }
    }),
  );
  const bias = { shape: [2], data: Float32Array.of(0.3, 1e6) };
  expect(quantize('b', bias, 'int8')).toEqual({ dtype: 'F32', ...bias });
});

test('int8 of weights with their signs turned is the same with its signs turned', () => {
  fc.assert(
    fc.property(matrices, ({ shape, data }) => {
      const turned = { shape, data: data.map((value) => -value) };
      const { data: there } = dequantize(quantize('w', { shape, data }, 'int8'));
      const { data: back } = dequantize(quantize('w', turned, 'int8'));
      for (const [i, value] of there.entries()) expect(back[i]! + value).toBe(0);
    }),
  );
});

test('float16 is within 2⁻¹¹ of a number, or 2⁻²⁵ where it is very small', () => {
  fc.assert(
    fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
      const { data } = dequantize(
        quantize('b', { shape: [1], data: Float32Array.of(value) }, 'float16'),
      );
      const bound = Math.max(Math.abs(value) * 2 ** -11, 2 ** -25);
      expect(Math.abs(data[0]! - value)).toBeLessThanOrEqual(bound);
    }),
  );
});

test('float16 of a number above its largest is refused', () => {
  expect(() => quantize('fc.bias', matrix(1, 1, -70000), 'float16')).toThrow(
    'expected numbers that float16 can hold, at most 65504, in the tensor fc.bias, found -70000',
  );
});

test('what has been through a file of fewer bits goes through it unchanged', () => {
  for (const quantization of ['none', 'int8', 'float16'] as const) {
    const tensors = new Map([['w', matrix(2, 0.3, -1.7, 0.001, 12, 5, 3)]]);
    const once = roundTrip(tensors, quantization);
    expect([...roundTrip(once, quantization).get('w')!.data]).toEqual([...once.get('w')!.data]);
    if (quantization === 'none') expect(once).toEqual(tensors);
    else expect(once).not.toEqual(tensors);
  }
});
