import * as tf from '@tensorflow/tfjs-core';
import type { Activation } from './activation.ts';
import { embeddingLookup } from './embedding-lookup.ts';
import {
  type GruLayerTensors,
  type GruVariant,
  gruSequence,
  nativeGruBackend,
} from './gru-sequence.ts';
import { gruBackwardNative, gruForwardNative } from './gru-sequence-native.ts';
import { isRecordingGradient, runWithGradient } from './register.ts';
import { assertShape } from './shapes.ts';
import type { Precision } from './tensorflow-binding.ts';

/**
 * A GRU layer over a whole sequence of token ids, whose inputs are the rows of an embedding table:
 * `gruSequence` of `embeddingLookup`. The native operation multiplies each row that occurs once for
 * all the steps that read it.
 *
 * @param table [V, I]
 * @param ids [T·B] int32, time-major, each in [0, V)
 * @param tensors as of `gruSequence`, but for the inputs
 * @param activation as of `gruSequence`
 * @returns the state after each step [T, B, H]; gradients flow to `table` and every tensor given
 * @throws Error naming the argument whose shape does not fit
 */
export function embeddedGruSequence(
  table: tf.Tensor2D,
  ids: tf.Tensor1D,
  tensors: GruLayerTensors,
  variant: GruVariant,
  precision: Precision = 'float32',
  activation: Activation = 'tanh',
): tf.Tensor3D {
  const backend = nativeGruBackend(activation);
  if (!backend) {
    const embedded = embeddingLookup(table, ids); // [T·B, I]
    const B = tensors.initialState.shape[0];
    const inputs = tf.reshape(embedded, [ids.size / B, B, table.shape[1]]) as tf.Tensor3D;
    return gruSequence({ inputs, ...tensors }, variant, precision, activation);
  }
  assertShape('embeddedGruSequence table', table, ['V', 'I']);
  assertShape('embeddedGruSequence ids', ids, ['N']);
  const keepWorkspace = isRecordingGradient();
  const { initialState, weightIh, weightHh, biasIh, biasHh } = tensors;
  const parameters = [table, initialState, weightIh, weightHh, biasIh];
  return runWithGradient(
    biasHh ? [...parameters, biasHh] : parameters,
    () => [
      ...gruForwardNative(backend, { ids, table }, tensors, keepWorkspace, precision),
      tf.clone(ids),
    ],
    (dy, kept, inputs) => {
      const results = kept.slice(0, -1);
      const ids = kept.at(-1) as tf.Tensor1D;
      const [table, initialState, weightIh, weightHh, biasIh, biasHh] = inputs as [
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor1D,
        tf.Tensor1D | undefined,
      ];
      const saved = { initialState, weightIh, weightHh, biasIh, ...(biasHh ? { biasHh } : {}) };
      return gruBackwardNative(backend, { ids, table }, saved, results, dy, precision);
    },
  ) as tf.Tensor3D;
}
