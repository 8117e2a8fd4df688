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
import { LEAST_SINGULAR_VALUE, muon, orthogonalise, POLYNOMIALS, ROUNDING } from './muon.ts';
import type { Precision } from './tensorflow-binding.ts';
import { variableUpdates } from './trainable-variable.ts';

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

type Polynomial = (typeof POLYNOMIALS)[number];

function imageOf([a, b, c]: Polynomial, x: number): number {
  return a * x + b * x ** 3 + c * x ** 5;
}

/** What a singular value becomes by itself. */
function iterated(value: number): number {
  return POLYNOMIALS.reduce((x, polynomial) => imageOf(polynomial, x), value);
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

/** A weight's values, and what a step should make of them. */
interface Weight {
  shape: [number, number];
  gates: number;
  value: Float32Array;
  velocity: Float32Array;
  gradient: Float32Array;
}

function randomWeight(random: Random, shape: [number, number], gates: number): Weight {
  const values = () => randomValues(random, shape[0] * shape[1]);
  return { shape, gates, value: values(), velocity: values(), gradient: values() };
}

/** The values and velocities of all weights after a step of them together. */
function stepped(weights: Weight[], step: Parameters<typeof muon>[1]): Float32Array[] {
  return tf.tidy(() => {
    const updates = variableUpdates();
    const all = weights.map(({ shape, gates, value, velocity, gradient }) => ({
      value: updates.create(tf.tensor(value, shape)),
      velocity: updates.create(tf.tensor(velocity, shape)),
      gradient: tf.tensor(gradient, shape),
      gates,
    }));
    muon(all, step);
    const variables = all.flatMap(({ value, velocity }) => [value, velocity]);
    const values = variables.map((variable) => valuesOf(variable.read()));
    for (const variable of variables) variable.dispose();
    return values;
  });
}

/** Matrices [rows, columns] made orthogonal, as a step that takes their negatives for the direction has them. */
function orthogonal(
  matrices: ArrayLike<number>,
  [N, rows, columns]: [number, number, number],
  precision: Precision = 'float32',
): Float32Array {
  const shape: [number, number] = [N * rows, columns];
  const zeros = new Float32Array(N * rows * columns);
  const gradient = Float32Array.from(matrices, (x) => -x);
  const learningRate = 5 / Math.sqrt(Math.max(rows, columns));
  const weight = { shape, gates: N, value: zeros, velocity: zeros, gradient };
  return stepped([weight], { learningRate, momentum: 0, weightDecay: 0, precision })[0]!;
}

it('brings singular values near 1, unless they are small', () => {
  for (let value = LEAST_SINGULAR_VALUE; value <= ROUNDING; value += 0.0003) {
    expect(iterated(value)).toBeGreaterThan(0.9);
    expect(iterated(value)).toBeLessThan(1.1);
  }
  for (let value = 0; value < LEAST_SINGULAR_VALUE; value += 1e-5) {
    expect(iterated(value)).toBeGreaterThanOrEqual(40 * value);
    expect(iterated(value)).toBeLessThan(1.1);
  }
});

it('stays near 1 where each step rounds by a hundredth', () => {
  const roundings = fc.tuple(
    ...POLYNOMIALS.map(() => fc.double({ min: 0.99, max: 1.01, noNaN: true })),
  );
  const values = fc.double({ min: LEAST_SINGULAR_VALUE, max: 1, noNaN: true });
  fc.assert(
    fc.property(values, roundings, (value, rounding) => {
      const found = POLYNOMIALS.reduce((x, each, i) => imageOf(each, x * rounding[i]!), value);
      expect(found).toBeGreaterThan(0.85);
      expect(found).toBeLessThan(1.15);
    }),
  );
});

// Chebyshev: of polynomials with three numbers to choose that is best which is as far off four times, to either
// side by turns.
it('has the best polynomials of their form, each of what the last one leaves', () => {
  let [from, to] = [LEAST_SINGULAR_VALUE, 1];
  for (const polynomial of POLYNOMIALS) {
    const top = to * ROUNDING;
    const values = Array.from({ length: 10_001 }, (_, i) =>
      imageOf(polynomial, from + ((top - from) * i) / 10_000),
    );
    [from, to] = [Math.min(...values), Math.max(...values)];
    const error = to - 1;
    expect(1 - from).toBeCloseTo(error, 5);
    const firstTop = values.findIndex((value) => value > to - 1e-6);
    const between = Math.min(...values.slice(firstTop));
    expect([values[0], values[firstTop], between, values.at(-1)]).toEqual([
      expect.closeTo(1 - error, 5),
      expect.closeTo(1 + error, 5),
      expect.closeTo(1 - error, 5),
      expect.closeTo(1 + error, 5),
    ]);
    expect(firstTop).toBeLessThan(values.indexOf(between));
    expect(values.indexOf(between)).toBeLessThan(10_000);
  }
});

describe.each(testBackends)('Muon on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  const shapes: [number, number, number][] = [
    ...[[1, 1, 1] as const, [2, 1, 5] as const, [1, 6, 1] as const, [3, 8, 8] as const],
    ...[[3, 16, 5] as const, [2, 7, 33] as const, [1, 70, 64] as const],
  ].map((shape) => [...shape]);

  it.each(shapes)('keeps the singular vectors of %d matrices of %d × %d', (N, rows, columns) => {
    const random = new Random(N + rows * columns);
    const examples = Array.from({ length: N }, () => example(random, rows, columns));
    const matrices = examples.flatMap(({ matrix }) => matrix);
    const expected = examples.flatMap((each) => each.expected);
    for (const [precision, tolerance] of [['float32', 2e-5] as const, ['bfloat16', 0.1] as const]) {
      const found = orthogonal(matrices, [N, rows, columns], precision);
      expectClose(found, expected, tolerance, precision);
    }
  });

  it('leaves zeros as they are, however small its neighbours', () => {
    const found = orthogonal([0, 0, 0, 0, 1e-12, 0, 0, 1e-12], [2, 2, 2]);
    const one = iterated(Math.SQRT1_2);
    expectClose(found, [0, 0, 0, 0, one, 0, 0, one], 1e-5);
  });

  it('takes for zeros what is so small that its squares are lost, and stays finite', () => {
    fc.assert(
      fc.property(fc.integer({ min: -45, max: -10 }), fc.nat(), (power, seed) => {
        const random = new Random(seed);
        const values = randomValues(random, 24 * 20).map((value) => value * 10 ** power);
        const largest = Math.max(...orthogonal(values, [1, 24, 20]).map(Math.abs));
        expect(largest).toBeLessThan(1.3);
        if (power < -17) expect(largest).toBe(0);
        if (power > -14) expect(largest).toBeGreaterThan(0.1);
      }),
    );
  });

  it('updates weights of any sizes together as it does one by one', () => {
    const sides = fc.record({
      rows: fc.integer({ min: 1, max: 40 }),
      columns: fc.integer({ min: 1, max: 40 }),
      gates: fc.integer({ min: 1, max: 4 }),
    });
    const step = { learningRate: 0.1, momentum: 0.9, weightDecay: 0.5 };
    fc.assert(
      fc.property(fc.array(sides, { minLength: 1, maxLength: 6 }), fc.nat(), (sizes, seed) => {
        const random = new Random(seed);
        const weights = sizes.map(({ rows, columns, gates }) =>
          randomWeight(random, [gates * rows, columns], gates),
        );
        const found = stepped(weights, step);
        const expected = weights.flatMap((weight) => stepped([weight], step));
        for (const [i, values] of found.entries()) expectClose(values, expected[i]!, 1e-5, `${i}`);
      }),
      { numRuns: 20 },
    );
  });

  it('moves a value by the direction, what decays and the velocity, as the formula has it', () => {
    const random = new Random(3);
    const weight = randomWeight(random, [30, 8], 3);
    const step = { learningRate: 0.1, momentum: 0.9, weightDecay: 0.5 };
    const [value, velocity] = stepped([weight], step) as [Float32Array, Float32Array];
    const expectedVelocity = weight.velocity.map((v, i) => 0.9 * v + weight.gradient[i]!);
    expectClose(velocity, expectedVelocity, 1e-6);
    const nesterov = expectedVelocity.map((v, i) => 0.9 * v + weight.gradient[i]!);
    const direction = tf.tidy(() => valuesOf(orthogonalise(tf.tensor3d(nesterov, [3, 10, 8]))));
    const expected = weight.value.map(
      (x, i) => 0.95 * x - 0.1 * 0.2 * Math.sqrt(10) * direction[i]!,
    );
    expectClose(value, expected, 1e-5);
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
        const found = subject.exportParameters().get('w')!.data;
        expectClose(found, after[step]!, 1e-5, `step ${step}`);
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
