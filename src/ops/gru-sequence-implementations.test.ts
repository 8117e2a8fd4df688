/**
 * What computes `gruSequence`, one against the other: the native operations and the reference on
 * TensorFlow, forward and backward, with a workspace kept and without.
 */
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasNativeOperations, useBackend } from '../../test/support/backends.ts';
import { type GruSizes, gruTensors } from '../../test/support/gru-tensors.ts';
import {
  expectClose,
  gradientsOf,
  largestDifference,
  randomTensor,
  randomValues,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import { gruSequence } from './gru-sequence.ts';
import { gruBackwardNative, gruForwardNative } from './gru-sequence-native.ts';
import {
  type GruTensors,
  type GruVariant,
  gruBackward,
  gruForward,
} from './gru-sequence-reference.ts';
import { withoutWeightGradients } from './register.ts';
import { type Precision, tensorFlowBackend } from './tensorflow-binding.ts';
import './core-gradients.ts';

type Results = Record<string, Float32Array>;

const variants: readonly GruVariant[] = ['reset-after', 'reset-before'];

/** Tensors whose products of many terms saturate no gate. */
function tensorsOf(random: Random, sizes: GruSizes, variant: GruVariant): GruTensors {
  const scale = Math.min(0.5, 3 / Math.sqrt(sizes.H));
  return gruTensors(sizes, variant, (_, count) => randomValues(random, count, scale));
}

/** What `compute` returns, its tensors disposed. `tf.tidy` would look for tensors in each number. */
function measured<Result>(compute: () => Result): Result {
  let result: Result | undefined;
  tf.tidy(() => {
    result = compute();
  });
  return result as Result;
}

/** The outputs, what is kept for the gradient, and the gradients, from the numbers of a seed. */
function resultsOf(
  implementation: Precision | 'reference',
  variant: GruVariant,
  sizes: GruSizes,
  seed: number,
): Results {
  return measured(() => {
    const { T, B, H } = sizes;
    const random = new Random(seed);
    const tensors = tensorsOf(random, sizes, variant);
    const dOutputs = randomTensor(random, [T, B, H]) as tf.Tensor3D;
    const names = Object.keys(tensors) as (keyof GruTensors)[];
    const named = (forward: tf.Tensor[], gradients: (tf.Tensor | undefined)[]): Results => {
      const kept = ['outputs', 'gates', 'recurrentN'];
      return Object.fromEntries([
        ...forward.map((tensor, i) => [kept[i], valuesOf(tensor)]),
        ...names.map((name, i) => [`d ${name}`, valuesOf(gradients[i]!)]),
      ]) as Results;
    };
    if (implementation === 'reference') {
      const { outputs, workspace } = gruForward(tensors, variant, true);
      const { r, z, n, recurrentN } = workspace!;
      const gradients = gruBackward(tensors, variant, outputs, workspace!, dOutputs);
      const forward = [outputs, tf.concat([r, z, n], 2), ...(recurrentN ? [recurrentN] : [])];
      return named(
        forward,
        names.map((name) => gradients[name]),
      );
    }
    const backend = tensorFlowBackend();
    const forward = gruForwardNative(backend, tensors.inputs, tensors, true, implementation);
    expect(forward.map(({ shape }) => shape)).toEqual([
      [T, B, H],
      [T, B, 3 * H],
      ...(variant === 'reset-after' ? [[T, B, H]] : []),
    ]);
    const gradients = gruBackwardNative(
      backend,
      tensors.inputs,
      tensors,
      forward,
      dOutputs,
      implementation,
    );
    for (const [i, name] of names.entries()) {
      expect(gradients[i]!.shape).toEqual(tensors[name]!.shape);
    }
    return named(forward, gradients);
  });
}

function expectSameResults(found: Results, expected: Results, tolerance: number): void {
  expect(Object.keys(found)).toEqual(Object.keys(expected));
  for (const [name, values] of Object.entries(expected)) {
    expectClose(found[name]!, values, tolerance, name);
  }
}

/** Sizes up to 80, as often as not a multiple of 16. */
const someSizes: fc.Arbitrary<GruSizes> = (() => {
  const size = fc.oneof(
    fc.integer({ min: 1, max: 80 }),
    fc.integer({ min: 1, max: 5 }).map((sixteenths) => 16 * sixteenths),
  );
  return fc.record({
    T: fc.integer({ min: 1, max: 9 }),
    B: fc.oneof(fc.integer({ min: 1, max: 6 }), size),
    I: size,
    H: size,
  });
})();

/** Of W x more than 2^20 elements, which go through in pieces: whole steps, the last piece smaller. */
const inPieces: GruSizes = { T: 18, B: 130, I: 20, H: 161 };
/** One step alone is more than that. */
const inSingleSteps: GruSizes = { T: 2, B: 1100, I: 9, H: 319 };

describe.runIf(hasNativeOperations)('the native operations of gruSequence', () => {
  beforeAll(() => useBackend('native'));

  describe.each(variants)('%s', (variant) => {
    it('compute in float32 what the reference computes', () => {
      fc.assert(
        fc.property(someSizes, fc.nat(), (sizes, seed) => {
          const found = resultsOf('float32', variant, sizes, seed);
          expectSameResults(found, resultsOf('reference', variant, sizes, seed), 1e-4);
        }),
        {
          numRuns: 50,
          examples: [
            [{ T: 1, B: 1, I: 1, H: 1 }, 1],
            [{ T: 1, B: 1, I: 17, H: 33 }, 2],
            [{ T: 5, B: 16, I: 32, H: 64 }, 3],
            [{ T: 4, B: 17, I: 33, H: 65 }, 4],
          ],
        },
      );
    });

    it('do so for sizes that take several threads, and several pieces', () => {
      const together = { T: 3, B: 7, I: 20, H: 330 }; // threads share each step
      for (const sizes of [{ T: 7, B: 31, I: 130, H: 210 }, together, inPieces, inSingleSteps]) {
        const found = resultsOf('float32', variant, sizes, 5);
        expectSameResults(found, resultsOf('reference', variant, sizes, 5), 1e-4);
      }
    });

    it('stay near the reference in bfloat16, whose numbers are off by up to 1/256', () => {
      fc.assert(
        fc.property(someSizes, fc.nat(), (sizes, seed) => {
          const found = resultsOf('bfloat16', variant, sizes, seed);
          expectSameResults(found, resultsOf('reference', variant, sizes, seed), 3e-2);
        }),
        { numRuns: 20, examples: [[inPieces, 6]] },
      );
    });

    it('give the same states with a workspace as without one', () => {
      const precisions: Precision[] = ['float32', 'bfloat16'];
      for (const sizes of [{ T: 1, B: 1, I: 3, H: 5 }, { T: 6, B: 5, I: 18, H: 47 }, inPieces]) {
        for (const precision of precisions) {
          tf.tidy(() => {
            const tensors = tensorsOf(new Random(7), sizes, variant);
            const run = (keep: boolean) =>
              gruForwardNative(tensorFlowBackend(), tensors.inputs, tensors, keep, precision)[0]!;
            expect(largestDifference(valuesOf(run(false)), valuesOf(run(true)))).toBe(0);
          });
        }
      }
    });

    it('leave out the gradients of weights that nobody wants, and nothing else', () => {
      const random = new Random(11);
      const tensors = tensorsOf(random, { T: 6, B: 5, I: 7, H: 9 }, variant);
      const of = [tensors.inputs, tensors.initialState];
      const upstream = randomValues(random, 6 * 5 * 9);
      const gradients = () => gradientsOf(() => gruSequence(tensors, variant), of, upstream);
      expect(withoutWeightGradients(gradients)).toEqual(gradients());
      tf.tidy(() => {
        const backend = tensorFlowBackend();
        const forward = gruForwardNative(backend, tensors.inputs, tensors, true, 'float32');
        const dOutputs = tf.onesLike(forward[0]!);
        const left = withoutWeightGradients(() =>
          gruBackwardNative(backend, tensors.inputs, tensors, forward, dOutputs, 'float32'),
        );
        expect([left[2]!.size, left[3]!.size]).toEqual([0, 0]);
      });
      tf.dispose(Object.values(tensors) as tf.Tensor[]);
    });

    it('are what gruSequence runs, in the precision asked for, recorded or not', () => {
      const sizes = { T: 5, B: 3, I: 20, H: 30 };
      const random = new Random(8);
      const tensors = tensorsOf(random, sizes, variant);
      const list = Object.values(tensors) as tf.Tensor[];
      const upstream = randomValues(random, sizes.T * sizes.B * sizes.H);
      const ofPrecision = (precision: Precision) => ({
        outputs: measured(() => valuesOf(gruSequence(tensors, variant, precision))),
        gradients: gradientsOf(() => gruSequence(tensors, variant, precision), list, upstream),
        expected: measured(() => {
          const backend = tensorFlowBackend();
          const forward = gruForwardNative(backend, tensors.inputs, tensors, true, precision);
          const dOutputs = tf.tensor(upstream, forward[0]!.shape);
          const gradients = gruBackwardNative(
            backend,
            tensors.inputs,
            tensors,
            forward,
            dOutputs,
            precision,
          );
          return { outputs: valuesOf(forward[0]!), gradients: gradients.map(valuesOf) };
        }),
      });
      const full = ofPrecision('float32');
      const short = ofPrecision('bfloat16');
      for (const { outputs, gradients, expected } of [full, short]) {
        expect(outputs).toEqual(expected.outputs);
        for (const [i, gradient] of gradients.entries()) {
          // The mean's gradient, scaled, is the upstream one up to rounding.
          expectClose(gradient, expected.gradients[i]!, 1e-2);
        }
      }
      expect(short.outputs).not.toEqual(full.outputs);
      tf.dispose(list);
    });
  });
});
