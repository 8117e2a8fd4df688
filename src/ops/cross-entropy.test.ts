import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import {
  expectClose,
  expectNoTensorsLeft,
  finiteDifferences,
  gradientsOf,
  heldTensors,
  largestDifference,
  randomTensor,
  randomValues,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import { linearCrossEntropy } from './linear-cross-entropy.ts';
import { sparseSoftmaxCrossEntropy } from './sparse-softmax-cross-entropy.ts';
import './core-gradients.ts';

/** −log softmax(scores)[label] and its gradient by the scores, in double precision. */
function byHand(scores: ArrayLike<number>, label: number): { loss: number; gradient: number[] } {
  const largest = Array.from(scores).reduce((a, b) => Math.max(a, b));
  const exponentials = Array.from(scores, (score) => Math.exp(score - largest));
  const sum = exponentials.reduce((a, b) => a + b);
  return {
    loss: Math.log(sum) + largest - scores[label]!,
    gradient: exponentials.map((value, i) => value / sum - (i === label ? 1 : 0)),
  };
}

describe.each(testBackends)('sparseSoftmaxCrossEntropy on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  const [N, V] = [4, 5];
  const LABELS = [0, 4, 2, 2];
  const labels = () => tf.tensor1d(LABELS, 'int32');

  it('is −log softmax at the label, and its gradient softmax less the one-hot', () => {
    const random = new Random(1);
    const logits = randomTensor(random, [N, V], 3) as tf.Tensor2D;
    const values = valuesOf(logits);
    const upstream = randomValues(random, N);
    const rows = LABELS.map((label, n) => byHand(values.subarray(n * V, (n + 1) * V), label));
    expectClose(
      valuesOf(sparseSoftmaxCrossEntropy(logits, labels())),
      rows.map(({ loss }) => loss),
      1e-6,
    );
    const [found] = gradientsOf(
      () => sparseSoftmaxCrossEntropy(logits, labels()),
      [logits],
      upstream,
    );
    const expected = rows.flatMap(({ gradient }, n) => gradient.map((g) => g * upstream[n]!));
    expectClose(found!, expected, 1e-6);
  });

  it('has the gradients that finite differences give', () => {
    const random = new Random(2);
    const logits = randomTensor(random, [N, V], 2);
    const upstream = randomValues(random, N);
    const compute = ([moved]: tf.Tensor[]) =>
      sparseSoftmaxCrossEntropy(moved as tf.Tensor2D, labels());
    const found = gradientsOf(() => compute([logits]), [logits], upstream);
    expectClose(found[0]!, finiteDifferences(compute, [logits], upstream)[0]!, 1e-4);
  });

  it('stays finite for scores whose exponentials are not', () => {
    const logits = tf.tensor2d([1000, 0, -1000, 0, 0, 1000], [2, 3]);
    const found = valuesOf(sparseSoftmaxCrossEntropy(logits, tf.tensor1d([1, 2], 'int32')));
    expectClose(found, [1000, 0], 1e-6);
  });

  it('leaves no tensor behind but its result, with gradients or without', () => {
    const logits = randomTensor(new Random(3), [N, V]) as tf.Tensor2D;
    const kept = labels();
    expectNoTensorsLeft(() => sparseSoftmaxCrossEntropy(logits, kept).dispose());
    expectNoTensorsLeft(() => {
      const { value, grads } = tf
        .engine()
        .gradients(() => tf.mean(sparseSoftmaxCrossEntropy(logits, kept)), [logits]);
      tf.dispose([value, ...grads]);
    });
  });

  it('names the argument whose shape does not fit', () => {
    const logits = tf.zeros([3, 5]) as tf.Tensor2D;
    expect(() => sparseSoftmaxCrossEntropy(logits, labels())).toThrow(
      'sparseSoftmaxCrossEntropy labels: expected shape [N=3], found [4]',
    );
    expect(() =>
      sparseSoftmaxCrossEntropy(tf.zeros([3]) as tf.Tensor as tf.Tensor2D, labels()),
    ).toThrow('sparseSoftmaxCrossEntropy logits: expected shape [N, V], found [3]');
  });
});

describe.each(testBackends)('linearCrossEntropy on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  const [N, V, H] = [4, 5, 3];
  const LABELS = [0, 4, 2, 2];
  const labels = () => tf.tensor1d(LABELS, 'int32');
  const inputs = (random: Random) => [
    randomTensor(random, [N, H]),
    randomTensor(random, [V, H]),
    randomTensor(random, [V]),
  ];
  const compute = ([features, weight, bias]: tf.Tensor[]) =>
    linearCrossEntropy(
      features as tf.Tensor2D,
      weight as tf.Tensor2D,
      bias as tf.Tensor1D,
      labels(),
    );

  it('is the mean loss of the scores features · weightᵀ + bias', () => {
    const [features, weight, bias] = inputs(new Random(1)).map(valuesOf);
    const losses = LABELS.map((label, n) => {
      const scores = Array.from({ length: V }, (_, v) => {
        let score = bias![v]!;
        for (let k = 0; k < H; k++) score += features![n * H + k]! * weight![v * H + k]!;
        return score;
      });
      return byHand(scores, label).loss;
    });
    const mean = losses.reduce((a, b) => a + b) / N;
    const loss = compute(inputs(new Random(1)));
    expect(loss.shape).toEqual([]);
    expectClose(valuesOf(loss), [mean], 1e-6);
  });

  it('has the gradients that finite differences give', () => {
    const list = inputs(new Random(2));
    const upstream = Float32Array.of(1.5);
    const found = gradientsOf(() => compute(list), list, upstream);
    const expected = finiteDifferences(compute, list, upstream);
    for (const [i, name] of ['features', 'weight', 'bias'].entries()) {
      expectClose(found[i]!, expected[i]!, 1e-4, name);
    }
  });

  it('gives the same loss whether a gradient is recorded or not', () => {
    const list = inputs(new Random(3));
    const { value } = tf.engine().gradients(() => compute(list), list);
    expect([...valuesOf(value)]).toEqual([...valuesOf(compute(list))]);
  });

  it('leaves no tensor behind but its result, with gradients or without', () => {
    const [features, weight, bias] = inputs(new Random(4)) as [
      tf.Tensor2D,
      tf.Tensor2D,
      tf.Tensor1D,
    ];
    const kept = labels();
    const run = () => linearCrossEntropy(features, weight, bias, kept);
    expectNoTensorsLeft(() => run().dispose());
    for (const by of [[features, weight, bias], [weight]]) {
      expectNoTensorsLeft(() => {
        const { value, grads } = tf.engine().gradients(run, by);
        tf.dispose([value, ...grads]);
      });
    }
  });

  it('names the argument whose shape does not fit', () => {
    const message = (shapes: { features?: number[]; weight?: number[]; bias?: number[] }) => {
      try {
        linearCrossEntropy(
          tf.zeros((shapes.features ?? [N, H]) as [number, number]),
          tf.zeros((shapes.weight ?? [V, H]) as [number, number]),
          tf.zeros((shapes.bias ?? [V]) as [number]),
          labels(),
        );
        return 'no error';
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(message({ features: [4] })).toBe(
      'linearCrossEntropy features: expected shape [N, H], found [4]',
    );
    expect(message({ weight: [5, 2] })).toBe(
      'linearCrossEntropy weight: expected shape [V=5, H=3], found [5,2]',
    );
    expect(message({ bias: [4] })).toBe('linearCrossEntropy bias: expected shape [V=5], found [4]');
    expect(message({ features: [2, 3] })).toBe(
      'linearCrossEntropy labels: expected shape [N=2], found [4]',
    );
  });
});

/** So many tokens that five rows of scores take three blocks: two, two and one. */
describe.each(['tensorflow', 'wasm'] as const)('linearCrossEntropy in blocks on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  const [N, V, H] = [5, 2_500_000, 1];
  /** For sums of millions of float32 numbers, which wasm adds one after the other. */
  const tolerance = backend === 'wasm' ? 5e-3 : 1e-3;
  const LABELS = [0, V - 1, 123_456, 1, V - 1];

  it('has the loss and gradients of all rows at once, and leaves no other tensor', () => {
    const random = new Random(9);
    const x = randomValues(random, N, 2);
    const w = randomValues(random, V, 2);
    const b = randomValues(random, V, 2);
    let loss = 0;
    const dFeatures = new Float64Array(N);
    const dWeight = new Float64Array(V);
    const dBias = new Float64Array(V);
    for (const [n, label] of LABELS.entries()) {
      let sum = 0;
      for (let v = 0; v < V; v++) sum += Math.exp(x[n]! * w[v]! + b[v]!);
      loss += (Math.log(sum) - (x[n]! * w[label]! + b[label]!)) / N;
      for (let v = 0; v < V; v++) {
        const probability = Math.exp(x[n]! * w[v]! + b[v]!) / sum;
        const g = (probability - (v === label ? 1 : 0)) / N;
        dFeatures[n]! += g * w[v]!;
        dWeight[v]! += g * x[n]!;
        dBias[v]! += g;
      }
    }

    const list = [tf.tensor2d(x, [N, H]), tf.tensor2d(w, [V, H]), tf.tensor1d(b)] as const;
    const labels = tf.tensor1d(LABELS, 'int32');
    const run = () => linearCrossEntropy(...list, labels);
    const alone = run();
    expectClose(valuesOf(alone), [loss], tolerance, 'loss without gradients');
    alone.dispose();

    const held = heldTensors();
    const { value, grads } = tf.engine().gradients(run, [...list]);
    expectClose(valuesOf(value), [loss], tolerance, 'loss');
    expectClose(valuesOf(grads[0]!), dFeatures, tolerance, 'features');
    for (const [found, expected] of [
      [valuesOf(grads[1]!), dWeight],
      [valuesOf(grads[2]!), dBias],
    ] as const) {
      const atLabels = (values: ArrayLike<number>) => LABELS.map((label) => values[label]!);
      expectClose(atLabels(found), atLabels(expected), 1e-6, 'at labels');
      for (const label of LABELS) found[label] = expected[label] = 0;
      // The others are single probabilities of some 1e-7: held to the largest of them, not to 1.
      const largest = largestDifference(expected, new Float64Array(V));
      expect(largestDifference(found, expected) / largest).toBeLessThan(tolerance);
    }
    tf.dispose([value, ...grads]);
    expect(heldTensors()).toEqual(held);
  });
});
