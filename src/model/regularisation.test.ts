import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import {
  expectClose,
  finiteDifferences,
  gradientsOf,
  randomTensor,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import { drop, dropWeights, outputPenalty } from './regularisation.ts';

describe.each(testBackends)('on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('dropout that is locked drops the same of every step, and keeps the mean', () => {
    const [T, B, H] = [3, 20, 500];
    const ones = tf.ones([T, B, H]) as tf.Tensor3D;
    const locked = valuesOf(drop(ones, 0.25, 'locked', new Random(1)));
    const step = B * H;
    expect(locked.subarray(step, 2 * step)).toEqual(locked.subarray(0, step));
    expect(locked.subarray(2 * step)).toEqual(locked.subarray(0, step));
    expect(new Set(locked)).toEqual(new Set([0, Math.fround(4 / 3)]));
    expect(locked.reduce((sum, value) => sum + value) / locked.length).toBeCloseTo(1, 1);

    const anew = valuesOf(drop(ones, 0.25, 'step', new Random(1)));
    expect(anew.subarray(step, 2 * step)).not.toEqual(anew.subarray(0, step));
  });

  it('each recurrent weight is dropped on its own', () => {
    const kept = valuesOf(dropWeights(tf.ones([30, 10]), 0.5, new Random(2)));
    expect(new Set(kept)).toEqual(new Set([0, 2]));
    const dropped = kept.filter((value) => value === 0).length / kept.length;
    expect(dropped).toBeGreaterThan(0.4);
    expect(dropped).toBeLessThan(0.6);
  });

  it('the penalty is what arithmetic says', () => {
    const outputs = tf.tensor3d([1, 2, 4, 8], [2, 1, 2]);
    const dropped = tf.tensor3d([0, 4, 0, 16], [2, 1, 2]);
    const penalty = (alpha: number, beta: number) =>
      outputPenalty(
        { dropout: 0, activationRegularisation: alpha, temporalRegularisation: beta },
        outputs,
        dropped,
      );
    expect(valuesOf(penalty(2, 0)!)[0]).toBeCloseTo(2 * (272 / 4), 4);
    expect(valuesOf(penalty(0, 3)!)[0]).toBeCloseTo(3 * ((9 + 36) / 2), 4);
    expect(valuesOf(penalty(2, 3)!)[0]).toBeCloseTo(136 + 67.5, 4);
    expect(penalty(0, 0)).toBeUndefined();
    const one = tf.ones([1, 2, 3]) as tf.Tensor3D;
    expect(outputPenalty({ dropout: 0, temporalRegularisation: 1 }, one, one)).toBeUndefined();
  });

  it('its gradients are those of finite differences', () => {
    const random = new Random(3);
    const inputs = [randomTensor(random, [3, 2, 2]), randomTensor(random, [3, 2, 2])];
    const config = { dropout: 0, activationRegularisation: 2, temporalRegularisation: 1 };
    const compute = ([outputs, dropped]: tf.Tensor[]) =>
      outputPenalty(config, outputs as tf.Tensor3D, dropped as tf.Tensor3D)!;
    const upstream = Float32Array.of(1);
    const found = gradientsOf(() => compute(inputs), inputs, upstream);
    const expected = finiteDifferences(compute, inputs, upstream);
    for (const [i, gradient] of found.entries()) expectClose(gradient, expected[i]!, 1e-4);
  });
});
