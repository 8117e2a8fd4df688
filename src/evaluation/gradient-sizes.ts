/** How large the gradients of a trained model are on the text that it was trained on. */
import * as tf from '@tensorflow/tfjs-core';
import type { TokenSequence } from '../data/token-sequence.ts';
import { turnEventLoop } from '../event-loop.ts';
import { type Weights, zeroState } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import type { Precision } from '../ops/tensorflow-binding.ts';
import { learnedNames, windowGradients } from './window-gradients.ts';

export interface GradientSizesOptions {
  /** T, tokens of a window. */
  segment: number;
  /** At most this many windows. */
  windows: number;
  /** Called after each window with the share of all that is done, in [0, 1]. */
  onProgress?: ((share: number) => void) | undefined;
  signal?: AbortSignal | undefined;
  precision?: Precision | undefined;
}

/** Windows that follow each other, after one for the state to come to what it is in the text's midst. */
const STRETCH = 16;

/**
 * For each number that the model learns, the root of the mean square of its gradient over windows of
 * `tokens`, which are taken from all over the text in short stretches.
 *
 * @param tokens at least two of them
 * @returns by the order of `learnedNames`, each of its parameter's shape; the caller disposes them
 */
export async function gradientSizes(
  config: ModelConfig,
  weights: Weights,
  tokens: TokenSequence,
  { segment, windows, onProgress, signal, precision }: GradientSizesOptions,
): Promise<tf.Tensor[]> {
  const plan = stretchesOf(tokens.length, segment, windows);
  let sums = learnedNames(config).map((name) => tf.zerosLike(weights[name] as tf.Tensor));
  let done = 0;
  try {
    for (const start of plan.starts) {
      let state = zeroState(config, 1);
      try {
        for (let window = 0; window < plan.windows; window++) {
          const ids = new Int32Array(plan.segment + 1);
          tokens.read(start + window * plan.segment, ids);
          const found = windowGradients(config, weights, ids, state, precision);
          tf.dispose(state);
          state = found.state;
          if (window >= plan.skipped) sums = withSquares(sums, found.gradients);
          tf.dispose(found.gradients);
          done += 1;
          onProgress?.(done / (plan.starts.length * plan.windows));
          await turnEventLoop(signal);
        }
      } finally {
        tf.dispose(state);
      }
    }
    const counted = plan.starts.length * (plan.windows - plan.skipped);
    return sums.map((sum) => tf.tidy(() => tf.sqrt(tf.div(sum, counted))));
  } finally {
    tf.dispose(sums);
  }
}

interface Stretches {
  starts: number[];
  /** Windows a stretch. */
  windows: number;
  /** How many of them, the first, are only run for the state that they leave. */
  skipped: number;
  segment: number;
}

/** Stretches from the first to the last token of the text, as far apart as they can be. */
function stretchesOf(length: number, wanted: number, mostWindows: number): Stretches {
  const segment = Math.min(wanted, length - 1);
  const inText = Math.floor((length - 1) / segment);
  const windows = Math.min(STRETCH + 1, inText);
  const skipped = windows > 1 ? 1 : 0;
  const count = Math.min(Math.ceil(mostWindows / STRETCH), Math.floor(inText / windows));
  const last = length - 1 - windows * segment;
  const starts = Array.from({ length: count }, (_, i) =>
    count === 1 ? 0 : Math.floor((i * last) / (count - 1)),
  );
  return { starts, windows, skipped, segment };
}

/** The sums with the squares of `values` added; the sums given are disposed. */
function withSquares(sums: tf.Tensor[], values: tf.Tensor[]): tf.Tensor[] {
  const added = sums.map((sum, i) => tf.tidy(() => tf.add(sum, tf.square(values[i]!))));
  tf.dispose(sums);
  return added;
}
