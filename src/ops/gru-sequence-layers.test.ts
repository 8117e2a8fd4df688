/**
 * Reset-before against `tf.layers.gru`. Its file is its own, since `@tensorflow/tfjs` registers
 * gradients for all of TF.js, which the project's own must not depend on.
 */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { type GruSizes, gruTensorsOf, randomGruTensors } from '../../test/support/gru-tensors.ts';
import { expectClose, gradientsOf, randomValues, valuesOf } from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import { gruSequence } from './gru-sequence.ts';

// It comes with the package that it is asked from.
createRequire(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node-gpu/package.json'))(
  '@tensorflow/tfjs',
);

/** Rows r, z, n as columns z, r, h: [3H, K] to [K, 3H]; z negated, since Keras keeps by z. */
function toKeras(rows: tf.Tensor): tf.Tensor {
  const [r, z, n] = tf.split(rows, 3, 0) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const columns = tf.concat([tf.neg(z), r, n], 0);
  return columns.rank === 2 ? tf.transpose(columns) : columns;
}

/** The layer's outputs [T, B, H] as a function of our tensors, gradients included. */
function kerasOutputs(list: readonly tf.Tensor[], { I, H }: GruSizes): tf.Tensor {
  const { inputs, initialState, weightIh, weightHh, biasIh } = gruTensorsOf(list, 'reset-before');
  const layer = layers.gru({
    units: H,
    recurrentActivation: 'sigmoid', // reset-before is all that the layer knows
    returnSequences: true,
  });
  layer.build([null, null, I]);
  const { cell } = layer as unknown as { cell: Record<string, unknown> };
  // Not layer weights but tensors that follow from ours, so that gradients go through.
  cell.kernel = { read: () => toKeras(weightIh) };
  cell.recurrentKernel = { read: () => toKeras(weightHh) };
  cell.bias = { read: () => toKeras(biasIh) };
  const outputs = layer.call(tf.transpose(inputs, [1, 0, 2]), { initialState: [initialState] });
  return tf.transpose((Array.isArray(outputs) ? outputs[0] : outputs) as tf.Tensor, [1, 0, 2]);
}

describe.each(['cpu', 'tensorflow'] as const)('reset-before on %s', (backend) => {
  beforeAll(async () => {
    await useBackend(backend);
    // tfjs-node's own fused product, which the layer uses, leaves a tensor behind.
    tf.env().set('IS_TEST', false);
    tf.env().set('PROD', true);
  });

  it.each([
    { T: 2, B: 1, I: 3, H: 2 },
    { T: 3, B: 2, I: 2, H: 4 },
    { T: 8, B: 3, I: 4, H: 3 },
  ])('has the outputs and gradients of tf.layers.gru for %o', (sizes) => {
    const random = new Random(1406);
    const tensors = randomGruTensors(random, sizes, 'reset-before');
    const list = Object.values(tensors) as tf.Tensor[];
    const outputs = valuesOf(gruSequence(tensors, 'reset-before'));
    expectClose(outputs, valuesOf(kerasOutputs(list, sizes)), 1e-6);

    const upstream = randomValues(random, sizes.T * sizes.B * sizes.H);
    const found = gradientsOf(() => gruSequence(tensors, 'reset-before'), list, upstream);
    const expected = gradientsOf(() => kerasOutputs(list, sizes), list, upstream);
    expect(expected.every((gradient) => gradient.some((value) => value !== 0))).toBe(true);
    for (const [i, name] of Object.keys(tensors).entries()) {
      expectClose(found[i]!, expected[i]!, 1e-5, name);
    }
  });
});
