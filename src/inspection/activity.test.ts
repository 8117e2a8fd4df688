/** Gates from states, held against those that the reference layers keep for their gradients. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { randomGruTensors } from '../../test/support/gru-tensors.ts';
import { expectClose, randomTensor, valuesOf } from '../../test/support/numbers.ts';
import { gruForward } from '../ops/gru-sequence-reference.ts';
import { lstmForward } from '../ops/lstm-sequence-reference.ts';
import { Random } from '../random.ts';
import { activitiesAt, activitiesOf, isGate, updateRenews } from './activity.ts';

const sizes = { T: 7, B: 3, I: 4, H: 5 };

describe.each(testBackends)('activities on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(['reset-after', 'reset-before'] as const)(
    'are the gates of a GRU layer, %s',
    (variant) => {
      const tensors = randomGruTensors(new Random(1), sizes, variant);
      const { inputs, initialState } = tensors;
      const { outputs, workspace } = gruForward(tensors, variant, true);
      const pass = { layer: 0, tensors, below: inputs, inputs, before: [initialState], outputs };
      const found = activitiesAt({ cell: 'gru' }, pass);
      expect(Object.keys(found)).toEqual(activitiesOf({ cell: 'gru' }));
      expectClose(valuesOf(found.update!), valuesOf(workspace!.z), 1e-6);
      expectClose(valuesOf(found.reset!), valuesOf(workspace!.r), 1e-6);
      expect(valuesOf(found.state!)).toEqual(valuesOf(outputs));
    },
  );

  it('are the gates and cells of an LSTM layer', () => {
    const random = new Random(2);
    const { T, B, I, H } = sizes;
    const make = (...shape: number[]) => randomTensor(random, shape);
    const tensors = {
      inputs: make(T, B, I) as tf.Tensor3D,
      initialState: make(B, H) as tf.Tensor2D,
      initialCell: make(B, H) as tf.Tensor2D,
      weightIh: make(4 * H, I) as tf.Tensor2D,
      weightHh: make(4 * H, H) as tf.Tensor2D,
      biasIh: make(4 * H) as tf.Tensor1D,
      biasHh: make(4 * H) as tf.Tensor1D,
    };
    const { inputs, initialState, initialCell } = tensors;
    const { outputs, workspace } = lstmForward(tensors, true);
    const before = [initialState, initialCell];
    const pass = { layer: 0, tensors, below: inputs, inputs, before, outputs };
    const found = activitiesAt({ cell: 'lstm' }, pass);
    expect(Object.keys(found)).toEqual(activitiesOf({ cell: 'lstm' }));
    const [i, f, , o] = tf.split(workspace!.gates, 4, 2);
    expectClose(valuesOf(found.input!), valuesOf(i!), 1e-6);
    expectClose(valuesOf(found.forget!), valuesOf(f!), 1e-6);
    expectClose(valuesOf(found.output!), valuesOf(o!), 1e-6);
    expectClose(valuesOf(found.cell!), valuesOf(workspace!.cells), 1e-6);
    expect(valuesOf(found.state!)).toEqual(valuesOf(outputs));
  });
});

describe('what there is of a layer', () => {
  it('is gates, cells and states by its cell, and states are no gates', () => {
    expect(activitiesOf({})).toEqual(['update', 'reset', 'state']);
    expect(activitiesOf({ cell: 'rnn' })).toEqual(['state']);
    expect(activitiesOf({ cell: 'mingru' })).toEqual(['update', 'state']);
    const lstm = activitiesOf({ cell: 'lstm' });
    expect(lstm.filter(isGate)).toEqual(['input', 'forget', 'output']);
  });

  it('has an update gate that keeps the state after PyTorch, and renews it in the other variants', () => {
    expect(updateRenews({ gruVariant: 'reset-after' })).toBe(false);
    expect(updateRenews({ gruVariant: 'reset-before' })).toBe(true);
    expect(updateRenews({ cell: 'mingru', gruVariant: 'reset-after' })).toBe(true);
  });
});
