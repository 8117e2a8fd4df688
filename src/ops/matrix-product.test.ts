import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import {
  expectClose,
  expectNoTensorsLeft,
  finiteDifferences,
  gradientsOf,
  randomTensor,
  randomValues,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import { matrixProduct } from './matrix-product.ts';
import './core-gradients.ts';

const [M, K, N] = [2, 3, 4];
const transpositions = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
] as const;

function operands(random: Random, transposeA: boolean, transposeB: boolean) {
  return [
    randomTensor(random, transposeA ? [K, M] : [M, K]) as tf.Tensor2D,
    randomTensor(random, transposeB ? [N, K] : [K, N]) as tf.Tensor2D,
  ] as const;
}

describe.each(testBackends)('matrixProduct on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  describe.each(transpositions)(
    'with transposeA %s and transposeB %s',
    (transposeA, transposeB) => {
      it('is the sum over the inner dimension', () => {
        const [a, b] = operands(new Random(1), transposeA, transposeB);
        const [x, y] = [valuesOf(a), valuesOf(b)];
        const expected: number[] = [];
        for (let m = 0; m < M; m++) {
          for (let n = 0; n < N; n++) {
            let sum = 0;
            for (let k = 0; k < K; k++) {
              sum +=
                x[transposeA ? k * M + m : m * K + k]! * y[transposeB ? n * K + k : k * N + n]!;
            }
            expected.push(sum);
          }
        }
        const product = matrixProduct(a, b, transposeA, transposeB);
        expect(product.shape).toEqual([M, N]);
        expectClose(valuesOf(product), expected, 1e-6);
      });

      it('has the gradients that finite differences give', () => {
        const random = new Random(2);
        const list = [...operands(random, transposeA, transposeB)];
        const upstream = randomValues(random, M * N);
        const compute = ([a, b]: tf.Tensor[]) =>
          matrixProduct(a as tf.Tensor2D, b as tf.Tensor2D, transposeA, transposeB);
        const found = gradientsOf(() => compute(list), list, upstream);
        const expected = finiteDifferences(compute, list, upstream);
        expectClose(found[0]!, expected[0]!, 1e-4, 'a');
        expectClose(found[1]!, expected[1]!, 1e-4, 'b');
      });

      it('leaves its result alone behind', () => {
        const [a, b] = operands(new Random(3), transposeA, transposeB);
        expectNoTensorsLeft(() => matrixProduct(a, b, transposeA, transposeB).dispose());
      });
    },
  );

  it('names both sides of a mismatch', () => {
    const [a, b] = [tf.zeros([2, 3]) as tf.Tensor2D, tf.zeros([2, 4]) as tf.Tensor2D];
    expect(() => matrixProduct(a, b)).toThrow(
      'matrixProduct: expected equal inner sizes, found 3 in a [2,3] and 2 in b [2,4]',
    );
    expect(() => matrixProduct(a, b, true, true)).toThrow(
      'matrixProduct: expected equal inner sizes, found 2 in a [2,3] and 4 in b [2,4]',
    );
  });
});
