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
import { embeddingLookup } from './embedding-lookup.ts';
import './core-gradients.ts';

const [V, E] = [5, 3];
/** With the first and the last row, one three times, and one not at all. */
const IDS = [4, 1, 1, 0, 1, 2];

describe.each(testBackends)('embeddingLookup on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('takes the rows of the ids in their order', () => {
    const table = randomTensor(new Random(1), [V, E]) as tf.Tensor2D;
    const values = valuesOf(table);
    const rows = embeddingLookup(table, tf.tensor1d(IDS, 'int32'));
    expect(rows.shape).toEqual([IDS.length, E]);
    expect([...valuesOf(rows)]).toEqual(
      IDS.flatMap((id) => [...values.subarray(id * E, (id + 1) * E)]),
    );
  });

  it('sums the gradients of repeated ids, and leaves rows that were not read at zero', () => {
    const table = tf.zeros([V, E]) as tf.Tensor2D;
    const ids = tf.tensor1d(IDS, 'int32');
    const upstream = Float32Array.from({ length: IDS.length * E }, (_, i) => i + 1);
    const [found] = gradientsOf(() => embeddingLookup(table, ids), [table], upstream);
    expect([...found!]).toEqual([
      ...[10, 11, 12],
      ...[4 + 7 + 13, 5 + 8 + 14, 6 + 9 + 15],
      ...[16, 17, 18],
      ...[0, 0, 0],
      ...[1, 2, 3],
    ]);
  });

  it('has the gradients that finite differences give', () => {
    const random = new Random(2);
    const table = randomTensor(random, [V, E]);
    const ids = tf.tensor1d(IDS, 'int32');
    const upstream = randomValues(random, IDS.length * E);
    const compute = ([moved]: tf.Tensor[]) => embeddingLookup(moved as tf.Tensor2D, ids);
    const found = gradientsOf(() => compute([table]), [table], upstream);
    expectClose(found[0]!, finiteDifferences(compute, [table], upstream)[0]!, 1e-4);
  });

  it('leaves no tensor behind but its result, with gradients or without', () => {
    const table = randomTensor(new Random(3), [V, E]) as tf.Tensor2D;
    const ids = tf.tensor1d(IDS, 'int32');
    expectNoTensorsLeft(() => embeddingLookup(table, ids).dispose());
    expectNoTensorsLeft(() => {
      const { value, grads } = tf
        .engine()
        .gradients(() => tf.mean(embeddingLookup(table, ids)), [table]);
      tf.dispose([value, ...grads]);
    });
  });

  it('names the argument whose shape does not fit', () => {
    const ids = tf.tensor1d(IDS, 'int32');
    expect(() => embeddingLookup(tf.zeros([5]) as unknown as tf.Tensor2D, ids)).toThrow(
      'embeddingLookup table: expected shape [V, E], found [5]',
    );
    const matrix = tf.zeros([5, 3]) as tf.Tensor2D;
    expect(() => embeddingLookup(matrix, matrix as unknown as tf.Tensor1D)).toThrow(
      'embeddingLookup ids: expected shape [N], found [5,3]',
    );
  });
});
