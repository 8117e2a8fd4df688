/** Makes text: a model that reads a prompt and goes on from it, token by token. */
import * as tf from '@tensorflow/tfjs-core';
import type { Tokenizer } from '../data/tokenizer.ts';
import {
  forward,
  type HiddenState,
  logitsOf,
  type Weights,
  zeroState,
} from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import type { Random } from '../random.ts';
import { type ChoiceOptions, chooseToken, natsOf } from './choose-token.ts';

export interface GenerateOptions extends ChoiceOptions {
  /** Tokens to make, at most. */
  length: number;
  /** End before this text. */
  stop?: string | undefined;
}

/** A piece of text as it is made. */
export interface GeneratedPiece {
  text: string;
  /**
   * −log p, by the model itself whatever temperature and filters did, of the token that brought the
   * piece; absent for text that was only held back.
   */
  nats?: number;
}

/**
 * Goes on from a prompt.
 *
 * Pieces hold the new text only. With `stop`, text is held back while it may be the beginning of the
 * stop text. Stopping the iteration early releases what the generator holds.
 *
 * @param prompt token ids to read first; none: as at the start of a line
 */
export function* generate(
  config: ModelConfig,
  weights: Weights,
  tokenizer: Tokenizer,
  prompt: ArrayLike<number>,
  options: GenerateOptions,
  random: Random,
): Generator<GeneratedPiece, void, void> {
  const context = prompt.length > 0 ? prompt : lineStart(tokenizer);
  let { state, logits } = advance(config, weights, zeroState(config, 1), context);
  const held = new StopBuffer(options.stop);
  let previous = context[context.length - 1]!;
  try {
    for (let i = 0; i < options.length; i++) {
      const id = chooseToken(logits, options, random, tokenizer.unknownId);
      const nats = natsOf(logits, id);
      const before = prompt.length > 0 || i > 0 ? previous : undefined;
      const { text, stopped } = held.push(pieceOf(tokenizer, before, id));
      yield { text, nats };
      if (stopped) return;
      previous = id;
      if (i + 1 < options.length) ({ state, logits } = advance(config, weights, state, [id]));
    }
    const text = held.flush();
    if (text) yield { text };
  } finally {
    tf.dispose(state);
  }
}

/** Reads tokens: the state after them, and the scores [V] of what comes next. Disposes `state`. */
function advance(
  config: ModelConfig,
  weights: Weights,
  state: HiddenState,
  ids: ArrayLike<number>,
): { state: HiddenState; logits: Float32Array } {
  let logits = new Float32Array();
  const next = tf.tidy(() => {
    const inputs = tf.tensor1d(Int32Array.from(ids));
    const { features, state: after } = forward(config, weights, inputs, state);
    const last = tf.slice(features, features.shape[0] - 1, 1); // [1, H]
    logits = Float32Array.from(logitsOf(weights, last).dataSync<'float32'>());
    return after;
  });
  tf.dispose(state);
  return { state: next, logits };
}

/** What a token adds to the text, given the one before it. */
function pieceOf(tokenizer: Tokenizer, previous: number | undefined, id: number): string {
  if (previous === undefined) return tokenizer.decode([id]);
  return tokenizer.decode([previous, id]).slice(tokenizer.decode([previous]).length);
}

/** The token after which a line starts, or else the vocabulary's first. */
function lineStart(tokenizer: Tokenizer): Int32Array {
  const ids = tokenizer.encode('\n');
  return ids.length === 1 && ids[0] !== tokenizer.unknownId ? ids : Int32Array.of(0);
}

/** Holds back text that may turn out to begin the stop text. */
class StopBuffer {
  readonly #stop: string | undefined;
  #held = '';

  constructor(stop: string | undefined) {
    this.#stop = stop;
  }

  push(piece: string): { text: string; stopped: boolean } {
    if (this.#stop === undefined) return { text: piece, stopped: false };
    const all = this.#held + piece;
    const at = all.indexOf(this.#stop);
    if (at >= 0) {
      this.#held = '';
      return { text: all.slice(0, at), stopped: true };
    }
    let hold = Math.min(this.#stop.length - 1, all.length);
    while (hold > 0 && !this.#stop.startsWith(all.slice(all.length - hold))) hold -= 1;
    this.#held = all.slice(all.length - hold);
    return { text: all.slice(0, all.length - hold), stopped: false };
  }

  flush(): string {
    const text = this.#held;
    this.#held = '';
    return text;
  }
}
