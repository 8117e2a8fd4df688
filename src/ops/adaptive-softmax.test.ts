import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasNativeOperations, testBackends, useBackend } from '../../test/support/backends.ts';
import { readFixture } from '../../test/support/fixtures.ts';
import {
  expectClose,
  expectNoTensorsLeft,
  gradientsOf,
  randomTensor,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import {
  type AdaptiveSoftmaxTensors,
  adaptiveCrossEntropy,
  adaptiveLogProbabilities,
  adaptiveTokenLosses,
} from './adaptive-softmax.ts';
import type { Precision } from './tensorflow-binding.ts';
import './core-gradients.ts';

interface Golden {
  H: number;
  V: number;
  cutoffs: number[];
  stateDict: Record<string, { shape: number[]; data: number[] }>;
  features: number[];
  labels: number[];
  losses: number[];
  loss: number;
  logProbabilities: number[];
  gradients: Record<string, number[]>;
}

const goldens = readFixture<{ cases: Golden[] }>('adaptive-softmax').cases;
const named = goldens.map((golden) => {
  const { V, cutoffs, labels } = golden;
  return [`${V} tokens, cut at ${cutoffs}, ${labels.length} rows`, golden] as const;
});
/** Float32's own share, over a few dozen sums of numbers near 1. */
const TOLERANCE = 1e-5;

/** The tensors in the order of PyTorch's state dict. */
function softmaxOf(list: readonly tf.Tensor[]): AdaptiveSoftmaxTensors {
  const [headWeight, headBias, ...rest] = list;
  return {
    headWeight: headWeight as tf.Tensor2D,
    headBias: headBias as tf.Tensor1D,
    tails: Array.from({ length: rest.length / 2 }, (_, i) => ({
      projection: rest[2 * i] as tf.Tensor2D,
      weight: rest[2 * i + 1] as tf.Tensor2D,
    })),
  };
}

/** The features, then the tensors. */
function goldenInputs({ stateDict, features, labels, H }: Golden): [tf.Tensor2D, ...tf.Tensor[]] {
  const tensors = Object.values(stateDict).map(({ data, shape }) => tf.tensor(data, shape));
  return [tf.tensor2d(features, [labels.length, H]), ...tensors];
}

function meanLoss(
  [features, ...list]: readonly tf.Tensor[],
  labels: number[],
  precision?: Precision,
): tf.Scalar {
  const ids = tf.tensor1d(labels, 'int32');
  return adaptiveCrossEntropy(features as tf.Tensor2D, softmaxOf(list), ids, precision);
}

describe.each(testBackends)('the adaptive softmax on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(named)('has the loss and all gradients of PyTorch: %s', (_, golden) => {
    const inputs = goldenInputs(golden);
    const loss = meanLoss(inputs, golden.labels);
    expect(loss.shape).toEqual([]);
    expectClose(valuesOf(loss), [golden.loss], TOLERANCE);
    const upstream = 1.5;
    const found = gradientsOf(
      () => meanLoss(inputs, golden.labels),
      inputs,
      Float32Array.of(upstream),
    );
    for (const [i, [name, gradient]] of Object.entries(golden.gradients).entries()) {
      const expected = gradient.map((value) => value * upstream);
      expectClose(found[i]!, expected, TOLERANCE, name);
    }
  });

  it.each(named)('has the losses of the rows and all probabilities: %s', (_, golden) => {
    const [features, ...list] = goldenInputs(golden);
    const softmax = softmaxOf(list);
    const losses = adaptiveTokenLosses(features, softmax, tf.tensor1d(golden.labels, 'int32'));
    expectClose(valuesOf(losses), golden.losses, TOLERANCE, 'losses');
    const found = adaptiveLogProbabilities(features, softmax);
    expect(found.shape).toEqual([golden.labels.length, golden.V]);
    expectClose(valuesOf(found), golden.logProbabilities, TOLERANCE, 'probabilities');
  });

  it('is the plain softmax where there are no clusters', () => {
    const random = new Random(1);
    const [features, weight, bias] = [[3, 4], [6, 4], [6]].map((shape) =>
      randomTensor(random, shape),
    ) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D];
    const scores = tf.add(tf.matMul(features, weight, false, true), bias);
    const found = adaptiveLogProbabilities(features, softmaxOf([weight, bias]));
    expectClose(valuesOf(found), valuesOf(tf.logSoftmax(scores)), 1e-6);
  });

  it('leaves no tensor behind but its result, with gradients or without', () => {
    const golden = goldens[0]!;
    const inputs = goldenInputs(golden);
    const [features, ...list] = inputs;
    const softmax = softmaxOf(list);
    const labels = tf.tensor1d(golden.labels, 'int32');
    expectNoTensorsLeft(() => adaptiveCrossEntropy(features, softmax, labels).dispose());
    expectNoTensorsLeft(() => adaptiveTokenLosses(features, softmax, labels).dispose());
    expectNoTensorsLeft(() => adaptiveLogProbabilities(features, softmax).dispose());
    expectNoTensorsLeft(() => {
      const { value, grads } = tf
        .engine()
        .gradients(() => adaptiveCrossEntropy(features, softmax, labels), inputs);
      tf.dispose([value, ...grads]);
    });
  });

  it('names the argument whose shape does not fit', () => {
    const [features, ...list] = goldenInputs(goldens[0]!);
    const labels = tf.tensor1d([1, 2], 'int32');
    expect(() => adaptiveCrossEntropy(features, softmaxOf(list), labels)).toThrow(
      'adaptiveSoftmax labels: expected shape [N=11], found [2]',
    );
    const narrow = softmaxOf([tf.zeros([7, 5]), ...list.slice(1)]);
    expect(() => adaptiveTokenLosses(features, narrow, labels)).toThrow(
      'adaptiveSoftmax headWeight: expected shape [S+C=7, H=32], found [7,5]',
    );
    const other = softmaxOf([...list.slice(0, 3), tf.zeros([6, 9]), ...list.slice(4)]);
    expect(() => adaptiveLogProbabilities(features, other)).toThrow(
      'adaptiveSoftmax tails[0].weight: expected shape [V0=6, D0=8], found [6,9]',
    );
  });
});

/** Some rows of a vocabulary in any clusters. */
const someCases = fc.record({
  N: fc.integer({ min: 1, max: 6 }),
  H: fc.integer({ min: 1, max: 20 }),
  head: fc.integer({ min: 1, max: 30 }),
  tails: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 3 }),
  seed: fc.nat(),
});

it.each(testBackends)(
  'probabilities are of the whole vocabulary, and sum to 1, on %s',
  async (b) => {
    await useBackend(b);
    fc.assert(
      fc.property(someCases, ({ N, H, head, tails, seed }) => {
        tf.tidy(() => {
          const random = new Random(seed);
          const sizes = tails.map((size, i) => [size, Math.ceil(H / 2 ** (i + 1))] as const);
          const shapes = [
            ...[[head + tails.length, H], [head + tails.length]],
            ...sizes.flatMap(([size, D]) => [
              [D, H],
              [size, D],
            ]),
          ];
          const softmax = softmaxOf(shapes.map((shape) => randomTensor(random, shape, 2)));
          const features = randomTensor(random, [N, H]) as tf.Tensor2D;
          const logs = adaptiveLogProbabilities(features, softmax);
          const V = tails.reduce((sum, size) => sum + size, head);
          expect(logs.shape).toEqual([N, V]);
          expectClose(valuesOf(tf.sum(tf.exp(logs), 1)), new Array(N).fill(1), 1e-5);

          // The losses of all tokens of a row are the same probabilities.
          const all = tf.gather(features, tf.zeros([V], 'int32')) as tf.Tensor2D;
          const losses = adaptiveTokenLosses(all, softmax, tf.range(0, V, 1, 'int32'));
          const first = valuesOf(tf.slice(logs, 0, 1));
          expectClose(valuesOf(losses), first.map(Math.abs), 1e-5);
        });
      }),
      { numRuns: 30 },
    );
  },
);

describe.runIf(hasNativeOperations)('in bfloat16', () => {
  it('the loss and the gradients stay near those of float32', async () => {
    await useBackend('native');
    const golden = goldens[0]!;
    const inputs = goldenInputs(golden);
    const results = (precision: Precision) => {
      const loss = () => meanLoss(inputs, golden.labels, precision);
      return [valuesOf(loss()), ...gradientsOf(loss, inputs, Float32Array.of(1))];
    };
    const [exact, rounded] = [results('float32'), results('bfloat16')];
    expect(rounded[0]).not.toEqual(exact[0]);
    for (const [i, values] of exact.entries()) expectClose(rounded[i]!, values, 3e-2);
    const [features, ...list] = inputs;
    const labels = tf.tensor1d(golden.labels, 'int32');
    const losses = adaptiveTokenLosses(features, softmaxOf(list), labels, 'bfloat16');
    expectClose(valuesOf(losses), golden.losses, 3e-2);
  });
});
