import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { readFixture } from '../../test/support/fixtures.ts';
import {
  expectClose,
  expectNoTensorsLeft,
  randomValues,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import { Optimizer } from '../training/optimizer.ts';
import { orthogonalise } from './muon.ts';

/** Rows of numbers. */
type Matrix = number[][];

interface Golden {
  learningRate: number;
  weightDecay: number;
  cases: {
    name: string;
    gates: number;
    shape: number[];
    first: number[];
    gradients: number[][];
    after: number[][];
  }[];
}

const golden = readFixture<Golden>('muon');

/** Five steps of the polynomial that each singular value goes through by itself. */
function iterated(value: number): number {
  let x = value;
  for (let i = 0; i < 5; i++) x = 3.4445 * x - 4.775 * x ** 3 + 2.0315 * x ** 5;
  return x;
}

/** The first `count` columns of a matrix I − 2vvᵀ/vᵀv, which are orthonormal [size, count]. */
function orthonormal(random: Random, size: number, count: number): Matrix {
  const v = [...randomValues(random, size)];
  const square = v.reduce((sum, x) => sum + x * x, 0);
  return v.map((x, i) =>
    Array.from({ length: count }, (_, j) => Number(i === j) - (2 * x * v[j]!) / square),
  );
}

/** U · diag(values) · Vᵀ */
function composed(U: Matrix, values: number[], V: Matrix): number[] {
  return U.flatMap((u) =>
    V.map((v) => values.reduce((sum, value, i) => sum + u[i]! * value * v[i]!, 0)),
  );
}

/** A matrix of known singular values, and what should be made of it. */
function example(random: Random, rows: number, columns: number) {
  const count = Math.min(rows, columns);
  const U = orthonormal(random, rows, count);
  const V = orthonormal(random, columns, count);
  const values = Array.from({ length: count }, () => 5 * random.uniform());
  const norm = Math.hypot(...values);
  return {
    matrix: composed(U, values, V),
    expected: composed(
      U,
      values.map((value) => iterated(value / norm)),
      V,
    ),
  };
}

it('brings singular values near 1, unless they are very small', () => {
  for (let value = 0.002; value <= 1; value += 0.0007) {
    expect(iterated(value)).toBeGreaterThan(0.68);
    expect(iterated(value)).toBeLessThan(1.21);
  }
});

describe.each(testBackends)('orthogonalise on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  const shapes: [number, number, number][] = [
    ...[[1, 1, 1] as const, [2, 1, 5] as const, [1, 6, 1] as const, [3, 8, 8] as const],
    ...[[3, 16, 5] as const, [2, 7, 33] as const, [1, 70, 64] as const],
  ].map((shape) => [...shape]);

  it.each(shapes)('keeps the singular vectors of %d matrices of %d × %d', (N, rows, columns) => {
    const random = new Random(N + rows * columns);
    const examples = Array.from({ length: N }, () => example(random, rows, columns));
    const matrices = tf.tensor3d(
      examples.flatMap(({ matrix }) => matrix),
      [N, rows, columns],
    );
    const expected = examples.flatMap((each) => each.expected);
    for (const [precision, tolerance] of [['float32', 2e-5] as const, ['bfloat16', 0.1] as const]) {
      const found = orthogonalise(matrices, precision);
      expect(found.shape).toEqual([N, rows, columns]);
      expectClose(valuesOf(found), expected, tolerance, precision);
      found.dispose();
    }
    matrices.dispose();
  });

  it('leaves zeros as they are, however small its neighbours', () => {
    const matrices = tf.tensor3d([0, 0, 0, 0, 1e-12, 0, 0, 1e-12], [2, 2, 2]);
    const found = orthogonalise(matrices);
    const one = iterated(Math.SQRT1_2);
    expectClose(valuesOf(found), [0, 0, 0, 0, one, 0, 0, one], 1e-5);
    tf.dispose([matrices, found]);
  });

  it('takes for zeros what is so small that its squares are lost, and stays finite', () => {
    fc.assert(
      fc.property(fc.integer({ min: -45, max: -10 }), fc.nat(), (power, seed) => {
        const random = new Random(seed);
        const values = randomValues(random, 24 * 20).map((value) => value * 10 ** power);
        const matrices = tf.tensor3d(values, [1, 24, 20]);
        const found = orthogonalise(matrices);
        const largest = Math.max(...valuesOf(found).map(Math.abs));
        expect(largest).toBeLessThan(1.3);
        if (power < -17) expect(largest).toBe(0);
        if (power > -14) expect(largest).toBeGreaterThan(0.1);
        tf.dispose([matrices, found]);
      }),
    );
  });

  it.each(golden.cases)('makes the updates of PyTorch: $name', (chosen) => {
    const { learningRate, weightDecay } = golden;
    const { gates, shape, first, gradients, after } = chosen;
    const config = { optimizer: 'muon', clipNorm: 0, clipValue: 0, weightDecay } as const;
    const parameters = new Map([['w', { shape, data: Float32Array.from(first) }]]);
    expectNoTensorsLeft(() => {
      const subject = new Optimizer(config, parameters, undefined, () => gates);
      for (const [step, gradient] of gradients.entries()) {
        subject.update([tf.tensor(gradient, shape)], learningRate);
        // A value moves by up to 0.03 a step, which PyTorch rounds to a hundredth.
        const found = subject.exportParameters().get('w')!.data;
        expectClose(found, after[step]!, 1e-3, `step ${step}`);
      }
      expect([...subject.exportState().keys()]).toEqual(['velocity.w']);
      subject.dispose();
    });
  });

  it('is Adam with decay for what is no weight of a recurrent layer', () => {
    const { shape, first, gradients } = golden.cases[0]!;
    const results = (['muon', 'adamw'] as const).map((optimizer) => {
      const config = { optimizer, clipNorm: 1, clipValue: 0, weightDecay: 0.2 };
      const parameters = new Map([['w', { shape, data: Float32Array.from(first) }]]);
      const subject = new Optimizer(config, parameters);
      for (const gradient of gradients) subject.update([tf.tensor(gradient, shape)], 0.1);
      const result = [subject.exportParameters(), subject.exportState()];
      subject.dispose();
      return result;
    });
    expect(results[0]).toEqual(results[1]);
  });
});
