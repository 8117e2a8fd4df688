import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { expectClose, expectNoTensorsLeft, valuesOf } from '../../test/support/numbers.ts';
import { sumOfRows } from './sum-of-rows.ts';

function sumsOf(table: number[][], pairs: (readonly [row: number, sum: number])[], count: number) {
  const [rows, sums] = [0, 1].map((at) =>
    tf.tensor1d(
      pairs.map((pair) => pair[at]!),
      'int32',
    ),
  ) as [tf.Tensor1D, tf.Tensor1D];
  return sumOfRows(tf.tensor2d(table), rows, sums, count);
}

describe.each(testBackends)('sumOfRows on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('adds up the rows that belong together, and leaves zeros where none do', () => {
    const table = [
      [1, 2],
      [10, 20],
      [100, 200],
    ];
    const pairs = [
      [2, 0],
      [0, 0],
      [1, 2],
      [1, 2],
      [0, 3],
    ] as const;
    const found = sumsOf(table, [...pairs], 5);
    expect(found.shape).toEqual([5, 2]);
    expect([...valuesOf(found)]).toEqual([101, 202, 0, 0, 20, 40, 1, 2, 0, 0]);
  });

  it('gives zeros of no rows', () => {
    expect([...valuesOf(sumsOf([[1, 2]], [], 2))]).toEqual([0, 0, 0, 0]);
  });

  it('is the product with a matrix that counts', () => {
    const sizes = fc.record({
      G: fc.integer({ min: 1, max: 5 }),
      V: fc.integer({ min: 1, max: 5 }),
    });
    const cases = sizes.chain(({ G, V }) =>
      fc.record({
        V: fc.constant(V),
        table: fc.array(fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 3, maxLength: 3 }), {
          minLength: G,
          maxLength: G,
        }),
        pairs: fc.array(fc.tuple(fc.nat(G - 1), fc.nat(V - 1)), { minLength: 1, maxLength: 12 }),
      }),
    );
    fc.assert(
      fc.property(cases, ({ V, table, pairs }) => {
        const sorted = pairs.toSorted(([, a], [, b]) => a - b);
        const counts = Array.from({ length: V }, (_, sum) =>
          table.map((_, row) => pairs.filter(([r, s]) => r === row && s === sum).length),
        );
        const expected = counts.flatMap((of) =>
          [0, 1, 2].map((e) => of.reduce((sum, n, row) => sum + n * table[row]![e]!, 0)),
        );
        tf.tidy(() => expectClose(valuesOf(sumsOf(table, sorted, V)), expected, 1e-6));
      }),
    );
  });

  it('says which argument does not fit, and leaves no tensors', () => {
    const ids = tf.tensor1d([0, 0], 'int32');
    const table = tf.ones([1, 2]) as tf.Tensor2D;
    expect(() => sumOfRows(table, ids, tf.tensor1d([0], 'int32'), 1)).toThrow(/sums/);
    expectNoTensorsLeft(() => sumOfRows(table, ids, ids, 1).dispose());
  });
});
