import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasNativeOperations, testBackends, useBackend } from '../../test/support/backends.ts';
import {
  expectClose,
  expectNoTensorsLeft,
  gradientsOf,
  randomTensor,
  randomValues,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import { embeddedGruSequence } from './embedded-gru-sequence.ts';
import { embeddingLookup } from './embedding-lookup.ts';
import { type GruVariant, gruSequence } from './gru-sequence.ts';
import type { Precision } from './tensorflow-binding.ts';
import './core-gradients.ts';

interface Sizes {
  T: number;
  B: number;
  I: number;
  H: number;
  V: number;
}

type Layer = (
  table: tf.Tensor2D,
  ids: tf.Tensor1D,
  tensors: Parameters<typeof embeddedGruSequence>[2],
  variant: GruVariant,
  precision?: Precision,
) => tf.Tensor3D;

/** What the layer is by definition. */
const composed: Layer = (table, ids, tensors, variant) => {
  const B = tensors.initialState.shape[0];
  const shape: [number, number, number] = [ids.size / B, B, table.shape[1]];
  const inputs = tf.reshape(embeddingLookup(table, ids), shape) as tf.Tensor3D;
  return gruSequence({ inputs, ...tensors }, variant);
};

/** The outputs and the gradient of every tensor, for random tensors and a random direction. */
function resultsOf(
  layer: Layer,
  { T, B, I, H, V }: Sizes,
  variant: GruVariant,
  precision: Precision = 'float32',
): Float32Array[] {
  let results: Float32Array[] = [];
  tf.tidy(() => {
    const random = new Random(T + 100 * B + H);
    const ids = Int32Array.from({ length: T * B }, () => Math.floor(random.uniform() * V));
    const shapes = [[V, I], [B, H], [3 * H, I], [3 * H, H], [3 * H], [3 * H]];
    const made = shapes.map((shape) => randomTensor(random, shape, 0.5));
    const used = variant === 'reset-after' ? made : made.slice(0, 5);
    const compute = () => {
      const [table, initialState, weightIh, weightHh, biasIh, biasHh] = used as [
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor1D,
        tf.Tensor1D | undefined,
      ];
      const rest = { initialState, weightIh, weightHh, biasIh, ...(biasHh ? { biasHh } : {}) };
      return layer(table, tf.tensor1d(ids, 'int32'), rest, variant, precision);
    };
    const upstream = randomValues(random, T * B * H, 1);
    results = [Float32Array.from(valuesOf(compute())), ...gradientsOf(compute, used, upstream)];
  });
  return results;
}

function expectSameResults(found: Float32Array[], expected: Float32Array[], tolerance: number) {
  expect(found.length).toBe(expected.length);
  for (const [i, values] of found.entries()) {
    const largest = expected[i]!.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    expectClose(values, expected[i]!, tolerance * largest, `result ${i}`);
  }
}

const variants = ['reset-after', 'reset-before'] as const;

describe.each(testBackends)('embeddedGruSequence on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(variants)('is %s of the rows that the ids name, with every gradient', (variant) => {
    const sizes = { T: 4, B: 3, I: 2, H: 3, V: 5 };
    const found = resultsOf(embeddedGruSequence, sizes, variant);
    expectSameResults(found, resultsOf(composed, sizes, variant), 1e-5);
  });

  it('leaves no tensor behind', () => {
    expectNoTensorsLeft(() => {
      resultsOf(embeddedGruSequence, { T: 3, B: 2, I: 2, H: 2, V: 4 }, 'reset-after');
    });
  });
});

describe.runIf(hasNativeOperations)('the native embeddedGruSequence', () => {
  beforeAll(() => useBackend('native'));

  const sizes = fc.record({
    T: fc.integer({ min: 1, max: 20 }),
    B: fc.integer({ min: 1, max: 40 }),
    I: fc.integer({ min: 1, max: 40 }),
    H: fc.integer({ min: 1, max: 40 }),
    V: fc.integer({ min: 1, max: 300 }),
  });

  it('is that of the rows for any sizes', () => {
    fc.assert(
      fc.property(sizes, fc.constantFrom(...variants), (sizes, variant) => {
        const found = resultsOf(embeddedGruSequence, sizes, variant);
        expectSameResults(found, resultsOf(composed, sizes, variant), 1e-4);
      }),
      { numRuns: 40, seed: 4 },
    );
  });

  it('stays near it in bfloat16', () => {
    const sizes = { T: 9, B: 20, I: 24, H: 33, V: 30 };
    for (const variant of variants) {
      const found = resultsOf(embeddedGruSequence, sizes, variant, 'bfloat16');
      expectSameResults(found, resultsOf(composed, sizes, variant), 3e-2);
    }
  });

  it('refuses ids that the table does not have, and ids that are not whole steps', () => {
    const layer = (ids: number[]) =>
      tf.tidy(() =>
        embeddedGruSequence(
          tf.zeros([4, 2]),
          tf.tensor1d(ids, 'int32'),
          {
            initialState: tf.zeros([2, 3]),
            weightIh: tf.zeros([9, 2]),
            weightHh: tf.zeros([9, 3]),
            biasIh: tf.zeros([9]),
            biasHh: tf.zeros([9]),
          },
          'reset-after',
        ),
      );
    expect(() => layer([0, 4])).toThrow('ids should be in [0, V) = [0, 4); at 1 is 4');
    expect(() => layer([0, 1, 2])).toThrow('ids should be [T·B], a multiple of B = 2; it is [3]');
  });
});
