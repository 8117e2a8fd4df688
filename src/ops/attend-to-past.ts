/**
 * Shapes: T steps, B batch, H hidden size, M steps that are looked back over, D size of queries and keys,
 * P = M + T − 1 steps that any step of a window may look at.
 */
import * as tf from '@tensorflow/tfjs-core';
import { band, bandAsMatrix } from './band.ts';
import { matrixProduct } from './matrix-product.ts';
import { registerComposedKernel, runKernel, runWithGradient } from './register.ts';
import { flattenSteps } from './sequence-steps.ts';
import { assertShape } from './shapes.ts';
import { runsOnTensorFlow } from './tensorflow-binding.ts';

/** Kernel: contexts [T, B, H], then what the gradient needs: {@link Workspace}, in its order. */
const ATTEND_TO_PAST = 'AttendToPast';
/** Kernel: the gradients of the inputs of {@link ATTEND_TO_PAST}, in its order. */
const ATTEND_TO_PAST_GRADIENT = 'AttendToPastGradient';

export interface AttentionTensors {
  /** x [T, B, H] */
  inputs: tf.Tensor3D;
  /** x of the M steps before the first, the oldest first [B, M, H] */
  memory: tf.Tensor3D;
  /** [D, H] */
  query: tf.Tensor2D;
  /** [D, H] */
  key: tf.Tensor2D;
  /** [H, H] */
  value: tf.Tensor2D;
  /** What is added to the score of a step so far back, the furthest first [M] */
  distance: tf.Tensor1D;
}

/** The kernel's inputs in their order. */
const NAMES = [
  'inputs',
  'memory',
  'query',
  'key',
  'value',
  'distance',
] as const satisfies readonly (keyof AttentionTensors)[];

type Workspace = [
  past: tf.Tensor3D, // x of the memory and of all steps but the last [B, P, H]
  weights: tf.Tensor3D, // α [B, T, M]
  mixtures: tf.Tensor3D, // Σ α x [T, B, H]
  queries: tf.Tensor3D, // W_q x / √D [B, T, D]
  keys: tf.Tensor3D, // W_k x [B, P, D]
];

/**
 * Each step's attention to the M steps before it, by scaled dot products (Vaswani et al., "Attention is all
 * you need", 2017) and a bias by how far back they are (as Raffel et al. 2020, arXiv 1910.10683, have it):
 *
 *     α_t = softmax over s in [t − M, t − 1] of (W_q x_t · W_k x_s / √D + b_{t−s})
 *     c_t = W_v Σ α_ts x_s
 *
 * A step sees neither itself nor what follows it, and always M steps: those of a memory before the first,
 * which are zeros where a text begins. Zeros have the score b and add nothing.
 *
 * @param tensors `inputs` [T, B, H], `memory` [B, M, H], `query` and `key` [D, H], `value` [H, H],
 *   `distance` [M]
 * @returns the contexts c [T, B, H]; gradients flow to every tensor given
 * @throws Error naming the argument whose shape does not fit
 */
export function attendToPast(tensors: AttentionTensors): tf.Tensor3D {
  const bound: Record<string, number> = {};
  assertShape('attendToPast inputs', tensors.inputs, ['T', 'B', 'H'], bound);
  assertShape('attendToPast memory', tensors.memory, ['B', 'M', 'H'], bound);
  assertShape('attendToPast query', tensors.query, ['D', 'H'], bound);
  assertShape('attendToPast key', tensors.key, ['D', 'H'], bound);
  assertShape('attendToPast value', tensors.value, ['H', 'H'], bound);
  assertShape('attendToPast distance', tensors.distance, ['M'], bound);
  const list = NAMES.map((name) => tensors[name]);
  return runWithGradient(
    list,
    () => runKernel(ATTEND_TO_PAST, list),
    (dy, [, ...workspace], inputs) =>
      runKernel(ATTEND_TO_PAST_GRADIENT, [...inputs, ...workspace, dy]),
  ) as tf.Tensor3D;
}

registerComposedKernel(ATTEND_TO_PAST, (list) => {
  const tensors = fromList(list);
  const { inputs, query, key, value, distance } = tensors;
  const past = pastOf(tensors);
  const scaled = tf.mul(query, 1 / Math.sqrt(query.shape[0])) as tf.Tensor2D;
  const queries = swapSteps(project(inputs, scaled));
  const keys = project(past, key);
  const scores = band(productWithTransposed(queries, keys), distance.size);
  const weights = tf.softmax(tf.add(scores, distance)) as tf.Tensor3D;
  const mixtures = swapSteps(tf.matMul(bandAsMatrix(weights), past));
  return [project(mixtures, value), tf.clone(past), weights, mixtures, queries, keys];
});

// With m the mixtures and a the scores: ∂m = W_vᵀ ∂c, ∂α_ts = ∂m_t · x_s, ∂a = α (∂α − Σ α ∂α). x_s gets
// its share of ∂m as what is mixed, of ∂a as a key; x_t as a query.
registerComposedKernel(ATTEND_TO_PAST_GRADIENT, (list) => {
  const { inputs, memory, query, key, value } = fromList(list);
  const [past, weights, mixtures, queries, keys, dContexts] = list.slice(NAMES.length) as [
    ...Workspace,
    tf.Tensor3D,
  ];
  const [D, M] = [query.shape[0], memory.shape[1]];
  const dMixtures = swapSteps(project(dContexts, tf.transpose(value))); // [B, T, H]
  const dWeights = band(productWithTransposed(dMixtures, past), M); // [B, T, M]
  const along = tf.sum(tf.mul(weights, dWeights), 2, true);
  const dScores = tf.mul(weights, tf.sub(dWeights, along)) as tf.Tensor3D; // [B, T, M]
  const dScoreMatrix = bandAsMatrix(dScores); // [B, T, P]
  const dQueries = tf.mul(swapSteps(tf.matMul(dScoreMatrix, keys)), 1 / Math.sqrt(D)); // [T, B, D]
  const dKeys = tf.matMul<tf.Tensor3D>(transposed(dScoreMatrix), queries); // [B, P, D]
  const dPast = tf.add<tf.Tensor3D>(
    tf.matMul(transposed(bandAsMatrix(weights)), dMixtures),
    project(dKeys, tf.transpose(key)),
  ); // [B, P, H]
  const [dMemory, dEarlier] = tf.split(dPast, [M, -1], 1) as [tf.Tensor3D, tf.Tensor3D];
  // The window's last step is in no other's past.
  const asPast = tf.pad(swapSteps(dEarlier), [
    [0, 1],
    [0, 0],
    [0, 0],
  ]);
  return [
    tf.add(project(dQueries as tf.Tensor3D, tf.transpose(query)), asPast),
    dMemory,
    weightGradient(dQueries, inputs),
    weightGradient(dKeys, past),
    weightGradient(dContexts, mixtures),
    tf.sum(dScores, [0, 1]),
  ];
});

/** What the steps of a window may look at [B, P, H]: the memory, and all inputs but the last. */
function pastOf({ inputs, memory }: AttentionTensors): tf.Tensor3D {
  const T = inputs.shape[0];
  if (T === 1) return memory;
  return tf.concat3d([memory, swapSteps(tf.slice(inputs, 0, T - 1))], 1);
}

/** [T, B, N] as [B, T, N], and the other way around. */
function swapSteps(tensor: tf.Tensor): tf.Tensor3D {
  return tf.transpose(tensor as tf.Tensor3D, [1, 0, 2]);
}

/** Rows [·, M, K] times those of [·, N, K] [·, M, N]; wasm is slow unless a transpose is made first. */
function productWithTransposed(a: tf.Tensor3D, b: tf.Tensor3D): tf.Tensor3D {
  return runsOnTensorFlow() ? tf.matMul(a, b, false, true) : tf.matMul(a, transposed(b));
}

/** Of each matrix [·, M, N] its transpose [·, N, M]. */
function transposed(matrices: tf.Tensor3D): tf.Tensor3D {
  return tf.transpose(matrices, [0, 2, 1]);
}

/** Rows [·, ·, N] times `weight`ᵀ [O, N]. */
function project(rows: tf.Tensor3D, weight: tf.Tensor2D): tf.Tensor3D {
  const [first, second] = rows.shape;
  const product = matrixProduct(flattenSteps(rows), weight, false, true);
  return tf.reshape(product, [first, second, weight.shape[0]]);
}

/** The gradient [O, N] of what {@link project} multiplied rows [·, ·, N] by, from that of its result. */
function weightGradient(dy: tf.Tensor, rows: tf.Tensor): tf.Tensor2D {
  return matrixProduct(flattenSteps(dy), flattenSteps(rows), true);
}

function fromList(list: readonly tf.Tensor[]): AttentionTensors {
  return Object.fromEntries(NAMES.map((name, i) => [name, list[i]])) as unknown as AttentionTensors;
}
