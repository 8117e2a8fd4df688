import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import {
  expectClose,
  finiteDifferences,
  gradientsOf,
  randomTensor,
  randomValues,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import './core-gradients.ts';

type Compute = (inputs: tf.Tensor[]) => tf.Tensor;

const cases: [name: string, shapes: number[][], compute: Compute][] = [
  ['reshape', [[2, 3]], ([x]) => tf.reshape(x!, [3, 2])],
  [
    'add',
    [
      [2, 3],
      [2, 3],
    ],
    ([a, b]) => tf.add(a!, b!),
  ],
  ['add of a vector to each row', [[2, 3], [3]], ([a, b]) => tf.add(a!, b!)],
  ['add of a scalar', [[], [2, 3]], ([a, b]) => tf.add(a!, b!)],
  [
    'add of a column and a row',
    [
      [2, 1],
      [1, 3],
    ],
    ([a, b]) => tf.add(a!, b!),
  ],
  [
    'mul',
    [
      [2, 3],
      [2, 3],
    ],
    ([a, b]) => tf.mul(a!, b!),
  ],
  ['mul of each row by a vector', [[2, 3], [3]], ([a, b]) => tf.mul(a!, b!)],
  [
    'mul of a column and a row',
    [
      [2, 1],
      [1, 3],
    ],
    ([a, b]) => tf.mul(a!, b!),
  ],
  ['mul of a tensor by itself', [[2, 3]], ([x]) => tf.mul(x!, x!)],
  ['slice', [[4, 3]], ([x]) => tf.slice(x!, [1, 0], [2, -1])],
  ['slice of the first dimension', [[4, 2, 3]], ([x]) => tf.slice(x!, 3, 1)],
  ['mean of all', [[2, 3]], ([x]) => tf.mean(x!)],
  ['mean of a middle dimension', [[2, 3, 4]], ([x]) => tf.mean(x!, 1)],
  ['mean of two dimensions', [[2, 3, 4]], ([x]) => tf.mean(x!, [0, 2])],
  ['mean that keeps its dimension', [[2, 3]], ([x]) => tf.mean(x!, 0, true)],
];

describe.each(testBackends)('the gradients of TF.js on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(cases)('are what finite differences give for %s', (_, shapes, compute) => {
    const random = new Random(4);
    const inputs = shapes.map((shape) => randomTensor(random, shape));
    const outputs = tf.tidy(() => compute(inputs).size);
    const upstream = randomValues(random, outputs);
    const found = gradientsOf(() => compute(inputs), inputs, upstream);
    const expected = finiteDifferences(compute, inputs, upstream);
    for (const [i, gradient] of found.entries()) expectClose(gradient, expected[i]!, 1e-4);
  });
});
