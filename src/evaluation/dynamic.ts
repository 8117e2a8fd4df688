/**
 * Dynamic evaluation: the model goes on learning from the text that it is scored on, after B. Krause,
 * E. Kahembwe, I. Murray and S. Renals, "Dynamic evaluation of neural sequence models", ICML 2018
 * (arXiv 1709.07432).
 *
 * The text is one stream in segments of T tokens. A segment is scored as it is read, by the weights θ as
 * they are then; only after that they take a step against the gradient g of its mean loss, and a step
 * back to the trained weights θ₀:
 *
 *   θ ← θ − η g / (s + ε s̄) + min(1, λ s / s̄) (θ₀ − θ)
 *
 * where s is the root of the mean square of a weight's own gradient over the text that the model was trained
 * on (`gradient-sizes.ts`), and s̄ the mean of s over all weights. A weight whose gradients always were small
 * goes further for the same gradient, and comes back more slowly. This is the paper's rule RMS with decay.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { TokenSequence } from '../data/token-sequence.ts';
import { turnEventLoop } from '../event-loop.ts';
import { type HiddenState, type Weights, zeroState } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import type { ScoreOptions } from './evaluate.ts';
import { gradientSizes } from './gradient-sizes.ts';
import { learnedNames, windowGradients } from './window-gradients.ts';

/** How a model learns from what it reads. */
export interface DynamicRule {
  /** T, the tokens that are read between steps. */
  segment: number;
  /** η. At 0 the weights stay as they are. */
  rate: number;
  /** λ, the share of the way back to the trained weights that an average weight goes at each step. */
  decay: number;
  /** ε */
  epsilon: number;
}

/**
 * The rules that did best on text that is scored nowhere else (docs/evaluation.md): for tokens of one character or
 * byte, and for longer ones. What a token moves the weights by is about the same.
 */
export const DYNAMIC_RULES: Readonly<Record<'short' | 'long', DynamicRule>> = {
  short: { segment: 64, rate: 3e-4, decay: 0.01, epsilon: 0.1 },
  long: { segment: 20, rate: 1e-4, decay: 0.003, epsilon: 0.1 },
};

export interface DynamicOptions
  extends Pick<ScoreOptions, 'onLosses' | 'onProgress' | 'signal' | 'precision'> {
  /** What the model was trained on, from which the sizes of its gradients are taken. */
  training: TokenSequence;
  rule: DynamicRule;
  /** Segments of the training text of which gradients are taken. Default 256. */
  gradientWindows?: number | undefined;
}

/**
 * Hands `onLosses` the loss of each of `tokens` but the first, as `scoreTokens`, by a model that learns from
 * what it has read. `weights` stay as they are.
 */
export async function scoreTokensDynamic(
  config: ModelConfig,
  weights: Weights,
  tokens: TokenSequence,
  {
    training,
    rule,
    onLosses,
    onProgress,
    signal,
    precision,
    gradientWindows = 256,
  }: DynamicOptions,
): Promise<void> {
  signal?.throwIfAborted();
  const { segment } = rule;
  const count = Math.max(0, tokens.length - 1);
  if (count === 0) return;
  const firstShare = gradientWindows / (gradientWindows + count / segment);
  const sizes = await gradientSizes(config, weights, training, {
    segment,
    windows: gradientWindows,
    signal,
    precision,
    onProgress: (share) => onProgress?.(share * firstShare),
  });
  const names = learnedNames(config);
  const learner = new Learner(
    names.map((name) => weights[name] as tf.Tensor),
    sizes,
    rule,
  );
  tf.dispose(sizes);
  let state: HiddenState = zeroState(config, 1);
  try {
    for (let first = 0; first < count; first += segment) {
      const ids = new Int32Array(Math.min(segment, count - first) + 1);
      tokens.read(first, ids);
      const now = Object.fromEntries(names.map((name, i) => [name, learner.weights[i]!]));
      const read = windowGradients(config, { ...weights, ...now }, ids, state, precision);
      tf.dispose(state);
      state = read.state;
      learner.learn(read.gradients);
      await onLosses({ start: first + 1, targets: ids.subarray(1), losses: read.losses });
      onProgress?.(firstShare + ((first + ids.length - 1) / count) * (1 - firstShare));
      await turnEventLoop(signal);
    }
  } finally {
    tf.dispose(state);
    learner.dispose();
  }
}

/** Weights that learn: each is of the shape of the trained one. */
class Learner {
  /** θ */
  weights: tf.Tensor[];
  /** What a gradient is multiplied by. */
  readonly #steps: tf.Tensor[] = [];
  /** The share of θ that stays, and the rest of θ₀. */
  readonly #kept: tf.Tensor[] = [];
  readonly #pulls: tf.Tensor[] = [];

  /**
   * @param trained θ₀
   * @param sizes s, in their order
   */
  constructor(trained: tf.Tensor[], sizes: tf.Tensor[], { rate, decay, epsilon }: DynamicRule) {
    this.weights = trained.map((weight) => tf.clone(weight));
    const mean = meanOf(sizes);
    for (const [i, size] of sizes.entries()) {
      const back = tf.tidy(() => tf.minimum(tf.mul(size, decay / mean), 1));
      this.#steps.push(tf.tidy(() => tf.div(rate, tf.add(size, epsilon * mean))));
      this.#kept.push(tf.sub(1, back));
      this.#pulls.push(tf.mul(back, trained[i]!));
      back.dispose();
    }
  }

  /** One step; the gradients are disposed. */
  learn(gradients: tf.Tensor[]): void {
    const next = this.weights.map((weight, i) =>
      tf.tidy(() => {
        const step = tf.mul(gradients[i]!, this.#steps[i]!);
        return tf.add(tf.sub(tf.mul(weight, this.#kept[i]!), step), this.#pulls[i]!);
      }),
    );
    tf.dispose([...this.weights, ...gradients]);
    this.weights = next;
  }

  dispose(): void {
    tf.dispose([...this.weights, ...this.#steps, ...this.#kept, ...this.#pulls]);
  }
}

/** The mean of all numbers; 1 where that is 0, of which no share can be taken. */
function meanOf(tensors: tf.Tensor[]): number {
  const sum = tf.tidy(
    () => tf.addN(tensors.map((tensor) => tf.sum(tensor))).dataSync()[0] as number,
  );
  return sum / tensors.reduce((count, { size }) => count + size, 0) || 1;
}
