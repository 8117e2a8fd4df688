/** Running means of variables: as of weights, for `--ema`. */
import * as tf from '@tensorflow/tfjs-core';
import { nativeBackend, wholeNumber } from './tensorflow-binding.ts';
import { type TrainableVariable, variableUpdates } from './trainable-variable.ts';

/** A variable and its mean, of one shape. */
export interface RunningMean {
  mean: TrainableVariable;
  value: TrainableVariable;
}

/** mean ← mean + share · (value − mean) */
export function moveMeans(means: readonly RunningMean[], share: number): void {
  if (means.length === 0 || moveNative(means, share)) return;
  const updates = variableUpdates();
  // One step down the difference passes over the mean once.
  for (const { mean, value } of means) {
    tf.tidy(() => updates.gradientDescent(mean, tf.sub(mean.read(), value.read()), share));
  }
}

function moveNative(means: readonly RunningMean[], share: number): boolean {
  const backend = nativeBackend();
  if (!backend) return false;
  tf.tidy(() => {
    const inputs = [
      tf.scalar(share),
      ...means.map(({ mean }) => mean.read()),
      ...means.map(({ value }) => value.read()),
    ];
    const count = means.length;
    const attributes = [wholeNumber(backend, 'count', count)];
    const next = backend.executeMultipleOutputs('GruLmMoveMeans', attributes, inputs, count);
    for (const [i, { mean }] of means.entries()) mean.take(next[i] as tf.Tensor);
  });
  return true;
}
