import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { valuesOf } from '../../test/support/numbers.ts';
import { band, bandAsMatrix } from './band.ts';

describe.each(testBackends)('a band on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('begins a column later in each row', () => {
    const matrices = tf.tensor3d([
      [
        [1, 2, 0, 0],
        [9, 3, 4, 9],
        [0, 9, 5, 6],
      ],
    ]);
    expect([...valuesOf(band(matrices, 2))]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each([
    [1, 1, 3],
    [2, 3, 1],
    [3, 2, 5],
    [2, 5, 2],
  ])('of %i matrices with %i rows is %i wide in the matrices made of it', (B, T, M) => {
    const bands = tf.reshape(tf.range(1, B * T * M + 1), [B, T, M]) as tf.Tensor3D;
    const matrices = bandAsMatrix(bands);
    expect(matrices.shape).toEqual([B, T, M + T - 1]);
    const values = valuesOf(bands);
    const expected = Array.from({ length: B * T * (M + T - 1) }, (_, i) => {
      const column = i % (M + T - 1);
      const row = Math.floor(i / (M + T - 1));
      const place = column - (row % T);
      return place >= 0 && place < M ? values[row * M + place] : 0;
    });
    expect([...valuesOf(matrices)]).toEqual(expected);
    expect(valuesOf(band(matrices, M))).toEqual(values);
  });
});
