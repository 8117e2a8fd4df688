import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { meanLossAhead } from './predictions.ts';

const T = 3;
const B = 2;
const V = 4;
const H = 2;
const features = [0.5, -1, 2, 0.25, -0.75, 1.5, 0, 1, -2, 0.125, 3, -0.5]; // [T·B, H]
const weight = [1, 0, 0.5, -1, -0.25, 2, 0, 0.75]; // [V, H]
const bias = [0.1, -0.2, 0.3, 0];
const targets = [0, 3, 2, 1, 1, 2]; // [T·B]

/** By hand: what row t·B + b says of the token that row (t + 1)·B + b has to predict. */
function expected(): number {
  let sum = 0;
  for (let row = 0; row < (T - 1) * B; row++) {
    const scores = bias.map(
      (b, token) =>
        b +
        features[row * H]! * weight[token * H]! +
        features[row * H + 1]! * weight[token * H + 1]!,
    );
    const total = scores.reduce((all, score) => all + Math.exp(score), 0);
    sum += Math.log(total) - scores[targets[row + B]!]!;
  }
  return sum / ((T - 1) * B);
}

describe.each(testBackends)('the loss of the tokens after the next on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  const lossOf = (steps: number): number | undefined =>
    tf.tidy(() => {
      const weights = {
        'ahead.weight': tf.tensor2d(weight, [V, H]),
        'ahead.bias': tf.tensor1d(bias),
      };
      const rows = steps * B;
      return meanLossAhead(
        weights,
        tf.tensor2d(features.slice(0, rows * H), [rows, H]),
        tf.tensor1d(targets.slice(0, rows), 'int32'),
        B,
      )?.dataSync()[0];
    });

  it('is of every step but the last, by the target of the step after', () => {
    expect(lossOf(T)).toBeCloseTo(expected(), 5);
  });

  it('is nothing in a window of one step', () => {
    expect(lossOf(1)).toBeUndefined();
  });
});
