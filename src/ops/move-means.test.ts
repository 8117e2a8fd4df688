import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import {
  expectClose,
  expectNoTensorsLeft,
  randomValues,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import { moveMeans } from './move-means.ts';
import { variableUpdates } from './trainable-variable.ts';

/** What the means and the values are after one step. */
function moved(pairs: [mean: Float32Array, value: Float32Array][], share: number) {
  let result: [number[], number[]][] = [];
  expectNoTensorsLeft(() => {
    const updates = variableUpdates();
    const create = (values: Float32Array) => {
      const tensor = tf.tensor1d(values);
      const variable = updates.create(tensor);
      tensor.dispose();
      return variable;
    };
    const means = pairs.map(([mean, value]) => ({ mean: create(mean), value: create(value) }));
    moveMeans(means, share);
    result = tf.tidy(() =>
      means.map(({ mean, value }) => [[...valuesOf(mean.read())], [...valuesOf(value.read())]]),
    );
    for (const variable of means.flatMap(({ mean, value }) => [mean, value])) variable.dispose();
  });
  return result;
}

describe.each(testBackends)('means on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('go so much of the way to the values, which stay', () => {
    const [means, values] = [Float32Array.of(0, 1, -2), Float32Array.of(4, 1, 2)];
    expect(moved([[means, values]], 0.25)).toEqual([
      [
        [1, 1, -1],
        [4, 1, 2],
      ],
    ]);
  });

  it('move all together as each alone', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 4 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(),
        (sizes, share, seed) => {
          const random = new Random(seed);
          const pairs = sizes.map((size): [Float32Array, Float32Array] => [
            randomValues(random, size),
            randomValues(random, size),
          ]);
          for (const [i, [found]] of moved(pairs, share).entries()) {
            const [mean, value] = pairs[i]!;
            expectClose(
              found,
              mean.map((m, at) => m + share * (value[at]! - m)),
              1e-6,
            );
          }
        },
      ),
      { numRuns: 10 },
    );
  });
});
