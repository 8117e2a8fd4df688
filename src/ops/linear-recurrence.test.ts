import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import {
  expectClose,
  expectNoTensorsLeft,
  randomTensor,
  randomValues,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import { linearRecurrence, reverseLinearRecurrence } from './linear-recurrence.ts';

interface Case {
  T: number;
  B: number;
  H: number;
  seed: number;
  /** The largest factor. */
  scale: number;
}

const someCases: fc.Arbitrary<Case> = fc.record({
  T: fc.integer({ min: 1, max: 70 }),
  B: fc.integer({ min: 1, max: 3 }),
  H: fc.integer({ min: 1, max: 4 }),
  seed: fc.integer({ min: 0, max: 1e6 }),
  scale: fc.constantFrom(0.01, 0.5, 1, 1.1),
});

/** One step after the other, in double precision. */
function oneByOne(a: Float32Array, b: Float32Array, initial: Float32Array): number[] {
  const states: number[] = [];
  for (const [i, factor] of a.entries()) {
    const before = states[i - initial.length] ?? initial[i]!;
    states.push(factor * before + b[i]!);
  }
  return states;
}

/** What `values` [T, N] are from the last step to the first. */
function backwards(values: ArrayLike<number>, T: number): Float32Array {
  const N = values.length / T;
  return Float32Array.from(values, (_, i) => values[(T - 1 - Math.floor(i / N)) * N + (i % N)]!);
}

describe.each(testBackends)('the recurrence as a scan on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('is that of one step after the other, for any number of steps', () => {
    fc.assert(
      fc.property(someCases, ({ T, B, H, seed, scale }) => {
        const random = new Random(seed);
        const [a, b] = [randomValues(random, T * B * H, scale), randomValues(random, T * B * H)];
        const initial = randomValues(random, B * H);
        const shape: [number, number, number] = [T, B, H];
        const found = tf.tidy(() => {
          const states = linearRecurrence(
            tf.tensor3d(a, shape),
            tf.tensor3d(b, shape),
            tf.tensor2d(initial, [B, H]),
          );
          expect(states.shape).toEqual(shape);
          return valuesOf(states);
        });
        expectClose(found, oneByOne(a, b, initial), 1e-5);
      }),
    );
  });

  it('is so from the end, each factor being that of the step after', () => {
    fc.assert(
      fc.property(someCases, ({ T, B, H, seed, scale }) => {
        const random = new Random(seed);
        const [a, d] = [randomValues(random, T * B * H, scale), randomValues(random, T * B * H)];
        const found = tf.tidy(() =>
          valuesOf(reverseLinearRecurrence(tf.tensor3d(a, [T, B, H]), tf.tensor3d(d, [T, B, H]))),
        );
        const following = new Float32Array(a.length);
        following.set(a.subarray(B * H));
        const none = new Float32Array(B * H);
        const expected = oneByOne(backwards(following, T), backwards(d, T), none);
        expectClose(found, backwards(expected, T), 1e-5);
      }),
    );
  });

  it('computes an example by hand', () => {
    const [a, b] = [tf.tensor3d([2, 0.5, -1], [3, 1, 1]), tf.tensor3d([1, 0, 4], [3, 1, 1])];
    // 2·3 + 1, 0.5·7, −3.5 + 4
    expect([...valuesOf(linearRecurrence(a, b, tf.tensor2d([[3]])))]).toEqual([7, 3.5, 0.5]);
    // 4, −1·4 + 0, 0.5·(−4) + 1
    expect([...valuesOf(reverseLinearRecurrence(a, b))]).toEqual([-1, -4, 4]);
  });

  it.each([1, 2, 5])('leaves no tensor behind but its result, for %i steps', (T) => {
    const random = new Random(1);
    const [a, b] = [0, 1].map(() => randomTensor(random, [T, 2, 3]) as tf.Tensor3D);
    const initial = randomTensor(random, [2, 3]) as tf.Tensor2D;
    expectNoTensorsLeft(() => linearRecurrence(a!, b!, initial).dispose());
    expectNoTensorsLeft(() => reverseLinearRecurrence(a!, b!).dispose());
  });
});
