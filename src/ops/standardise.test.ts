import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
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
import './core-gradients.ts';
import { EPSILON, standardise } from './standardise.ts';

describe.each(testBackends)('standardise on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('is what arithmetic by hand gives', () => {
    const values = tf.tensor2d([
      [1, 3],
      [5, 3],
    ]);
    const units = standardise(values, 'units');
    const one = 1 / Math.sqrt(1 + EPSILON);
    expectClose(valuesOf(units.standardised), [-one, one, one, -one], 1e-6);
    expect([units.mean.shape, [...valuesOf(units.mean)]]).toEqual([
      [2, 1],
      [2, 4],
    ]);
    expect([...valuesOf(units.variance)]).toEqual([1, 1]);
    const batch = standardise(values, 'batch');
    const two = 2 / Math.sqrt(4 + EPSILON);
    // A unit that is always the same becomes 0, not NaN.
    expectClose(valuesOf(batch.standardised), [-two, 0, two, 0], 1e-6);
    expect([batch.variance.shape, [...valuesOf(batch.variance)]]).toEqual([
      [1, 2],
      [4, 0],
    ]);
  });

  it.each(['units', 'batch'] as const)('over %s has mean 0 and variance 1', (over) => {
    const sizes = fc.record({
      N: fc.integer({ min: 4, max: 9 }),
      H: fc.integer({ min: 4, max: 9 }),
    });
    fc.assert(
      fc.property(sizes, fc.nat(1000), fc.integer({ min: -50, max: 50 }), (size, seed, shift) => {
        tf.tidy(() => {
          const random = randomTensor(new Random(seed), [size.N, size.H], 3);
          const values = tf.add(random, shift) as tf.Tensor2D;
          const axis = over === 'batch' ? 0 : 1;
          const { mean, variance } = tf.moments(standardise(values, over).standardised, axis);
          expectClose(valuesOf(mean), new Float32Array(mean.size), 1e-4);
          // Of few values that happen to be close, what keeps the root from zero (1e-5) is a part.
          const spread = tf.moments(values, axis).variance;
          expectClose(valuesOf(variance), valuesOf(tf.div(spread, tf.add(spread, 1e-5))), 1e-3);
        });
      }),
      { numRuns: 20 },
    );
  });

  it.each(['units', 'batch'] as const)('over %s has the gradient of finite differences', (over) => {
    const random = new Random(7);
    const values = randomTensor(random, [4, 5], 2);
    const upstream = randomValues(random, 20);
    const compute = ([x]: tf.Tensor[]) => standardise(x as tf.Tensor2D, over).standardised;
    const [found] = gradientsOf(() => compute([values]), [values], upstream);
    const [expected] = finiteDifferences(compute, [values], upstream);
    expectClose(found!, expected!, 2e-4);
  });

  it('leaves nothing behind, and names what does not fit', () => {
    const random = new Random(2);
    const values = randomTensor(random, [3, 4]) as tf.Tensor2D;
    const upstream = randomValues(random, 12);
    expectNoTensorsLeft(() => {
      gradientsOf(() => standardise(values, 'batch').standardised, [values], upstream);
      tf.dispose(Object.values(standardise(values, 'units')));
    });
    expect(() => standardise(tf.zeros<tf.Rank>([3]) as tf.Tensor2D, 'units')).toThrow(
      'standardise values: expected shape [N, H], found [3]',
    );
  });
});
