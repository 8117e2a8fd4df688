import { describe, expect, it } from 'vitest';
import type { TensorMap } from '../tensor-data.ts';
import { nearest, rowsOf } from './neighbors.ts';

const table = {
  shape: [6, 2],
  // Of one direction whatever the length; at 45°; at 90°; none; the opposite.
  data: Float32Array.from([1, 0, 3, 0, 1, 1, 0, 5, 0, 0, -2, 0]),
};

describe('neighbours', () => {
  it('are the tokens of the most similar directions, without the token itself and rows of zeros', () => {
    const found = nearest(table, 0, 10);
    expect(found.map(({ id }) => id)).toEqual([1, 2, 3, 5]);
    const similarities = [1, Math.SQRT1_2, 0, -1];
    for (const [i, { similarity }] of found.entries()) {
      expect(similarity).toBeCloseTo(similarities[i]!, 6);
    }
    expect(nearest(table, 0, 2).map(({ id }) => id)).toEqual([1, 2]);
    expect(nearest(table, 2, 3).map(({ id }) => id)).toEqual([0, 1, 3]);
  });

  it('of a token without a direction are none', () => {
    expect(nearest(table, 4, 3)).toEqual([]);
  });

  it('are by the embedding or the output layer, which are one in a tied model', () => {
    const other = { shape: [6, 3], data: new Float32Array(18) };
    const untied: TensorMap = new Map([
      ['embedding.weight', table],
      ['fc.weight', other],
    ]);
    expect(rowsOf(untied, 'embedding')).toBe(table);
    expect(rowsOf(untied, 'output')).toBe(other);
    const tied: TensorMap = new Map([['embedding.weight', table]]);
    expect(rowsOf(tied, 'output')).toBe(table);
  });

  it('have no common space in the output of an adaptive softmax', () => {
    const adaptive: TensorMap = new Map([
      ['embedding.weight', table],
      ['fc.head.weight', table],
    ]);
    expect(rowsOf(adaptive, 'output')).toBeUndefined();
    expect(rowsOf(adaptive, 'embedding')).toBe(table);
  });
});
