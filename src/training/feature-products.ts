/** Products with the matrix that says which tokens have which features. */
import * as tf from '@tensorflow/tfjs-core';
import type { TokenFeatures } from '../data/token-features.ts';
import { sumOfRows } from '../ops/sum-of-rows.ts';

/** The pairs of tokens and features, by one of the two. */
interface Pairs {
  readonly tokens: tf.Tensor1D;
  readonly features: tf.Tensor1D;
}

/**
 * S [V, G]: 1/√n where a token has a feature, n being how many it has, and else 0. So a token whose features all
 * move alike, but independently, moves as far as one of them.
 */
export class FeatureProducts {
  readonly #tokenCount: number;
  readonly #featureCount: number;
  readonly #byToken: Pairs;
  readonly #byFeature: Pairs;
  /** [V, 1]: the number that is in a token's row of S. */
  readonly #scales: tf.Tensor2D;

  constructor({ tokenCount, featureCount, tokens, features }: TokenFeatures) {
    this.#tokenCount = tokenCount;
    this.#featureCount = featureCount;
    const order = Array.from(features.keys()).sort((a, b) => features[a]! - features[b]! || a - b);
    const tensor = (ids: ArrayLike<number>) => tf.keep(tf.tensor1d(Int32Array.from(ids), 'int32'));
    this.#byToken = { tokens: tensor(tokens), features: tensor(features) };
    this.#byFeature = {
      tokens: tensor(order.map((at) => tokens[at]!)),
      features: tensor(order.map((at) => features[at]!)),
    };
    const counts = new Int32Array(tokenCount);
    for (const token of tokens) counts[token]! += 1;
    const scales = Float32Array.from(counts, (count) => 1 / Math.sqrt(Math.max(1, count)));
    this.#scales = tf.keep(tf.tensor2d(scales, [tokenCount, 1]));
  }

  /** Sᵀ · gradient [V, E]: what each feature's gradient is [G, E]. */
  gradientOf(gradient: tf.Tensor2D): tf.Tensor2D {
    const { tokens, features } = this.#byFeature;
    return tf.tidy(() =>
      sumOfRows(tf.mul(gradient, this.#scales), tokens, features, this.#featureCount),
    );
  }

  /** S · updates [G, E]: what comes of the features' updates for each token [V, E]. */
  spread(updates: tf.Tensor2D): tf.Tensor2D {
    const { tokens, features } = this.#byToken;
    return tf.tidy(() =>
      tf.mul(sumOfRows(updates, features, tokens, this.#tokenCount), this.#scales),
    );
  }

  dispose(): void {
    const pairs = [this.#byToken, this.#byFeature].map(({ tokens, features }) => [
      tokens,
      features,
    ]);
    tf.dispose([...pairs.flat(), this.#scales]);
  }
}
