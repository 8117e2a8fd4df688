/**
 * What a model predicts of a text, by the convention that all our figures follow: every token but
 * the first is scored, in one stream that begins with a state of zeros and carries it to the end;
 * nothing is trimmed. Perplexity is exp(Σ nats / Σ scored tokens), summed first and divided once.
 *
 * One stream alone would use a fraction of the machine. The text is therefore cut into chunks that
 * run side by side, first from states of zeros; then each is begun again from the state in which the
 * chunk before it ended, for as long as that makes a difference, until no chunk's beginning changes
 * any more. A recurrent network forgets, so this takes little more than one pass, and what it ends
 * with is the one stream's own result (to float32 rounding): where the network does not forget, the
 * repetition goes on until every chunk has been reached from the first.
 */
import * as tf from '@tensorflow/tfjs-core';
import {
  forward,
  type HiddenState,
  logitsOf,
  type Weights,
  zeroState,
} from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { sparseSoftmaxCrossEntropy } from '../ops/sparse-softmax-cross-entropy.ts';

export interface EvaluateOptions {
  /** Called now and then with the share of the first pass that is done, in [0, 1]. */
  onProgress?: ((share: number) => void) | undefined;
  signal?: AbortSignal | undefined;
  /** At most this many chunks side by side. */
  maxChunks?: number | undefined;
}

/** Steps that run at a time. */
const WINDOW = 128;
/** A chunk shorter than this would be mostly run twice. */
const SHORTEST_CHUNK = 1024;
/** Scores held at a time. */
const SCORES_A_BLOCK = 6e6;
/** States closer than this, in every unit, count as the same; units are in (−1, 1). */
const SAME_STATE = 1e-5;

/**
 * The loss of each token but the first.
 *
 * @param ids the text [N + 1]
 * @returns nats [N]: the i-th is −log p(ids[i + 1] | ids[0 … i])
 */
export async function tokenLosses(
  config: ModelConfig,
  weights: Weights,
  ids: Int32Array,
  { onProgress, signal, maxChunks = 64 }: EvaluateOptions = {},
): Promise<Float32Array> {
  const count = ids.length - 1;
  const chunks = Math.max(1, Math.min(maxChunks, Math.floor(count / SHORTEST_CHUNK)));
  const chunkLength = Math.floor(count / chunks);
  const losses = new Float32Array(Math.max(0, count));
  const windows = Math.ceil(chunkLength / WINDOW);
  /** The state after each window, of the pass that reached it last. */
  const statesAfter: HiddenState[] = [];
  try {
    for (let pass = 0; pass < chunks; pass++) {
      signal?.throwIfAborted();
      let state =
        pass === 0
          ? zeroState(config, chunks)
          : shiftStates(statesAfter[windows - 1] as HiddenState);
      let converged = false;
      for (let window = 0; window < windows && !converged; window++) {
        const next = runWindow(config, weights, ids, losses, state, {
          chunkLength,
          first: window * WINDOW,
          steps: Math.min(WINDOW, chunkLength - window * WINDOW),
        });
        if (window === 0) tf.dispose(state);
        const before = statesAfter[window];
        converged = before !== undefined && areSame(before, next);
        tf.dispose(before ?? []);
        statesAfter[window] = state = next;
        if (pass === 0) onProgress?.((window + 1) / windows);
        await new Promise(setImmediate);
        signal?.throwIfAborted();
      }
      if (converged) break;
    }
    scoreTail(config, weights, ids, losses, chunks * chunkLength, statesAfter.at(-1));
    return losses;
  } finally {
    tf.dispose(statesAfter);
  }
}

/** Runs a window of every chunk, writes its losses to their places and returns the state after it. */
function runWindow(
  config: ModelConfig,
  weights: Weights,
  ids: Int32Array,
  losses: Float32Array,
  state: HiddenState,
  { chunkLength, first, steps }: { chunkLength: number; first: number; steps: number },
): HiddenState {
  const chunks = state[0]!.shape[0];
  const inputs = new Int32Array(steps * chunks);
  const targets = new Int32Array(steps * chunks);
  const placeOf = (t: number, chunk: number) => chunk * chunkLength + first + t;
  for (let t = 0; t < steps; t++) {
    for (let chunk = 0; chunk < chunks; chunk++) {
      inputs[t * chunks + chunk] = ids[placeOf(t, chunk)]!;
      targets[t * chunks + chunk] = ids[placeOf(t, chunk) + 1]!;
    }
  }
  const { next, nats } = scoreWindow(config, weights, inputs, targets, state);
  for (let t = 0; t < steps; t++) {
    for (let chunk = 0; chunk < chunks; chunk++) {
      losses[placeOf(t, chunk)] = nats[t * chunks + chunk]!;
    }
  }
  return next;
}

/** The losses of a window, time-major as its ids [T·B], and the state after it. */
function scoreWindow(
  config: ModelConfig,
  weights: Weights,
  inputs: Int32Array,
  targets: Int32Array,
  state: HiddenState,
): { next: HiddenState; nats: Float32Array } {
  const nats = new Float32Array(inputs.length);
  const next = tf.tidy(() => {
    const { features, state: after } = forward(config, weights, tf.tensor1d(inputs), state);
    const rows = Math.max(1, Math.floor(SCORES_A_BLOCK / config.vocabularySize));
    for (let start = 0; start < inputs.length; start += rows) {
      const end = Math.min(start + rows, inputs.length);
      tf.tidy(() => {
        const logits = logitsOf(weights, tf.slice(features, start, end - start));
        const labels = tf.tensor1d(targets.subarray(start, end), 'int32');
        nats.set(sparseSoftmaxCrossEntropy(logits, labels).dataSync(), start);
      });
    }
    return after;
  });
  return { next, nats };
}

/** Scores the few tokens that are left after chunks of equal length. */
function scoreTail(
  config: ModelConfig,
  weights: Weights,
  ids: Int32Array,
  losses: Float32Array,
  from: number,
  chunkEnds: HiddenState | undefined,
): void {
  const left = losses.length - from;
  if (left <= 0) return;
  const state = tf.tidy(() =>
    chunkEnds
      ? chunkEnds.map((layer) => tf.slice(layer, layer.shape[0] - 1, 1))
      : zeroState(config, 1),
  );
  const inputs = ids.slice(from, from + left);
  const targets = ids.slice(from + 1, from + left + 1);
  const { next, nats } = scoreWindow(config, weights, inputs, targets, state);
  losses.set(nats, from);
  tf.dispose([...state, ...next]);
}

/** Where each chunk begins: zeros for the first, for the others the end of the one before. */
function shiftStates(ends: HiddenState): HiddenState {
  return tf.tidy(() =>
    ends.map((layer) => {
      const [chunks, H] = layer.shape;
      return tf.concat2d([tf.zeros([1, H]), tf.slice(layer, 0, chunks - 1)], 0);
    }),
  );
}

function areSame(a: HiddenState, b: HiddenState): boolean {
  return a.every((layer, i) => {
    const largest = tf.tidy(() => tf.max(tf.abs(tf.sub(layer, b[i]!))).dataSync()[0] as number);
    return largest <= SAME_STATE;
  });
}
