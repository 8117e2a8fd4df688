import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { assertShape } from './shapes.ts';

describe('assertShape', () => {
  beforeAll(() => useBackend('cpu'));

  it('binds letters at their first use and holds later tensors to them', () => {
    const bound: Record<string, number> = {};
    assertShape('a', tf.zeros([2, 3]), ['B', 'H'], bound);
    expect(bound).toEqual({ B: 2, H: 3 });
    assertShape('b', tf.zeros([3, 2, 7]), ['H', 'B', 7], bound);
    expect(() => assertShape('c', tf.zeros([3, 3]), ['B', 'H'], bound)).toThrow(
      'c: expected shape [B=2, H=3], found [3,3]',
    );
  });

  it('holds one tensor to one size a letter', () => {
    assertShape('a', tf.zeros([4, 4]), ['K', 'K']);
    expect(() => assertShape('a', tf.zeros([4, 5]), ['K', 'K'])).toThrow(
      'a: expected shape [K=4, K=4], found [4,5]',
    );
  });

  it('refuses a tensor of another rank, even with the right sizes', () => {
    expect(() => assertShape('a', tf.zeros([2, 3, 1]), ['B', 'H'])).toThrow(
      'a: expected shape [B, H], found [2,3,1]',
    );
    expect(() => assertShape('a', tf.scalar(1), [1])).toThrow('a: expected shape [1], found []');
  });
});
