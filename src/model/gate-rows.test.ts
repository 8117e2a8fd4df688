import { expect, test } from 'vitest';
import { gateRows } from './gate-rows.ts';

test('gates change places row by row, and one of them its sign', () => {
  const matrix = { shape: [6, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12) };
  expect(gateRows(matrix, [1, 0, 2], 0)).toEqual({
    shape: [6, 2],
    data: Float32Array.of(-5, -6, -7, -8, 1, 2, 3, 4, 9, 10, 11, 12),
  });
  const bias = { shape: [4], data: Float32Array.of(1, 2, 3, 4) };
  expect([...gateRows(bias, [0, 3, 1, 2]).data]).toEqual([1, 4, 2, 3]);
});
