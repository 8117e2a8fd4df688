/**
 * A neural cache, after E. Grave, A. Joulin and N. Usunier, "Improving neural language models with a
 * continuous cache", ICLR 2017 (arXiv 1612.04426): what followed, earlier in the text, when the model's
 * features h were like those of now.
 *
 *   p(w | x₁ … xₜ) ∝ Σ exp(−θ |hₜ − hᵢ|² / Dₜ) [xᵢ₊₁ = w]   over the last M places i < t
 *
 * where Dₜ is the mean of |hₜ − hᵢ|² over these places, so that a sharpness θ means the same for any model.
 * Distances take the place of that paper's products hₜ · hᵢ, as with the nearest neighbours of
 * U. Khandelwal et al. 2020 (arXiv 1911.00172). Where there are no such places, at the text's second token,
 * every token is as likely.
 *
 * Shapes: T tokens scored at a time, P tokens before them that are remembered, H features' size.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { TokenSequence } from '../data/token-sequence.ts';
import { turnEventLoop } from '../event-loop.ts';
import { forward, type HiddenState, type Weights, zeroState } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { tokenLossesOf } from '../model/predictions.ts';
import { matrixProduct } from '../ops/matrix-product.ts';
import type { Precision } from '../ops/tensorflow-binding.ts';
import type { ScoredTokens, ScoreOptions } from './evaluate.ts';

export interface CacheScoredTokens extends ScoredTokens {
  /** −log p by the cache alone, nats [n], for each of the sharpnesses; Infinity for what it lacks. */
  cacheLosses: Float32Array[];
  /** How like the present the likest place is [n]: below {@link LIKENESS_CLASSES}. */
  likenessClasses: Uint8Array;
}

export interface CacheOptions extends Pick<ScoreOptions, 'onProgress' | 'signal' | 'precision'> {
  /** Called with all scored tokens, some at a time, in the order of the text. */
  onScores: (scored: CacheScoredTokens) => void;
  /** M, the tokens before another one that are remembered. Default {@link CACHE_SIZE}. */
  size?: number | undefined;
  /** Each a θ. Default {@link SHARPNESSES}. */
  sharpnesses?: readonly number[] | undefined;
  /** T, tokens scored at a time. Default 256. */
  windowTokens?: number | undefined;
}

/** Of more, the likest is found no more often among models of characters, and differs more from now. */
export const CACHE_SIZE = 2000;
/** From among them a mixture’s weights choose: two models of characters were best off with 32. */
export const SHARPNESSES = [16, 32, 64] as const;

/** How many classes of likeness there are. */
export const LIKENESS_CLASSES = 16;

/** Scores each of `tokens` but the first by the model and by caches, in one stream. */
export async function scoreTokensWithCache(
  config: ModelConfig,
  weights: Weights,
  tokens: TokenSequence,
  {
    onScores,
    onProgress,
    signal,
    precision,
    size = CACHE_SIZE,
    sharpnesses = SHARPNESSES,
    windowTokens = 256,
  }: CacheOptions,
): Promise<void> {
  signal?.throwIfAborted();
  const count = Math.max(0, tokens.length - 1);
  const memory = new Memory(size, sharpnesses, config);
  let state: HiddenState = zeroState(config, 1);
  try {
    for (let first = 0; first < count; first += windowTokens) {
      const ids = new Int32Array(Math.min(windowTokens, count - first) + 1);
      tokens.read(first, ids);
      const { losses, features, after } = readWindow(config, weights, ids, state, precision);
      tf.dispose(state);
      state = after;
      const targets = ids.subarray(1);
      const remembered = memory.add(features, targets);
      features.dispose();
      onScores({ start: first + 1, targets, losses, ...remembered });
      onProgress?.((first + targets.length) / count);
      await turnEventLoop(signal);
    }
  } finally {
    tf.dispose(state);
    memory.dispose();
  }
}

/** What takes the place of zeros below a fraction; and of the distance to what is not there. */
const SMALLEST = 1e-6;
const FAR = 1e9;

type Remembered = Pick<CacheScoredTokens, 'cacheLosses' | 'likenessClasses'>;

/** The model's losses [T] of a window's tokens [T + 1] but the first, its features [T, H] and the states after. */
function readWindow(
  config: ModelConfig,
  weights: Weights,
  ids: Int32Array,
  state: HiddenState,
  precision: Precision | undefined,
): { losses: Float32Array; features: tf.Tensor2D; after: HiddenState } {
  let losses = new Float32Array();
  const [features, ...after] = tf.tidy(() => {
    const made = forward(config, weights, tf.tensor1d(ids.subarray(0, -1)), state, { precision });
    const nats = tokenLossesOf(weights, made.features, tf.tensor1d(ids.subarray(1)), precision);
    losses = Float32Array.from(nats.dataSync<'float32'>());
    // A state may be a view of all the window's outputs, which it would keep alive: hence copies.
    return [made.features, ...made.state.map((layer) => tf.add<tf.Tensor2D>(layer, 0))];
  }) as [tf.Tensor2D, ...tf.Tensor2D[]];
  return { losses, features, after };
}

/** The last M tokens of a text, each with the features before it. */
class Memory {
  readonly #size: number;
  readonly #sharpnesses: readonly number[];
  readonly #vocabularySize: number;
  /** [P, H] */
  #keys: tf.Tensor2D;
  /** [P] */
  #values = new Int32Array();

  constructor(
    size: number,
    sharpnesses: readonly number[],
    { hiddenSize, vocabularySize }: Pick<ModelConfig, 'hiddenSize' | 'vocabularySize'>,
  ) {
    this.#size = size;
    this.#sharpnesses = sharpnesses;
    this.#vocabularySize = vocabularySize;
    this.#keys = tf.zeros([0, hiddenSize]);
  }

  /**
   * Remembers tokens, of which each is scored by those before it.
   *
   * @param features [T, H], each from before its token
   * @param tokens [T]
   */
  add(features: tf.Tensor2D, tokens: Int32Array): Remembered {
    const keys = tf.tidy(() => tf.concat2d([this.#keys, features], 0)); // [P + T, H]
    const values = new Int32Array(this.#values.length + tokens.length);
    values.set(this.#values);
    values.set(tokens, this.#values.length);
    const scores = this.#scoresOf(features, tokens, keys, values);
    const left = Math.min(this.#size, values.length);
    this.#keys.dispose();
    this.#keys = tf.tidy(() => tf.add(tf.slice(keys, values.length - left), 0));
    this.#values = values.slice(values.length - left);
    keys.dispose();
    return scores;
  }

  dispose(): void {
    this.#keys.dispose();
  }

  #scoresOf(
    features: tf.Tensor2D,
    tokens: Int32Array,
    keys: tf.Tensor2D,
    values: Int32Array,
  ): Remembered {
    return tf.tidy(() => {
      const seen = bandBefore(tokens.length, values.length - tokens.length, this.#size);
      const distances = tf.mul(squaredDistances(features, keys), seen); // [T, P + T]
      const counts = tf.maximum(tf.sum(seen, 1, true), 1);
      const means = tf.maximum(tf.div(tf.sum(distances, 1, true), counts), SMALLEST); // [T, 1]
      // Where none is seen, or all are alike, the rows are zeros.
      const relative = tf.div(distances, means);
      const unseen = tf.mul(tf.sub(1, seen), FAR);
      const least = tf.min(tf.add(relative, unseen), 1, true); // [T, 1]
      const excess = tf.mul(tf.sub(relative, least), seen); // ≥ 0
      const isToken = tf.cast(tf.equal(column(tokens), row(values)), 'float32');
      const cacheLosses = this.#sharpnesses.map((sharpness) => {
        const shares = tf.mul(tf.exp(tf.mul(excess, -sharpness)), seen);
        const all = tf.sum(shares, 1).dataSync<'float32'>();
        const same = tf.sum(tf.mul(shares, isToken), 1).dataSync<'float32'>();
        return Float32Array.from(all, (sum, t) =>
          sum > 0 ? Math.log(sum) - Math.log(same[t]!) : Math.log(this.#vocabularySize),
        );
      });
      const likenessClasses = Uint8Array.from(least.dataSync<'float32'>(), likenessClass);
      return { cacheLosses, likenessClasses };
    });
  }
}

/** Twice the power of two by which the least distance is below the mean one. */
function likenessClass(least: number): number {
  const likeness = Math.floor(-2 * Math.log2(Math.max(least, SMALLEST)));
  return Math.max(0, Math.min(LIKENESS_CLASSES - 1, likeness));
}

/** |aₜ − bᵢ|² [T, P] for rows a [T, H] and b [P, H]; not below 0, as rounding might make it. */
function squaredDistances(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  const own = tf.sum(tf.square(a), 1, true); // [T, 1]
  const others = tf.reshape(tf.sum(tf.square(b), 1), [1, -1]); // [1, P]
  const products = matrixProduct(a, b, false, true);
  return tf.relu(tf.sub<tf.Tensor2D>(tf.add(own, others), tf.mul(products, 2)));
}

function column(values: Int32Array): tf.Tensor2D {
  return tf.tensor2d(values, [values.length, 1]);
}

function row(values: Int32Array): tf.Tensor2D {
  return tf.tensor2d(values, [1, values.length]);
}

/** 1 where a token looks: row t of [T, P + T] at the `size` columns before P + t, others 0. */
function bandBefore(rows: number, remembered: number, size: number): tf.Tensor2D {
  const columns = remembered + rows;
  const band = new Float32Array(rows * columns);
  for (let t = 0; t < rows; t++) {
    const end = remembered + t;
    band.fill(1, t * columns + Math.max(0, end - size), t * columns + end);
  }
  return tf.tensor2d(band, [rows, columns]);
}
