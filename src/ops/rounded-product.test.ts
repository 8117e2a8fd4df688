/** Products of 16-bit numbers, as TensorFlow's processor has them, too; and where they are used. */
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import {
  expectClose,
  expectNoTensorsLeft,
  randomTensor,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import { linearCrossEntropy } from './linear-cross-entropy.ts';
import { orthogonalise } from './muon.ts';
import { productIn, roundedProduct } from './rounded-product.ts';
import { type Precision, tensorFlowBackend } from './tensorflow-binding.ts';
import { standInForGpu } from './testing/stand-in-gpu.ts';
import './core-gradients.ts';

/** What a number is off by at most, as a share of it: half of its last bit. */
const UNIT = { bfloat16: 2 ** -9, float16: 2 ** -12 } as const;

/** a · b in float64, and Σ |aᵢ bᵢ|, of matrices [M, K] and [K, N]. */
function exactProduct(a: ArrayLike<number>, b: ArrayLike<number>, M: number, K: number, N: number) {
  const [product, sizes] = [new Float64Array(M * N), new Float64Array(M * N)];
  for (let at = 0; at < M * N; at++) {
    for (let k = 0; k < K; k++) {
      const term = a[Math.floor(at / N) * K + k]! * b[k * N + (at % N)]!;
      product[at]! += term;
      sizes[at]! += Math.abs(term);
    }
  }
  return { product, sizes };
}

describe('a rounded product', () => {
  beforeAll(() => useBackend('tensorflow'));

  const someSize = fc.integer({ min: 1, max: 40 });

  it.each(['bfloat16', 'float16'] as const)(
    'of %s is off by no more than its numbers are, however small or large they are',
    (type) => {
      fc.assert(
        fc.property(
          fc.tuple(someSize, someSize, someSize),
          fc.tuple(fc.integer({ min: -15, max: 10 }), fc.integer({ min: -15, max: 10 })),
          fc.tuple(fc.boolean(), fc.boolean()),
          fc.nat(),
          ([M, K, N], [powerA, powerB], [transposeA, transposeB], seed) => {
            tf.tidy(() => {
              const random = new Random(seed);
              const a = randomTensor(random, [M, K], 10 ** powerA) as tf.Tensor2D;
              const b = randomTensor(random, [K, N], 10 ** powerB) as tf.Tensor2D;
              const found = roundedProduct(
                tensorFlowBackend(),
                type,
                transposeA ? tf.transpose(a) : a,
                transposeB ? tf.transpose(b) : b,
                transposeA,
                transposeB,
              );
              expect(found.shape).toEqual([M, N]);
              const { product, sizes } = exactProduct(valuesOf(a), valuesOf(b), M, K, N);
              // Either operand is rounded, and what comes out, and by a processor's kernels sums on the
              // way; and numbers too small for float16 are lost.
              const lost = type === 'float16' ? 2 ** -22 * K * 10 ** (powerA + powerB) : 0;
              for (const [i, value] of valuesOf(found).entries()) {
                const most = 8 * UNIT[type] * sizes[i]! + lost;
                expect(Math.abs(value - product[i]!)).toBeLessThanOrEqual(most);
              }
            });
          },
        ),
        { numRuns: 40 },
      );
    },
  );

  it('is rounded, and is one of each matrix where there are several', () => {
    tf.tidy(() => {
      const random = new Random(1);
      const a = randomTensor(random, [3, 8, 5]) as tf.Tensor3D;
      const exact = valuesOf(tf.matMul(a, a, true, false));
      for (const type of ['bfloat16', 'float16'] as const) {
        const found = roundedProduct(tensorFlowBackend(), type, a, a, true, false);
        expect(found.shape).toEqual([3, 5, 5]);
        expectClose(valuesOf(found), exact, 4 * 8 * UNIT[type]);
        expect(valuesOf(found)).not.toEqual(exact);
      }
    });
  });

  it('of float16 stays finite with more terms than float16 has numbers for', () => {
    tf.tidy(() => {
      const ones = tf.ones([1, 150_000]) as tf.Tensor2D;
      const found = roundedProduct(tensorFlowBackend(), 'float16', ones, ones, false, true);
      expectClose(valuesOf(found), [150_000], 1e-2);
    });
  });

  it('of zeros is zero, and shows what is not finite', () => {
    tf.tidy(() => {
      const zeros = tf.zeros([2, 2]) as tf.Tensor2D;
      for (const type of ['bfloat16', 'float16'] as const) {
        const product = (a: tf.Tensor2D) =>
          valuesOf(
            roundedProduct(
              tensorFlowBackend(),
              type,
              a,
              tf.ones([2, 2]) as tf.Tensor2D,
              false,
              false,
            ),
          );
        expect(product(zeros)).toEqual(new Float32Array(4));
        for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
          const found = product(tf.tensor2d([bad, 1, 1, 1], [2, 2]));
          expect(Number.isFinite(found[0])).toBe(false);
        }
      }
    });
  });

  it('leaves nothing behind', () => {
    const a = tf.ones([3, 3]) as tf.Tensor2D;
    for (const type of ['bfloat16', 'float16'] as const) {
      expectNoTensorsLeft(() => {
        roundedProduct(tensorFlowBackend(), type, a, a, false, false).dispose();
      });
    }
    a.dispose();
  });
});

describe('the products of a GPU', () => {
  beforeAll(() => useBackend('tensorflow'));

  it('are of the precision asked for in the output layer and in Muon, and near those of float32', () => {
    const random = new Random(2);
    const [features, weight, bias] = [[40, 16], [30, 16], [30]].map((shape) =>
      randomTensor(random, shape),
    ) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D];
    const labels = tf.tensor1d(
      Int32Array.from({ length: 40 }, (_, i) => i % 30),
      'int32',
    );
    const matrices = randomTensor(random, [2, 12, 20]) as tf.Tensor3D;
    const compute = (precision: Precision) =>
      tf.tidy(() => {
        const { value, grads } = tf
          .engine()
          .gradients(
            () => linearCrossEntropy(features, weight, bias, labels, precision),
            [features, weight, bias],
          );
        return [value, ...grads, orthogonalise(matrices, precision)].map(valuesOf);
      });
    const exact = compute('float32');
    expect(compute('float16')).toEqual(exact); // no GPU
    const gpu = standInForGpu();
    try {
      expectAllClose(compute('float32'), exact, 1e-6);
      expect([...gpu.operations].some((each) => /=(14|19)\b/.test(each))).toBe(false);
      for (const [precision, type, tolerance] of [
        ['bfloat16', 14, 0.05],
        ['float16', 19, 0.01],
      ] as const) {
        const found = compute(precision);
        expectAllClose(found, exact, tolerance);
        for (const [i, values] of found.entries()) expect(values, `${i}`).not.toEqual(exact[i]);
        expect(gpu.operations).toContain(`MatMul T=${type}`);
        expect(gpu.operations).toContain(`BatchMatMulV2 T=${type}`);
      }
    } finally {
      gpu.restore();
    }
    tf.dispose([features, weight, bias, labels, matrices]);
  });

  it('elsewhere are of float32 whatever is asked for', () => {
    tf.tidy(() => {
      const a = randomTensor(new Random(3), [4, 4]) as tf.Tensor2D;
      expect(valuesOf(productIn('bfloat16', a, a))).toEqual(valuesOf(productIn('float32', a, a)));
    });
  });
});

function expectAllClose(found: Float32Array[], expected: Float32Array[], tolerance: number): void {
  for (const [i, values] of expected.entries()) expectClose(found[i]!, values, tolerance, `${i}`);
}
