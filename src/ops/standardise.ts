import * as tf from '@tensorflow/tfjs-core';
import { registerComposedKernel, runKernel } from './register.ts';
import { assertShape } from './shapes.ts';

/** Kernel: the standardised values [N, H], and their mean and variance, with the dimension kept. */
const STANDARDISE = 'Standardise';
/** Kernel: the gradient of the values [N, H]. */
const STANDARDISE_GRADIENT = 'StandardiseGradient';

/** ε, added to the variance, as in PyTorch's `LayerNorm` and `BatchNorm1d`. */
export const EPSILON = 1e-5;

/** Over which dimension values are standardised, by the number that it has. */
const AXES = { batch: 0, units: 1 } as const;

/**
 * (x − mean) / √(variance + ε), mean and variance being over all rows (`batch`; Ioffe and Szegedy, "Batch
 * normalization", 2015) or over the units of each row (`units`; Ba, Kiros and Hinton, "Layer normalization",
 * 2016).
 *
 * @param values [N, H]
 * @returns `standardised` [N, H], to whose `values` gradients flow, and its `mean` and `variance`, which is
 *   the mean square of the differences: [1, H] over the batch, [N, 1] over units
 * @throws Error naming the argument whose shape does not fit
 */
export function standardise(
  values: tf.Tensor2D,
  over: keyof typeof AXES,
): { standardised: tf.Tensor2D; mean: tf.Tensor2D; variance: tf.Tensor2D } {
  assertShape('standardise values', values, ['N', 'H']);
  const [standardised, mean, variance] = runKernel(STANDARDISE, [values], { axis: AXES[over] });
  return {
    standardised: standardised as tf.Tensor2D,
    mean: mean as tf.Tensor2D,
    variance: variance as tf.Tensor2D,
  };
}

registerComposedKernel(STANDARDISE, ([values], { axis }) => {
  const mean = tf.mean(values!, axis as number, true);
  const centred = tf.sub(values!, mean);
  const variance = tf.mean(tf.mul(centred, centred), axis as number, true);
  return [tf.mul(centred, inverseDeviation(variance)), mean, variance];
});

// With y the standardised values and d their gradient: (d − mean(d) − y · mean(d · y)) / √(variance + ε).
registerComposedKernel(STANDARDISE_GRADIENT, ([standardised, variance, dy], { axis }) => {
  const along = tf.mul(standardised!, tf.mean(tf.mul(dy!, standardised!), axis as number, true));
  const across = tf.sub(tf.sub(dy!, tf.mean(dy!, axis as number, true)), along);
  return [tf.mul(across, inverseDeviation(variance!))];
});

tf.registerGradient({
  kernelName: STANDARDISE,
  outputsToSave: [true, false, true],
  gradFunc: (dy, saved, attributes) => {
    const [dStandardised] = dy as tf.Tensor[];
    const { axis } = attributes;
    return { 0: () => runKernel(STANDARDISE_GRADIENT, [...saved, dStandardised!], { axis })[0]! };
  },
});

function inverseDeviation(variance: tf.Tensor): tf.Tensor {
  return tf.rsqrt(tf.add(variance, EPSILON));
}
