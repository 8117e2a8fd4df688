/**
 * What a model predicts of a text, by the convention that figures follow unless another is asked for:
 * every token but the first is scored, in one stream that begins with a state of zeros and carries it
 * to the end; nothing is trimmed. Perplexity is exp(Σ nats / Σ scored tokens), summed first and divided
 * once.
 *
 * One stream alone would use a fraction of the machine. The text is therefore cut into chunks that
 * run side by side, first from states of zeros, then again from the state in which the chunk before
 * ended, for as long as that makes a difference (`chunk-passes.ts`). A recurrent network forgets, so
 * this takes little more than one pass, and the result is the one stream's own. Where a chunk ends
 * before the difference does, the chunks that follow are gone through one after the other: slower,
 * and right.
 *
 * A long text is gone through in blocks of so many chunks, each from the state in which the block
 * before truly ended. A block's losses are handed out and forgotten: memory has a bound, whatever the
 * text.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { TokenSequence } from '../data/token-sequence.ts';
import { type HiddenState, type Weights, zeroState } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import type { Precision } from '../ops/tensorflow-binding.ts';
import { scoreChunks } from './chunk-passes.ts';

/** Scored tokens that follow each other in the text. */
export interface ScoredTokens {
  /**
   * The place of the first of them in the text; the text's own first token, at 0, is not scored. In a line
   * that is scored by itself, the place there, from 1 on.
   */
  start: number;
  /** The line that they are of, counted from 1, where lines are scored by themselves. */
  line?: number;
  /** The tokens [n]. */
  targets: Int32Array;
  /** nats [n]: −log p of each token, given all tokens before it. */
  losses: Float32Array;
}

/** What all ways to score a text take. */
export interface ScoringOptions {
  /** Called with all scored tokens, some at a time; a promise that it returns is waited for. */
  onLosses: (scored: ScoredTokens) => unknown;
  /** Called now and then with the share of the text that was gone through once, in [0, 1]. */
  onProgress?: ((share: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface ScoreOptions extends ScoringOptions {
  /** What products are multiplied in, where the machine can. Default float32. */
  precision?: Precision | undefined;
  /** At most this many chunks side by side. Default 64. */
  maxChunks?: number | undefined;
  /** Tokens that a chunk has at least: a shorter one would be mostly run twice. Default 3072. */
  shortestChunk?: number | undefined;
  /** Tokens that a chunk has at most, which bounds what a block holds. Default 8192. */
  longestChunk?: number | undefined;
}

/** Hands `onLosses` the loss of each of `tokens` but the first, in their order. */
export async function scoreTokens(
  config: ModelConfig,
  weights: Weights,
  tokens: TokenSequence,
  {
    onLosses,
    onProgress,
    signal,
    maxChunks = 64,
    shortestChunk = 3072,
    longestChunk = 8192,
    precision,
  }: ScoreOptions,
): Promise<void> {
  const pause = async () => {
    await new Promise(setImmediate);
    signal?.throwIfAborted();
  };
  signal?.throwIfAborted();
  const count = Math.max(0, tokens.length - 1);
  const blocks = Math.ceil(count / (maxChunks * longestChunk));
  let state: HiddenState = zeroState(config, 1); // [1, ·] each
  try {
    for (let block = 0; block < blocks; block++) {
      const first = Math.floor((block * count) / blocks);
      const length = Math.floor(((block + 1) * count) / blocks) - first;
      const ids = new Int32Array(length + 1);
      tokens.read(first, ids);
      const losses = new Float32Array(length);
      const chunks = Math.max(1, Math.min(maxChunks, Math.floor(length / shortestChunk)));
      const text = { config, weights, ids, precision, losses };
      const end = await scoreChunks(text, chunks, state, {
        pause,
        onProgress: (share) => onProgress?.((first + share * length) / count),
      });
      tf.dispose(state);
      state = end;
      await onLosses({ start: first + 1, targets: ids.subarray(1), losses });
    }
  } finally {
    tf.dispose(state);
  }
}
