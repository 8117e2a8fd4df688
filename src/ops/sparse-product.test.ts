import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { expectClose, expectNoTensorsLeft, valuesOf } from '../../test/support/numbers.ts';
import { sparseMatrix, sparseProduct } from './sparse-product.ts';

interface SparseElement {
  row: number;
  column: number;
  value: number;
}

function matrixOf(rowCount: number, elements: readonly SparseElement[]) {
  return sparseMatrix(rowCount, {
    rows: Int32Array.from(elements, ({ row }) => row),
    columns: Int32Array.from(elements, ({ column }) => column),
    values: Float32Array.from(elements, ({ value }) => value),
  });
}

function productOf(rowCount: number, elements: readonly SparseElement[], table: number[][]) {
  return sparseProduct(matrixOf(rowCount, elements), tf.tensor2d(table));
}

const sizes = fc.record({
  rowCount: fc.integer({ min: 1, max: 6 }),
  columnCount: fc.integer({ min: 1, max: 6 }),
  // With more columns than a thread's share of them.
  width: fc.integer({ min: 1, max: 40 }),
});
const number = fc.integer({ min: -9, max: 9 });
const cases = sizes.chain(({ rowCount, columnCount, width }) =>
  fc.record({
    rowCount: fc.constant(rowCount),
    table: fc.array(fc.array(number, { minLength: width, maxLength: width }), {
      ...{ minLength: columnCount, maxLength: columnCount },
    }),
    elements: fc.array(
      fc.record({ row: fc.nat(rowCount - 1), column: fc.nat(columnCount - 1), value: number }),
      { minLength: 1, maxLength: 20 },
    ),
  }),
);

describe.each(testBackends)('sparseProduct on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('adds up rows of the table by a row’s elements, and leaves zeros where it has none', () => {
    const elements = [
      { row: 3, column: 0, value: 1 },
      { row: 0, column: 2, value: 0.5 },
      { row: 0, column: 0, value: -1 },
      { row: 2, column: 1, value: 2 },
    ];
    const table = [
      [1, 2],
      [10, 20],
      [100, 200],
    ];
    const found = productOf(5, elements, table);
    expect(found.shape).toEqual([5, 2]);
    expect([...valuesOf(found)]).toEqual([49, 98, 0, 0, 20, 40, 1, 2, 0, 0]);
  });

  it('is the product with the matrix written out', () => {
    fc.assert(
      fc.property(cases, ({ rowCount, table, elements }) => {
        tf.tidy(() => {
          const expected = Array.from({ length: rowCount }, (_, at) =>
            table[0]!.map((_, e) =>
              elements
                .filter(({ row }) => row === at)
                .reduce((sum, { column, value }) => sum + value * table[column]![e]!, 0),
            ),
          );
          expectClose(valuesOf(productOf(rowCount, elements, table)), expected.flat(), 1e-6);
        });
      }),
    );
  });

  it('is zeros where the matrix has no elements', () => {
    expect([...valuesOf(productOf(2, [], [[1, 2]]))]).toEqual([0, 0, 0, 0]);
  });

  it('says which argument does not fit, and leaves no tensors', () => {
    const matrix = matrixOf(2, [{ row: 1, column: 0, value: 3 }]);
    const table = tf.ones([1, 2]) as tf.Tensor2D;
    expect(() => sparseProduct(matrix, tf.ones([2]) as unknown as tf.Tensor2D)).toThrow(/table/);
    expectNoTensorsLeft(() => sparseProduct(matrix, table).dispose());
  });
});
