/**
 * What computes `lstmSequence`, one against the other: the reference on TensorFlow and in plain
 * JavaScript, the native operations and the reference, and how the native ones are called.
 */
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { hasNativeOperations, useBackend } from '../../test/support/backends.ts';
import {
  expectClose,
  expectNoTensorsLeft,
  gradientsOf,
  randomTensor,
  randomValues,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import { lstmSequence } from './lstm-sequence.ts';
import { lstmBackwardNative, lstmForwardNative } from './lstm-sequence-native.ts';
import {
  type LstmForward,
  type LstmTensors,
  type LstmWorkspace,
  lstmBackward,
  lstmForward,
} from './lstm-sequence-reference.ts';
import { randomLstmTensors, type Sizes } from './lstm-sequence-testing.ts';
import { withoutWeightGradients } from './register.ts';
import { type Precision, type TensorFlowBackend, tensorFlowBackend } from './tensorflow-binding.ts';
import './core-gradients.ts';

interface Implementation {
  forward: (tensors: LstmTensors) => LstmForward;
  backward: typeof lstmBackward;
}

const reference: Implementation = {
  forward: (tensors) => lstmForward(tensors, true),
  backward: lstmBackward,
};

function native(precision: Precision): Implementation {
  const backend = tensorFlowBackend();
  return {
    forward: (tensors) => lstmForwardNative(backend, tensors, true, precision),
    backward: (...of) => lstmBackwardNative(backend, ...of, precision),
  };
}

/** Everything that an implementation computes from the numbers of a seed, by name. */
function resultsOf(
  { forward, backward }: Implementation,
  sizes: Sizes,
  seed: number,
): Record<string, Float32Array> {
  return tf.tidy(() => {
    const { T, B, H } = sizes;
    const random = new Random(seed);
    const tensors = randomLstmTensors(random, sizes, 0.5);
    const { outputs, finalCell, workspace } = forward(tensors);
    const { gates, cells } = workspace as LstmWorkspace;
    expect([gates.shape, cells.shape]).toEqual([
      [T, B, 4 * H],
      [T, B, H],
    ]);
    const gradients = backward(
      tensors,
      outputs,
      { gates, cells },
      randomTensor(random, [T, B, H]) as tf.Tensor3D,
      randomTensor(random, [B, H]) as tf.Tensor2D,
    );
    const results: [string, tf.Tensor][] = Object.entries({ outputs, finalCell, gates, cells });
    for (const [name, tensor] of Object.entries(gradients)) results.push([`d ${name}`, tensor]);
    return Object.fromEntries(results.map(([name, tensor]) => [name, valuesOf(tensor)]));
  });
}

function expectSameResults(
  found: Record<string, Float32Array>,
  expected: Record<string, Float32Array>,
  tolerance: number,
): void {
  expect(Object.keys(found)).toEqual(Object.keys(expected));
  for (const [name, values] of Object.entries(expected)) {
    expectClose(found[name]!, values, tolerance, name);
  }
}

/** Sizes up to `largest`, as often as not a multiple of 16. */
function sizesUpTo(largest: number): fc.Arbitrary<Sizes> {
  const size = fc.oneof(
    fc.integer({ min: 1, max: largest }),
    fc.integer({ min: 1, max: Math.ceil(largest / 16) }).map((sixteenths) => 16 * sixteenths),
  );
  return fc.record({
    T: fc.integer({ min: 1, max: 9 }),
    B: fc.oneof(fc.integer({ min: 1, max: 6 }), size),
    I: size,
    H: size,
  });
}

describe('the reference of lstmSequence', () => {
  it('computes the same on TensorFlow as in plain JavaScript', async () => {
    await fc.assert(
      fc.asyncProperty(sizesUpTo(20), fc.nat(), async (sizes, seed) => {
        await useBackend('cpu');
        const expected = resultsOf(reference, sizes, seed);
        await useBackend('tensorflow');
        expectSameResults(resultsOf(reference, sizes, seed), expected, 1e-5);
      }),
      { numRuns: 40 },
    );
  });
});

describe.runIf(hasNativeOperations)('the native operations of lstmSequence', () => {
  beforeAll(() => useBackend('native'));

  it('compute in float32 what the reference computes', () => {
    fc.assert(
      fc.property(sizesUpTo(72), fc.nat(), (sizes, seed) => {
        const found = resultsOf(native('float32'), sizes, seed);
        expectSameResults(found, resultsOf(reference, sizes, seed), 1e-4);
      }),
      {
        numRuns: 50,
        examples: [
          [{ T: 1, B: 1, I: 1, H: 1 }, 1],
          [{ T: 5, B: 16, I: 32, H: 64 }, 2],
          [{ T: 4, B: 17, I: 33, H: 65 }, 3],
          [{ T: 3, B: 7, I: 20, H: 280 }, 4], // threads share each step
        ],
      },
    );
  });

  it('stay near the reference in bfloat16, whose numbers are off by up to 1/256', () => {
    fc.assert(
      fc.property(sizesUpTo(72), fc.nat(), (sizes, seed) => {
        const found = resultsOf(native('bfloat16'), sizes, seed);
        expectSameResults(found, resultsOf(reference, sizes, seed), 3e-2);
      }),
      { numRuns: 20 },
    );
  });

  it('leave out the gradients of weights that nobody wants, and nothing else', () => {
    const random = new Random(11);
    const tensors = randomLstmTensors(random, { T: 6, B: 5, I: 7, H: 9 });
    const of = [tensors.inputs, tensors.initialState, tensors.initialCell];
    const upstream = randomValues(random, 6 * 5 * 9);
    const gradients = () => gradientsOf(() => lstmSequence(tensors).outputs, of, upstream);
    expect(withoutWeightGradients(gradients)).toEqual(gradients());
    tf.dispose(Object.values(tensors) as tf.Tensor[]);
  });

  it('are what lstmSequence runs where the library is there, forward and backward', () => {
    const random = new Random(9);
    const tensors = randomLstmTensors(random, { T: 5, B: 2, I: 3, H: 4 });
    const list = Object.values(tensors) as tf.Tensor[];
    const upstream = randomValues(random, 5 * 2 * 4);
    const gradients = (precision: Precision) =>
      gradientsOf(() => lstmSequence(tensors, precision).outputs, list, upstream);
    const calls = standInForNative(tensorFlowBackend());

    const expected = tf.tidy(() => {
      const { outputs, workspace } = lstmForward(tensors, true);
      const dOutputs = tf.tensor3d(upstream, [5, 2, 4]);
      const dFinalCell = tf.zeros([2, 4]) as tf.Tensor2D;
      const all = lstmBackward(tensors, outputs, workspace!, dOutputs, dFinalCell);
      return [...Object.values(all), all.bias].map(valuesOf);
    });
    expect(gradients('bfloat16')).toEqual(expected);
    expect(calls.splice(0)).toEqual([
      'GruLmLstmForward keep_workspace=true precision=bfloat16 → 4',
      'GruLmLstmBackward weight_gradients=true precision=bfloat16 → 6',
    ]);
    gradients('float32');
    expectNoTensorsLeft(() => tf.dispose(Object.values(lstmSequence(tensors))));
    expect(calls).toEqual([
      'GruLmLstmForward keep_workspace=true precision=float32 → 4',
      'GruLmLstmBackward weight_gradients=true precision=float32 → 6',
      'GruLmLstmForward keep_workspace=false precision=float32 → 4',
      'GruLmLstmForward keep_workspace=false precision=float32 → 4',
    ]);
  });
});

/**
 * Lets the reference answer for the native operations, from the inputs in the order in which the
 * library declares them, until the test ends.
 *
 * @returns the calls, which are added as they come
 */
function standInForNative(backend: TensorFlowBackend): string[] {
  const calls: string[] = [];
  const { TF_ATTR_BOOL, TF_ATTR_STRING } = backend.binding;
  const run: TensorFlowBackend['executeMultipleOutputs'] = (name, attributes, inputs, count) => {
    if (!name.startsWith('GruLm')) return original.call(backend, name, attributes, inputs, count);
    for (const { type, value } of attributes) {
      expect(type).toBe(typeof value === 'boolean' ? TF_ATTR_BOOL : TF_ATTR_STRING);
    }
    const given = attributes.map((attribute) => `${attribute.name}=${attribute.value}`);
    calls.push(`${[name, ...given].join(' ')} → ${count}`);
    const [x, h0, c0, wIh, wHh, ...rest] = inputs as [
      tf.Tensor3D,
      ...[tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D],
      ...tf.Tensor[],
    ];
    const tensors = { inputs: x, initialState: h0, initialCell: c0, weightIh: wIh, weightHh: wHh };
    if (name === 'GruLmLstmForward') {
      const [biasIh, biasHh] = rest as [tf.Tensor1D, tf.Tensor1D];
      const keepWorkspace = given.includes('keep_workspace=true');
      const all = lstmForward({ ...tensors, biasIh, biasHh }, keepWorkspace);
      const { gates, cells } = all.workspace ?? {
        gates: tf.zeros([0, 0, 0]),
        cells: tf.zeros([0, 0, 0]),
      };
      return [all.outputs, all.finalCell, gates, cells];
    }
    const [y, gates, cells, dy, dFinalCell] = rest as [
      ...[tf.Tensor3D, tf.Tensor3D, tf.Tensor3D, tf.Tensor3D],
      tf.Tensor2D,
    ];
    const all = lstmBackward(tensors, y, { gates, cells }, dy, dFinalCell);
    return [
      ...[all.inputs, all.initialState, all.initialCell],
      ...[all.weightIh, all.weightHh, all.bias],
    ];
  };
  const original = replace(backend, 'executeMultipleOutputs', run);
  const nativeOperations = {
    ...{ oneDnnVersion: 'none', instructionSet: 'none', fastBfloat16: true },
  };
  replace(backend as { nativeOperations?: unknown }, 'nativeOperations', nativeOperations);
  return calls;
}

/** Gives a property another value until the test ends; returns the one that it had. */
function replace<T extends object, Key extends keyof T>(
  target: T,
  key: Key,
  value: T[Key],
): T[Key] {
  const before = target[key];
  const own = Object.getOwnPropertyDescriptor(target, key);
  Object.defineProperty(target, key, { value, configurable: true });
  onTestFinished(() => {
    if (own) Object.defineProperty(target, key, own);
    else delete target[key];
  });
  return before;
}
