/**
 * What a model predicts of a text, by the convention that all our figures follow: every token but
 * the first is scored, in one stream that begins with a state of zeros and carries it to the end;
 * nothing is trimmed. Perplexity is exp(Σ nats / Σ scored tokens), summed first and divided once.
 *
 * One stream alone would use a fraction of the machine. The text is therefore cut into chunks that
 * run side by side, first from states of zeros, then again from the state in which the chunk before
 * ended, for as long as that makes a difference. A recurrent network forgets, so this takes little
 * more than one pass, and the result is the one stream's own. Where a chunk ends before the
 * difference does, the chunks that follow are gone through one after the other: slower, and right.
 */
import * as tf from '@tensorflow/tfjs-core';
import { forward, type HiddenState, type Weights, zeroState } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { linearTokenLosses } from '../ops/linear-cross-entropy.ts';
import type { Precision } from '../ops/tensorflow-binding.ts';

export interface EvaluateOptions {
  /** Called now and then with the share of the first pass that is done, in [0, 1]. */
  onProgress?: ((share: number) => void) | undefined;
  signal?: AbortSignal | undefined;
  /** At most this many chunks side by side. Default 64. */
  maxChunks?: number | undefined;
  /** Tokens that a chunk has at least: a shorter one would be mostly run twice. Default 3072. */
  shortestChunk?: number | undefined;
  /** What products are multiplied in, where the machine can. Default float32. */
  precision?: Precision | undefined;
}

/** Steps that run at a time. */
const WINDOW = 128;
/** Passes over all chunks side by side before those that are still not right go one by one. */
const SIDE_BY_SIDE_PASSES = 6;
/** States closer than this, in every unit, count as the same; units are in (−1, 1). */
const SAME_STATE = 1e-4;

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
  { onProgress, signal, maxChunks = 64, shortestChunk = 3072, precision }: EvaluateOptions = {},
): Promise<Float32Array> {
  const count = Math.max(0, ids.length - 1);
  const chunks = Math.max(1, Math.min(maxChunks, Math.floor(count / shortestChunk)));
  const text = { config, weights, ids, precision, losses: new Float32Array(count) };
  const layout = { chunks, chunkLength: Math.floor(count / chunks) };
  const pause = async () => {
    await new Promise(setImmediate);
    signal?.throwIfAborted();
  };
  signal?.throwIfAborted();
  const passes = new ChunkPasses(text, layout, pause);
  try {
    await passes.runFromZeros(onProgress);
    if (!(await passes.runUntilSame())) await passes.runOneByOne();
    passes.runTail();
    return text.losses;
  } finally {
    passes.dispose();
  }
}

interface TextToScore {
  config: ModelConfig;
  weights: Weights;
  ids: Int32Array;
  precision: Precision | undefined;
  /** Where the results go [N]. */
  losses: Float32Array;
}

/** Chunks of equal length; a tail shorter than one of them may follow. */
interface Layout {
  chunks: number;
  chunkLength: number;
}

/** The passes over a text's chunks, and the states that they leave. */
class ChunkPasses {
  readonly #text: TextToScore;
  readonly #layout: Layout;
  readonly #pause: () => Promise<void>;
  readonly #windows: number;
  /** The states [chunks, H] after each window, by the last pass over all chunks that reached it. */
  readonly #statesAfter: HiddenState[] = [];
  /** How many chunks, from the first on, are right. */
  #rightChunks = 1;
  /** Where the last chunk truly ends [1, H], if that is not the last of the states above. */
  #end: HiddenState | undefined;

  constructor(text: TextToScore, layout: Layout, pause: () => Promise<void>) {
    this.#text = text;
    this.#layout = layout;
    this.#pause = pause;
    this.#windows = Math.ceil(layout.chunkLength / WINDOW);
  }

  /** All chunks from states of zeros: right for the first of them. */
  async runFromZeros(onProgress?: (share: number) => void): Promise<void> {
    let state = zeroState(this.#text.config, this.#layout.chunks);
    const zeros = state;
    for (let window = 0; window < this.#windows; window++) {
      state = this.#runWindow(window, 0, state);
      if (window === 0) tf.dispose(zeros);
      this.#statesAfter.push(state);
      onProgress?.((window + 1) / this.#windows);
      await this.#pause();
    }
  }

  /** Passes over all chunks, few enough; returns whether they made every chunk right. */
  async runUntilSame(): Promise<boolean> {
    for (let pass = 0; pass < SIDE_BY_SIDE_PASSES; pass++) {
      if (this.#rightChunks >= this.#layout.chunks) return true;
      if (await this.#runFromEnds()) return true;
      this.#rightChunks += 1;
    }
    return this.#rightChunks >= this.#layout.chunks;
  }

  /**
   * All chunks again, each from the end of the one before. Returns whether every chunk came to where
   * it had been, from where on it was right already; otherwise one more chunk is.
   */
  async #runFromEnds(): Promise<boolean> {
    let state = tf.tidy(() => shiftStates(this.#statesAfter.at(-1) as HiddenState));
    const starts = state;
    for (let window = 0; window < this.#windows; window++) {
      const next = this.#runWindow(window, 0, state);
      if (window === 0) tf.dispose(starts);
      const before = this.#statesAfter[window] as HiddenState;
      const isSame = areSame(before, next);
      tf.dispose(before);
      this.#statesAfter[window] = state = next;
      if (isSame) return true;
      await this.#pause();
    }
    return false;
  }

  /** The chunks that are not right yet, one after the other, each until it is where it had been. */
  async runOneByOne(): Promise<void> {
    const lastWindow = this.#windows - 1;
    let state = this.#chunkState(lastWindow, this.#rightChunks - 1); // [1, H]
    for (let chunk = this.#rightChunks; chunk < this.#layout.chunks; chunk++) {
      for (let window = 0; window < this.#windows; window++) {
        const next = this.#runWindow(window, chunk, state);
        tf.dispose(state);
        state = next;
        const before = this.#chunkState(window, chunk);
        const isSame = areSame(before, state);
        tf.dispose(before);
        if (isSame) {
          tf.dispose(state);
          state = this.#chunkState(lastWindow, chunk);
          break;
        }
        await this.#pause();
      }
    }
    this.#end = state;
  }

  /** The few tokens that chunks of equal length leave. */
  runTail(): void {
    const { ids, losses, config } = this.#text;
    const from = this.#layout.chunks * this.#layout.chunkLength;
    if (from >= losses.length) return;
    if (!this.#end && this.#windows > 0) {
      this.#end = this.#chunkState(this.#windows - 1, this.#layout.chunks - 1);
    }
    const state = this.#end ?? zeroState(config, 1);
    this.#end = state;
    const scored = scoreWindow(this.#text, ids.slice(from, -1), ids.slice(from + 1), state);
    losses.set(scored.nats, from);
    tf.dispose(scored.next);
  }

  dispose(): void {
    tf.dispose(this.#statesAfter);
    tf.dispose(this.#end ?? []);
  }

  /** A chunk's own state [1, H] after a window. */
  #chunkState(window: number, chunk: number): HiddenState {
    return (this.#statesAfter[window] as HiddenState).map((layer) => tf.slice(layer, chunk, 1));
  }

  /**
   * Runs a window of as many chunks as `state` has rows, from `firstChunk` on, and writes its losses
   * to their places. Returns the state after it.
   */
  #runWindow(window: number, firstChunk: number, state: HiddenState): HiddenState {
    const { ids, losses } = this.#text;
    const { chunkLength } = this.#layout;
    const rows = state[0]!.shape[0];
    const first = firstChunk * chunkLength + window * WINDOW;
    const steps = Math.min(WINDOW, chunkLength - window * WINDOW);
    const inputs = new Int32Array(steps * rows);
    const targets = new Int32Array(steps * rows);
    const placeOf = (t: number, row: number) => first + row * chunkLength + t;
    for (let t = 0; t < steps; t++) {
      for (let row = 0; row < rows; row++) {
        inputs[t * rows + row] = ids[placeOf(t, row)]!;
        targets[t * rows + row] = ids[placeOf(t, row) + 1]!;
      }
    }
    const { next, nats } = scoreWindow(this.#text, inputs, targets, state);
    for (let t = 0; t < steps; t++) {
      for (let row = 0; row < rows; row++) losses[placeOf(t, row)] = nats[t * rows + row]!;
    }
    return next;
  }
}

/** The losses of a window, time-major as its ids [T·B], and the state after it. */
function scoreWindow(
  { config, weights, precision }: TextToScore,
  inputs: Int32Array,
  targets: Int32Array,
  state: HiddenState,
): { next: HiddenState; nats: Float32Array } {
  let nats = new Float32Array();
  const next = tf.tidy(() => {
    const { features, state: after } = forward(config, weights, tf.tensor1d(inputs), state, {
      precision,
    });
    const losses = linearTokenLosses(
      features,
      weights['fc.weight'] as tf.Tensor2D,
      weights['fc.bias'] as tf.Tensor1D,
      tf.tensor1d(targets),
      precision,
    );
    nats = Float32Array.from(losses.dataSync());
    return after;
  });
  return { next, nats };
}

/** Where each chunk begins: zeros for the first, for the others the end of the one before. */
function shiftStates(ends: HiddenState): HiddenState {
  return ends.map((layer) => {
    const [chunks, H] = layer.shape;
    return tf.concat2d([tf.zeros([1, H]), tf.slice(layer, 0, chunks - 1)], 0);
  });
}

function areSame(a: HiddenState, b: HiddenState): boolean {
  return a.every((layer, i) => {
    const largest = tf.tidy(() => tf.max(tf.abs(tf.sub(layer, b[i]!))).dataSync()[0] as number);
    return largest <= SAME_STATE;
  });
}
