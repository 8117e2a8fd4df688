/** Products with the matrix that says which tokens have which features. */
import * as tf from '@tensorflow/tfjs-core';
import type { TokenFeatures } from '../data/token-features.ts';
import { type SparseMatrix, sparseMatrix, sparseProduct } from '../ops/sparse-product.ts';

/**
 * S [V, G]: 1/√n where a token has a feature, n being how many it has, and else 0. So a token whose features all
 * move alike, but independently, moves as far as one of them.
 */
export class FeatureProducts {
  readonly #ofTokens: SparseMatrix;
  readonly #ofFeatures: SparseMatrix;

  constructor({ tokenCount, featureCount, tokens, features }: TokenFeatures) {
    const counts = new Int32Array(tokenCount);
    for (const token of tokens) counts[token]! += 1;
    const values = Float32Array.from(tokens, (token) => 1 / Math.sqrt(counts[token]!));
    this.#ofTokens = sparseMatrix(tokenCount, { rows: tokens, columns: features, values });
    this.#ofFeatures = sparseMatrix(featureCount, { rows: features, columns: tokens, values });
  }

  /** Sᵀ · gradient [V, E]: what each feature's gradient is [G, E]. */
  gradientOf(gradient: tf.Tensor2D): tf.Tensor2D {
    return sparseProduct(this.#ofFeatures, gradient);
  }

  /** S · updates [G, E]: what comes of the features' updates for each token [V, E]. */
  spread(updates: tf.Tensor2D): tf.Tensor2D {
    return sparseProduct(this.#ofTokens, updates);
  }

  dispose(): void {
    for (const { tensors } of [this.#ofTokens, this.#ofFeatures]) tf.dispose({ ...tensors });
  }
}
