import * as tf from '@tensorflow/tfjs-core';

/** What a step found. */
export interface StepResult {
  /** Mean nats a token of the window, before the update. */
  loss: number;
  /** The global norm of the gradients, before it is clipped; NaN if the loss was not finite. */
  gradientNorm: number;
  /** T of the window. */
  steps: number;
  /** The epoch of the window, counted from 0. */
  epoch: number;
  /** Whether the window is an epoch's first. */
  startsEpoch: boolean;
  /** Whether loss and norm are finite. If not, no parameter was changed, and the state is zeros. */
  isApplied: boolean;
}

/** A step whose numbers are still where they were computed. */
export interface StartedStep extends Pick<StepResult, 'steps' | 'epoch' | 'startsEpoch'> {
  /** [] */
  loss: tf.Tensor;
  /** [] */
  gradientNorm: tf.Tensor;
}

/**
 * What steps found, read in one piece; their tensors are disposed.
 *
 * @param started at least one; where one `isApplied` is not, no more are those after it
 */
export function readSteps(started: readonly StartedStep[]): StepResult[] {
  const tensors = started.flatMap(({ loss, gradientNorm }) => [loss, gradientNorm]);
  const all = tf.stack(tensors);
  const numbers = all.dataSync<'float32'>();
  tf.dispose([all, ...tensors]);
  return started.map(({ steps, epoch, startsEpoch }, i) => {
    const loss = numbers[2 * i] as number;
    const gradientNorm = Number.isFinite(loss) ? (numbers[2 * i + 1] as number) : Number.NaN;
    const isApplied = Number.isFinite(gradientNorm);
    return { loss, gradientNorm, steps, epoch, startsEpoch, isApplied };
  });
}
