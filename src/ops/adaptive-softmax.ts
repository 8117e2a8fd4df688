/**
 * The adaptive softmax (Grave et al. 2017, "Efficient softmax approximation for GPUs"), as PyTorch's
 * AdaptiveLogSoftmaxWithLoss has it. The vocabulary, its most frequent tokens first, is cut into a head
 * and clusters. A first softmax is over the head's tokens and, one each, the clusters; a second, over
 * fewer features, over the tokens of a cluster. A token of a cluster has the product of the two as its
 * probability, so that a row is multiplied with the head and with its own token's cluster alone, while
 * its probabilities are exact and sum to 1.
 *
 * Shapes: N rows, H features, V tokens in the vocabulary, S of them in the head, C clusters; Vi tokens
 * and Di features in cluster i. The ids are those of the head, then those of one cluster after the other.
 */
import * as tf from '@tensorflow/tfjs-core';
import './core-gradients.ts';
import { embeddingLookup } from './embedding-lookup.ts';
import { linearCrossEntropy, linearTokenLosses } from './linear-cross-entropy.ts';
import { matrixProduct } from './matrix-product.ts';
import { assertShape } from './shapes.ts';
import type { Precision } from './tensorflow-binding.ts';

export interface AdaptiveSoftmaxTensors {
  /** [S + C, H]; the last rows are the clusters' */
  headWeight: tf.Tensor2D;
  /** [S + C] */
  headBias: tf.Tensor1D;
  /** One a cluster: scores are features · projectionᵀ · weightᵀ. */
  tails: readonly AdaptiveTail[];
}

interface AdaptiveTail {
  /** [Di, H] */
  projection: tf.Tensor2D;
  /** [Vi, Di] */
  weight: tf.Tensor2D;
}

/**
 * The mean of −log p(label) over rows.
 *
 * @param features [N, H]
 * @param labels [N] int32, each in [0, V); they are read, so that each cluster can have its own rows
 * @param precision what the scores are multiplied in where the native library runs them
 * @returns the mean loss in nats []; gradients flow to `features` and all of `softmax`
 * @throws Error naming the argument whose shape does not fit
 */
export function adaptiveCrossEntropy(
  features: tf.Tensor2D,
  softmax: AdaptiveSoftmaxTensors,
  labels: tf.Tensor1D,
  precision: Precision = 'float32',
): tf.Scalar {
  assertShapes(features, softmax, labels);
  return tf.tidy(() => {
    const { headLabels, clusters } = partition(softmax, labels);
    const { headWeight, headBias } = softmax;
    let loss = linearCrossEntropy(features, headWeight, headBias, headLabels, precision);
    for (const [i, { rows, places }] of clusters.entries()) {
      // Every parameter has a gradient: that of a cluster without a row comes from one that counts 0.
      const some = rows.length > 0 ? { rows, places } : { rows: [0], places: [0] };
      const mean = linearCrossEntropy(...clusterOf(features, softmax, i, some), precision);
      loss = tf.add(loss, tf.mul(mean, rows.length / labels.size));
    }
    return loss;
  });
}

/**
 * As {@link adaptiveCrossEntropy}, but the loss of each row. It has no gradient.
 *
 * @returns nats [N]
 */
export function adaptiveTokenLosses(
  features: tf.Tensor2D,
  softmax: AdaptiveSoftmaxTensors,
  labels: tf.Tensor1D,
  precision: Precision = 'float32',
): tf.Tensor1D {
  assertShapes(features, softmax, labels);
  return tf.tidy(() => {
    const { headLabels, clusters } = partition(softmax, labels);
    const { headWeight, headBias } = softmax;
    const inHead = linearTokenLosses(features, headWeight, headBias, headLabels, precision);
    // What the clusters add, one cluster after the other behind a 0, and each row's place there.
    const added: tf.Tensor1D[] = [tf.zeros([1])];
    const placeOf = new Int32Array(labels.size);
    let next = 1;
    for (const [i, cluster] of clusters.entries()) {
      if (cluster.rows.length === 0) continue;
      added.push(linearTokenLosses(...clusterOf(features, softmax, i, cluster), precision));
      for (const row of cluster.rows) placeOf[row] = next++;
    }
    return tf.add(inHead, tf.gather(tf.concat1d(added), tf.tensor1d(placeOf)));
  });
}

/**
 * log p of every token.
 *
 * @param features [N, H]
 * @returns [N, V]
 * @throws Error naming the argument whose shape does not fit
 */
export function adaptiveLogProbabilities(
  features: tf.Tensor2D,
  softmax: AdaptiveSoftmaxTensors,
): tf.Tensor2D {
  assertShapes(features, softmax);
  return tf.tidy(() => {
    const { headWeight, headBias, tails } = softmax;
    const scores = tf.add(matrixProduct(features, headWeight, false, true), headBias);
    const head = tf.logSoftmax(scores) as tf.Tensor2D; // [N, S + C]
    const N = head.shape[0];
    const S = headBias.size - tails.length;
    const parts = tails.map(({ projection, weight }, i) => {
      const projected = matrixProduct(features, projection, false, true); // [N, Di]
      const inCluster = tf.logSoftmax(matrixProduct(projected, weight, false, true)); // [N, Vi]
      return tf.add<tf.Tensor2D>(inCluster, tf.slice(head, [0, S + i], [N, 1]));
    });
    return tf.concat2d([tf.slice(head, [0, 0], [N, S]), ...parts], 1);
  });
}

/** The rows of a batch whose labels are in a cluster, and the labels' places there. */
interface ClusterRows {
  rows: number[];
  places: number[];
}

/** What the head has to predict for each row [N], a token of its own or a cluster, and who is in that. */
function partition(
  { headBias, tails }: AdaptiveSoftmaxTensors,
  labels: tf.Tensor1D,
): { headLabels: tf.Tensor1D; clusters: ClusterRows[] } {
  const S = headBias.size - tails.length;
  const clusters: ClusterRows[] = tails.map(() => ({ rows: [], places: [] }));
  const headLabels = Int32Array.from(labels.dataSync<'int32'>());
  for (const [row, label] of headLabels.entries()) {
    if (label < S) continue;
    let [cluster, place] = [0, label - S];
    while (place >= tails[cluster]!.weight.shape[0]) place -= tails[cluster++]!.weight.shape[0];
    clusters[cluster]!.rows.push(row);
    clusters[cluster]!.places.push(place);
    headLabels[row] = S + cluster;
  }
  return { headLabels: tf.tensor1d(headLabels), clusters };
}

/** Some rows in cluster `i` as what {@link linearCrossEntropy} takes: features, weight, bias, labels. */
function clusterOf(
  features: tf.Tensor2D,
  { tails }: AdaptiveSoftmaxTensors,
  i: number,
  { rows, places }: ClusterRows,
): [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D, tf.Tensor1D] {
  const { projection, weight } = tails[i] as AdaptiveTail;
  const some = embeddingLookup(features, tf.tensor1d(rows, 'int32')); // [n, H]
  const projected = matrixProduct(some, projection, false, true); // [n, Di]
  const bias = tf.zeros([weight.shape[0]]) as tf.Tensor1D;
  return [projected, weight, bias, tf.tensor1d(places, 'int32')];
}

function assertShapes(
  features: tf.Tensor2D,
  { headWeight, headBias, tails }: AdaptiveSoftmaxTensors,
  labels?: tf.Tensor1D,
): void {
  const bound: Record<string, number> = {};
  const check = (name: string, tensor: tf.Tensor, expected: string[]) =>
    assertShape(`adaptiveSoftmax ${name}`, tensor, expected, bound);
  check('features', features, ['N', 'H']);
  check('headWeight', headWeight, ['S+C', 'H']);
  check('headBias', headBias, ['S+C']);
  for (const [i, { projection, weight }] of tails.entries()) {
    check(`tails[${i}].projection`, projection, [`D${i}`, 'H']);
    check(`tails[${i}].weight`, weight, [`V${i}`, `D${i}`]);
  }
  if (labels) check('labels', labels, ['N']);
}
