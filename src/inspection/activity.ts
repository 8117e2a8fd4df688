/**
 * What the units of a layer do as a model reads: gates, cells and states. They are not what a kernel keeps for
 * its gradient, which not every kernel does, but what follows from the states that it left: once the state before
 * each step is known, the gates of all steps are one product. Shapes: T steps, B streams, H hidden size.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { LayerPass } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { linearRecurrence } from '../ops/linear-recurrence.ts';
import { matrixProduct } from '../ops/matrix-product.ts';
import { flattenSteps, previousSteps } from '../ops/sequence-steps.ts';

/** Gates are in (0, 1); cells and states have a sign. */
export type Activity = 'update' | 'reset' | 'input' | 'forget' | 'output' | 'cell' | 'state';

const GATES: ReadonlySet<Activity> = new Set(['update', 'reset', 'input', 'forget', 'output']);

export function isGate(activity: Activity): boolean {
  return GATES.has(activity);
}

/** What there is of a layer, in the order in which it is shown. */
export function activitiesOf({ cell = 'gru' }: Pick<ModelConfig, 'cell'>): readonly Activity[] {
  switch (cell) {
    case 'gru':
      return ['update', 'reset', 'state'];
    case 'lstm':
      return ['input', 'forget', 'output', 'cell', 'state'];
    case 'mingru':
      return ['update', 'state'];
    case 'rnn':
      return ['state'];
  }
}

/** Whether a high update gate takes the new candidate, and does not keep the state. */
export function updateRenews({
  cell = 'gru',
  gruVariant,
}: Pick<ModelConfig, 'cell' | 'gruVariant'>): boolean {
  return cell === 'mingru' || (cell === 'gru' && gruVariant === 'reset-before');
}

/**
 * The activities of a layer at each step, by the formulas of `ops/*-sequence*.ts`: of a GRU of either variant
 * r, z = σ(W_i x + b_i + W_h h + b_h), of an LSTM i, f, o likewise, g by tanh, and c' = f ⊙ c + i ⊙ g; of a
 * minGRU z = σ(W_z x + b_z). Cells and states are those after the step.
 *
 * @returns [T·B, H] each
 */
export function activitiesAt(
  { cell = 'gru' }: Pick<ModelConfig, 'cell'>,
  pass: LayerPass,
): Partial<Record<Activity, tf.Tensor2D>> {
  const { outputs } = pass;
  const state = flattenSteps(outputs);
  if (cell === 'rnn') return { state };
  const sums = gateSums(pass); // [T·B, gates · H]
  if (cell === 'mingru') {
    const [forUpdate] = tf.split(sums, 2, 1) as [tf.Tensor2D];
    return { update: tf.sigmoid(forUpdate), state };
  }
  if (cell === 'gru') {
    // The candidate's sum is of no use here: r is not applied where it should be.
    const [forReset, forUpdate] = tf.split(sums, 3, 1) as [tf.Tensor2D, tf.Tensor2D];
    return { update: tf.sigmoid(forUpdate), reset: tf.sigmoid(forReset), state };
  }
  const [forInput, forForget, forCandidate, forOutput] = tf.split(sums, 4, 1) as [
    tf.Tensor2D,
    tf.Tensor2D,
    tf.Tensor2D,
    tf.Tensor2D,
  ];
  const [input, forget] = [tf.sigmoid(forInput), tf.sigmoid(forForget)];
  const inSteps = (rows: tf.Tensor2D) => tf.reshape(rows, outputs.shape) as tf.Tensor3D;
  const added = inSteps(tf.mul(input, tf.tanh(forCandidate)));
  const cells = linearRecurrence(inSteps(forget), added, pass.before[1] as tf.Tensor2D);
  return { input, forget, output: tf.sigmoid(forOutput), cell: flattenSteps(cells), state };
}

/** W_i x + b_i and, where there are recurrent weights, + W_h h + b_h. */
function gateSums({ tensors, inputs, before, outputs }: LayerPass): tf.Tensor2D {
  const { weightIh, biasIh, weightHh, biasHh } = tensors;
  const fromInputs = matrixProduct(flattenSteps(inputs), weightIh, false, true);
  const sums = tf.add(fromInputs, biasIh) as tf.Tensor2D;
  if (!weightHh) return sums;
  const previous = flattenSteps(previousSteps(before[0] as tf.Tensor2D, outputs));
  const fromStates = matrixProduct(previous, weightHh, false, true);
  const both = tf.add<tf.Tensor2D>(sums, fromStates);
  return biasHh ? tf.add<tf.Tensor2D>(both, biasHh) : both;
}
