/**
 * What computes `linearCrossEntropy` and `linearTokenLosses`, one against the other: the native
 * operation, and what is composed of TensorFlow's own.
 *
 * Shapes: N rows, H features, V tokens in the vocabulary.
 */
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasNativeOperations, type TestBackend, useBackend } from '../../test/support/backends.ts';
import {
  expectClose,
  expectNoTensorsLeft,
  gradientsOf,
  randomTensor,
  randomValues,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import { linearCrossEntropy, linearTokenLosses } from './linear-cross-entropy.ts';
import type { Precision } from './tensorflow-binding.ts';
import './core-gradients.ts';

interface Sizes {
  N: number;
  H: number;
  V: number;
}

type Inputs = [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D, tf.Tensor1D];

/** The inputs of the operation in its order. */
function inputsOf(random: Random, { N, H, V }: Sizes): Inputs {
  const labels = Int32Array.from({ length: N }, () => random.integer(V));
  return [
    randomTensor(random, [N, H]) as tf.Tensor2D,
    tf.tensor2d(randomValues(random, V * H, Math.min(1, 4 / Math.sqrt(H))), [V, H]),
    randomTensor(random, [V]) as tf.Tensor1D,
    tf.tensor1d(labels, 'int32'),
  ];
}

/** Losses and gradients from the numbers of a seed; gradients of the sum, which do not fade with N. */
async function resultsOf(
  backend: TestBackend,
  sizes: Sizes,
  seed: number,
  precision: Precision = 'float32',
): Promise<Record<string, Float32Array>> {
  await useBackend(backend);
  const inputs = inputsOf(new Random(seed), sizes);
  const loss = () => linearCrossEntropy(...inputs, precision);
  const [features, weight, bias] = gradientsOf(
    loss,
    inputs.slice(0, 3),
    Float32Array.of(sizes.N),
  ) as [Float32Array, Float32Array, Float32Array];
  const results = tf.tidy(() => {
    const { value } = tf.engine().gradients(loss, [inputs[0]]);
    return {
      loss: valuesOf(loss()),
      'recorded loss': valuesOf(value),
      'token losses': valuesOf(linearTokenLosses(...inputs, precision)),
    };
  });
  tf.dispose(inputs);
  return { ...results, 'd features': features, 'd weight': weight, 'd bias': bias };
}

async function expectSame(sizes: Sizes, seed: number, precision: Precision, tolerance: number) {
  const expected = await resultsOf('tensorflow', sizes, seed);
  const found = await resultsOf('native', sizes, seed, precision);
  for (const [name, values] of Object.entries(expected)) {
    expectClose(found[name]!, values, tolerance, name);
  }
  expect(found.loss).toEqual(found['recorded loss']);
}

const someSizes: fc.Arbitrary<Sizes> = fc.record({
  N: fc.integer({ min: 1, max: 90 }),
  H: fc.integer({ min: 1, max: 80 }),
  V: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 41, max: 600 })),
});

/** More scores than are held at a time: three blocks, of which the last is smaller. */
const inBlocks: Sizes = { N: 3100, H: 24, V: 4001 };

describe.runIf(hasNativeOperations)('the native operation of linearCrossEntropy', () => {
  it('computes in float32 what TensorFlow’s own operations compute', async () => {
    await fc.assert(
      fc.asyncProperty(someSizes, fc.nat(), (sizes, seed) =>
        expectSame(sizes, seed, 'float32', 1e-4),
      ),
      {
        numRuns: 60,
        examples: [
          [{ N: 1, H: 1, V: 1 }, 1],
          [{ N: 1, H: 7, V: 2 }, 2],
          [{ N: 33, H: 17, V: 15 }, 3],
          [{ N: 64, H: 32, V: 256 }, 4],
        ],
      },
    );
  });

  it('does so for several blocks of rows', () => expectSame(inBlocks, 5, 'float32', 1e-4));

  it('stays near them in bfloat16, whose numbers are off by up to 1/256', async () => {
    await useBackend('native');
    await fc.assert(
      fc.asyncProperty(someSizes, fc.nat(), (sizes, seed) =>
        expectSame(sizes, seed, 'bfloat16', 3e-2),
      ),
      { numRuns: 20, examples: [[inBlocks, 6]] },
    );
  });

  it('stays finite for scores whose exponentials are not', async () => {
    await useBackend('native');
    tf.tidy(() => {
      for (const V of [3, 16, 37]) {
        const features = tf.tensor2d([1, -1], [2, 1]);
        const weight = tf.tensor2d(
          Array.from({ length: V }, (_, v) => (v === 1 ? 2000 : 0)),
          [V, 1],
        );
        const labels = tf.tensor1d([0, 0], 'int32');
        const losses = linearTokenLosses(features, weight, tf.zeros([V]), labels);
        // Scores 0, 2000, 0 …; then 0, −2000, 0 ….
        expectClose(valuesOf(losses), [2000, Math.log(V - 1)], 1e-6);
      }
    });
  });

  it('leaves no tensor behind but its result', async () => {
    await useBackend('native');
    const inputs = inputsOf(new Random(7), { N: 9, H: 5, V: 20 });
    expectNoTensorsLeft(() => linearTokenLosses(...inputs).dispose());
    expectNoTensorsLeft(() => linearCrossEntropy(...inputs).dispose());
    expectNoTensorsLeft(() => {
      const { value, grads } = tf
        .engine()
        .gradients(() => linearCrossEntropy(...inputs), inputs.slice(0, 3));
      tf.dispose([value, ...grads]);
    });
    tf.dispose(inputs);
  });
});
