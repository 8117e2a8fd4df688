import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import {
  expectClose,
  expectNoTensorsLeft,
  randomValues,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import {
  resourceUpdates,
  type TrainableVariable,
  tensorUpdates,
  variableUpdates,
} from './trainable-variable.ts';

const numbers = { learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8 };

/** A variable's value, read and released. */
function readOut(variable: TrainableVariable): number[] {
  return tf.tidy(() => [...valuesOf(variable.read())]);
}

describe.each(testBackends)('a trainable variable on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('starts with a copy of its first value', () => {
    const first = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
    const variable = variableUpdates().create(first);
    first.dispose();
    expect(variable.shape).toEqual([2, 3]);
    expect(tf.tidy(() => variable.read().shape)).toEqual([2, 3]);
    expect(readOut(variable)).toEqual([1, 2, 3, 4, 5, 6]);
    variable.dispose();
  });

  it('takes a new value, and leaves the tensor that it came from as it was', () => {
    const updates = variableUpdates();
    const variable = updates.create(tf.tensor1d([1, 2]));
    const value = tf.tensor1d([5, 6]);
    variable.assign(value);
    expect(readOut(variable)).toEqual([5, 6]);
    updates.gradientDescent(variable, tf.tensor1d([1, 1]), 1);
    expect(readOut(variable)).toEqual([4, 5]);
    expect([...valuesOf(value)]).toEqual([5, 6]);
    variable.dispose();
  });

  it('takes a tensor over, with which it disposes of the last one', () => {
    expectNoTensorsLeft(() => {
      const updates = variableUpdates();
      const first = tf.tensor1d([1, 2]);
      const variable = updates.create(first);
      first.dispose();
      const before = variable.read();
      const value = tf.tensor1d([5, 6]);
      variable.take(value);
      expect(value.isDisposed).toBe(true);
      expect(readOut(variable)).toEqual([5, 6]);
      tf.tidy(() => updates.gradientDescent(variable, tf.tensor1d([1, 1]), 1));
      expect(readOut(variable)).toEqual([4, 5]);
      expect([...valuesOf(before)]).toEqual([1, 2]);
      before.dispose();
      variable.dispose();
    });
  });

  it('leaves a value that was read before an update as it was', () => {
    const updates = variableUpdates();
    const [variable, mean, variance] = [
      [1, 2],
      [0, 0],
      [0, 0],
    ].map((values) => updates.create(tf.tensor1d(values))) as [
      TrainableVariable,
      TrainableVariable,
      TrainableVariable,
    ];
    const before = variable.read();
    updates.gradientDescent(variable, tf.tensor1d([1, 1]), 0.5);
    const between = variable.read();
    updates.adam(variable, mean, variance, tf.tensor1d([1, -1]), { ...numbers, step: 1 });
    variable.assign(tf.tensor1d([9, 9]));
    expect([...valuesOf(before)]).toEqual([1, 2]);
    expect([...valuesOf(between)]).toEqual([0.5, 1.5]);
    for (const each of [variable, mean, variance]) each.dispose();
  });

  it('goes against the gradient, by the rate', () => {
    const updates = variableUpdates();
    const variable = updates.create(tf.tensor1d([1, 2, 3]));
    updates.gradientDescent(variable, tf.tensor1d([4, 0, -8]), 0.25);
    expect(readOut(variable)).toEqual([0, 2, 5]);
    variable.dispose();
  });

  it('makes the updates of Adam by their definition', () => {
    const updates = variableUpdates();
    const random = new Random(6);
    const first = randomValues(random, 5);
    const zeros = tf.zeros([5]);
    const [variable, mean, variance] = [tf.tensor1d(first), zeros, zeros].map((value) =>
      updates.create(value),
    ) as [TrainableVariable, TrainableVariable, TrainableVariable];
    const { learningRate, beta1, beta2, epsilon } = numbers;
    const [w, m, v] = [[...first], new Array(5).fill(0), new Array(5).fill(0)] as number[][];
    for (let step = 1; step <= 6; step++) {
      const gradient = randomValues(random, 5);
      updates.adam(variable, mean, variance, tf.tensor1d(gradient), { ...numbers, step });
      const rate = (learningRate * Math.sqrt(1 - beta2 ** step)) / (1 - beta1 ** step);
      for (const [i, g] of gradient.entries()) {
        m![i] = beta1 * m![i]! + (1 - beta1) * g;
        v![i] = beta2 * v![i]! + (1 - beta2) * g * g;
        w![i]! -= (rate * m![i]!) / (Math.sqrt(v![i]!) + epsilon);
      }
      expectClose(readOut(variable), w!, 2e-6);
      expectClose(readOut(mean), m!, 1e-6);
      expectClose(readOut(variance), v!, 1e-6);
    }
    for (const each of [variable, mean, variance]) each.dispose();
  });

  it('keeps ε where the variance is all but zero', () => {
    const updates = variableUpdates();
    const [variable, mean, variance] = [0, 0, 0].map((value) =>
      updates.create(tf.tensor1d([value])),
    ) as [TrainableVariable, TrainableVariable, TrainableVariable];
    const step = { ...numbers, epsilon: 1, step: 1 };
    updates.adam(variable, mean, variance, tf.tensor1d([0.5]), step);
    // rate √(1 − β₂)/(1 − β₁) = 0.1, m = 0.05, √v = 0.05
    expectClose(readOut(variable), [(-0.1 * 0.05) / (0.05 + 1)], 1e-7);
    for (const each of [variable, mean, variance]) each.dispose();
  });

  it('leaves no tensor behind once it is disposed', () => {
    const updates = variableUpdates();
    const value = tf.tensor1d([1, 2, 3]);
    expectNoTensorsLeft(() => {
      const [variable, mean, variance] = [value, value, value].map((first) =>
        updates.create(first),
      ) as [TrainableVariable, TrainableVariable, TrainableVariable];
      const held = tf.memory().numTensors;
      variable.assign(value);
      variable.read().dispose();
      updates.gradientDescent(variable, value, 0.1);
      updates.adam(variable, mean, variance, value, { ...numbers, step: 1 });
      expect(tf.memory().numTensors).toBe(held);
      for (const each of [variable, mean, variance]) each.dispose();
    });
  });

  it('outlives the tidy in which it was made', () => {
    const updates = variableUpdates();
    const variable = tf.tidy(() => {
      const made = updates.create(tf.tensor1d([1, 2]));
      updates.gradientDescent(made, tf.tensor1d([1, 1]), 1);
      made.assign(tf.mul(made.read(), 10));
      return { made } as unknown as tf.TensorContainer;
    }) as unknown as { made: TrainableVariable };
    expect(readOut(variable.made)).toEqual([0, 10]);
    variable.made.dispose();
  });
});

describe('on TensorFlow', () => {
  beforeAll(() => useBackend('tensorflow'));

  it('the fused updates are those composed of TF.js ops', () => {
    const random = new Random(8);
    const first = tf.tensor1d(randomValues(random, 20));
    const gradients = Array.from({ length: 5 }, () => tf.tensor1d(randomValues(random, 20)));
    const results = [resourceUpdates, tensorUpdates].map((updates) => {
      const [w, m, v] = [first, tf.zeros([20]), tf.zeros([20])].map((value) =>
        updates.create(value as tf.Tensor),
      ) as [never, never, never];
      for (const [i, gradient] of gradients.entries()) {
        updates.adam(w, m, v, gradient, { ...numbers, step: i + 1 });
        updates.gradientDescent(w, gradient, 0.01);
      }
      return [w, m, v].flatMap(readOut);
    });
    expect(variableUpdates()).toBe(resourceUpdates);
    expectClose(results[0]!, results[1]!, 1e-6);
  });

  it('a disposed variable gives its memory back', () => {
    const updates = variableUpdates();
    const value = tf.zeros([1024, 1024]); // 4 MiB
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 100; i++) {
      const variable = updates.create(value);
      updates.gradientDescent(variable, value, 0.1);
      variable.dispose();
    }
    expect((process.memoryUsage.rss() - before) / 2 ** 20).toBeLessThan(200);
  });
});
