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

export interface DynamicOptions
  extends Pick<ScoreOptions, 'onLosses' | 'onProgress' | 'signal' | 'precision'> {
  /** What the model was trained on, from which the sizes of its gradients are taken. */
  training: TokenSequence;
  /** T, the tokens that are read between steps. Default 64. */
  segment?: number | undefined;
  /** η. At 0 the weights stay as they are. Default 3e-4. */
  rate?: number | undefined;
  /** λ, the share of the way back to the trained weights that an average weight goes at each step. Default 0.01. */
  decay?: number | undefined;
  /** ε. Default 0.1. */
  epsilon?: number | undefined;
  /** Segments of the training text of which gradients are taken. Default 256. */
  gradientWindows?: number | undefined;
}

/** What is taken where nothing else is said: docs/evaluation.md has the measurements behind it. */
export const DYNAMIC_RULE = { segment: 64, rate: 3e-4, decay: 0.01, epsilon: 0.1 } as const;
const GRADIENT_WINDOWS = 256;

/** How each weight moves: by the order of `learnedNames`, each of its parameter's shape. */
interface Rule {
  /** What a gradient is multiplied by. */
  steps: tf.Tensor[];
  /** The share of θ that stays, and the rest of θ₀. */
  kept: tf.Tensor[];
  pulls: tf.Tensor[];
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
    onLosses,
    onProgress,
    signal,
    precision,
    segment = DYNAMIC_RULE.segment,
    rate = DYNAMIC_RULE.rate,
    decay = DYNAMIC_RULE.decay,
    epsilon = DYNAMIC_RULE.epsilon,
    gradientWindows = GRADIENT_WINDOWS,
  }: DynamicOptions,
): Promise<void> {
  signal?.throwIfAborted();
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
  const trained = names.map((name) => weights[name] as tf.Tensor);
  const rule = ruleOf(trained, sizes, { rate, decay, epsilon });
  tf.dispose(sizes);
  let learned = trained.map((tensor) => tf.clone(tensor));
  let state: HiddenState = zeroState(config, 1);
  try {
    for (let first = 0; first < count; first += segment) {
      const ids = new Int32Array(Math.min(segment, count - first) + 1);
      tokens.read(first, ids);
      const now = Object.fromEntries(names.map((name, i) => [name, learned[i]!]));
      const found = windowGradients(config, { ...weights, ...now }, ids, state, precision);
      onLosses({ start: first + 1, targets: ids.subarray(1), losses: found.losses });
      tf.dispose(state);
      state = found.state;
      const next = learned.map((tensor, i) => moved(tensor, found.gradients[i]!, rule, i));
      tf.dispose([...learned, ...found.gradients]);
      learned = next;
      onProgress?.(firstShare + ((first + ids.length - 1) / count) * (1 - firstShare));
      await turnEventLoop();
      signal?.throwIfAborted();
    }
  } finally {
    tf.dispose([...rule.steps, ...rule.kept, ...rule.pulls, ...learned, ...state]);
  }
}

function moved(tensor: tf.Tensor, gradient: tf.Tensor, rule: Rule, i: number): tf.Tensor {
  return tf.tidy(() => {
    const stepped = tf.sub(tf.mul(tensor, rule.kept[i]!), tf.mul(gradient, rule.steps[i]!));
    return tf.add(stepped, rule.pulls[i]!);
  });
}

/** @param sizes s, by the order of `trained` */
function ruleOf(
  trained: tf.Tensor[],
  sizes: tf.Tensor[],
  { rate, decay, epsilon }: { rate: number; decay: number; epsilon: number },
): Rule {
  const mean = tf.tidy(() => {
    const sum = tf.addN(sizes.map((size) => tf.sum(size))).dataSync()[0] as number;
    return sum / sizes.reduce((count, { size }) => count + size, 0);
  });
  const rule: Rule = { steps: [], kept: [], pulls: [] };
  for (const [i, size] of sizes.entries()) {
    const back = tf.tidy(() => tf.minimum(1, tf.mul(size, decay / mean)));
    rule.steps.push(tf.tidy(() => tf.div(rate, tf.add(size, epsilon * mean))));
    rule.kept.push(tf.tidy(() => tf.sub(1, back)));
    rule.pulls.push(tf.tidy(() => tf.mul(back, trained[i]!)));
    back.dispose();
  }
  return rule;
}
