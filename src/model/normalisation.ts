/**
 * Normalisation of each recurrent layer's outputs; its states stay as they are. Shapes: T steps, B streams,
 * H hidden size.
 */
import * as tf from '@tensorflow/tfjs-core';
import '../ops/core-gradients.ts';
import { EPSILON, standardise } from '../ops/standardise.ts';
import type { ModelConfig, ParameterSpec } from './parameters.ts';

/**
 * - `layer`: over the units of each output (Ba, Kiros and Hinton, "Layer normalization", 2016);
 * - `batch`: each unit over all streams and steps of a window, so that all steps share their statistics
 *   (Amodei et al., "Deep Speech 2", 2016); what does not learn takes running means of them in their place
 *   (Ioffe and Szegedy, "Batch normalization", 2015), and so needs no batch and sees no later token.
 */
export type Norm = 'none' | 'layer' | 'batch';

/** What a running mean takes of each new value, as in PyTorch's `BatchNorm1d`. */
const MOMENTUM = 0.1;

/** Gains and biases, named as those of a list `norm` of PyTorch's `LayerNorm` or `BatchNorm1d`. */
export function normSpecs({ norm = 'none', layers, hiddenSize }: ModelConfig): ParameterSpec[] {
  return norm === 'none' ? [] : specsOf(['weight', 'bias'], layers, hiddenSize);
}

/** What a batch-normalised model keeps beside its parameters: running means of means and variances. */
export function statisticSpecs({ norm, layers, hiddenSize }: ModelConfig): ParameterSpec[] {
  return norm === 'batch' ? specsOf(['running_mean', 'running_var'], layers, hiddenSize) : [];
}

function specsOf(kinds: readonly string[], layers: number, H: number): ParameterSpec[] {
  return Array.from({ length: layers }, (_, layer) =>
    kinds.map((kind) => ({ name: `norm.${layer}.${kind}`, shape: [H] })),
  ).flat();
}

/** By the names of `statisticSpecs` [H]: a window's mean, and variance as estimated from a sample. */
export type Statistics = Readonly<Record<string, tf.Tensor>>;

/**
 * A layer's outputs as the next one is to read them: normalised, times a gain, plus a bias.
 *
 * @param weights `norm.k.weight` and `norm.k.bias` [H], and `norm.k.running_…` of a batch-normalised model
 * @param outputs [T, B, H]
 * @param learns whether the statistics are the window's, and are given back; they are of batches only
 * @returns [T, B, H]
 */
export function normalise(
  { norm = 'none' }: ModelConfig,
  weights: Readonly<Record<string, tf.Tensor>>,
  layer: number,
  outputs: tf.Tensor3D,
  learns: boolean,
): { normalised: tf.Tensor3D; statistics: Statistics } {
  if (norm === 'none') return { normalised: outputs, statistics: {} };
  const [T, B, H] = outputs.shape;
  const [gain, bias, runningMean, runningVariance] = [
    ...['weight', 'bias', 'running_mean', 'running_var'],
  ].map((kind) => weights[`norm.${layer}.${kind}`]) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  if (norm === 'batch' && !learns) {
    const scale = tf.mul(gain, tf.rsqrt(tf.add(runningVariance, EPSILON)));
    const shift = tf.add(bias, tf.mul(tf.mul(runningMean, -1), scale));
    return { normalised: tf.add(tf.mul(outputs, scale), shift), statistics: {} };
  }
  const rows = tf.reshape(outputs, [T * B, H]) as tf.Tensor2D;
  const found = standardise(rows, norm === 'batch' ? 'batch' : 'units');
  const scaled = tf.add(tf.mul(found.standardised, gain), bias);
  const normalised = tf.reshape(scaled, [T, B, H]) as tf.Tensor3D;
  if (norm === 'layer') return { normalised, statistics: {} };
  const share = (T * B) / Math.max(1, T * B - 1);
  const statistics = {
    [`norm.${layer}.running_mean`]: tf.reshape(found.mean, [H]),
    [`norm.${layer}.running_var`]: tf.mul(tf.reshape(found.variance, [H]), share),
  };
  return { normalised, statistics };
}

/** A running mean [H] after one more value [H]. */
export function nextRunningMean(before: tf.Tensor, value: tf.Tensor): tf.Tensor {
  return tf.add(tf.mul(before, 1 - MOMENTUM), tf.mul(value, MOMENTUM));
}
