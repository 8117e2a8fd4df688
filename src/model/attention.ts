/**
 * Attention in front of the gates: what a layer above the first reads has a context added to it, made of what
 * it read at the M steps before. Shapes: T steps, B streams, H hidden size, D key size.
 */
import * as tf from '@tensorflow/tfjs-core';
import '../ops/core-gradients.ts';
import { attendToPast } from '../ops/attend-to-past.ts';
import type { ModelConfig, ParameterSpec } from './parameters.ts';

type Sizes = Pick<ModelConfig, 'attentionSpan' | 'layers' | 'hiddenSize'>;

/** D at most: to find a step takes fewer numbers than to say what it was. */
const LARGEST_KEY = 64;

/** The parameters of each layer k that attends, as `attention.k`. */
export function attentionSpecs({ attentionSpan, layers, hiddenSize: H }: Sizes): ParameterSpec[] {
  if (attentionSpan === undefined) return [];
  const D = Math.min(H, LARGEST_KEY);
  return attendingLayers(layers).flatMap((layer) => [
    { name: `attention.${layer}.query.weight`, shape: [D, H] },
    { name: `attention.${layer}.key.weight`, shape: [D, H] },
    { name: `attention.${layer}.value.weight`, shape: [H, H] },
    { name: `attention.${layer}.distance`, shape: [attentionSpan] },
  ]);
}

/** What each layer that attends read at the last M steps, the oldest first: `memory_lk` [B, M·H]. */
export function memorySpecs(
  { attentionSpan, layers, hiddenSize }: Sizes,
  batchSize: number,
): ParameterSpec[] {
  if (attentionSpan === undefined) return [];
  const shape = [batchSize, attentionSpan * hiddenSize];
  return attendingLayers(layers).map((layer) => ({ name: `memory_l${layer}`, shape }));
}

/** Those above the first, which has no layer below it. */
function attendingLayers(layers: number): number[] {
  return Array.from({ length: layers - 1 }, (_, i) => i + 1);
}

/**
 * @param weights those of `attentionSpecs`
 * @param inputs what the layer below hands up [T, B, H]
 * @param memory the inputs of the steps before [B, M·H]
 * @returns `attended`, the inputs with their contexts added [T, B, H], to which gradients flow, and the
 *   memory after the last step, to which none do
 */
export function attend(
  weights: Readonly<Record<string, tf.Tensor>>,
  layer: number,
  inputs: tf.Tensor3D,
  memory: tf.Tensor2D,
): { attended: tf.Tensor3D; after: tf.Tensor2D } {
  const [, B, H] = inputs.shape;
  const weight = (name: string) => weights[`attention.${layer}.${name}`] as tf.Tensor2D;
  const steps = tf.reshape(memory, [B, memory.shape[1] / H, H]) as tf.Tensor3D;
  const contexts = attendToPast({
    inputs,
    memory: steps,
    query: weight('query.weight'),
    key: weight('key.weight'),
    value: weight('value.weight'),
    distance: weights[`attention.${layer}.distance`] as tf.Tensor1D,
  });
  const after = tf.reshape(lastSteps(steps, inputs), memory.shape) as tf.Tensor2D;
  return { attended: tf.add(inputs, contexts), after };
}

/** The last M steps [B, M, H] of as many and those that follow them [T, B, H]. */
function lastSteps(memory: tf.Tensor3D, inputs: tf.Tensor3D): tf.Tensor3D {
  const [T, M] = [inputs.shape[0], memory.shape[1]];
  const count = Math.min(T, M);
  const added = tf.transpose(tf.slice(inputs, T - count, count), [1, 0, 2]);
  return count === M ? added : tf.concat3d([tf.slice(memory, [0, count, 0]), added], 1);
}
