/**
 * Scores a piece of text in chunks side by side, with the losses of one stream: `evaluate.ts` says
 * how that goes.
 */
import * as tf from '@tensorflow/tfjs-core';
import { type HiddenState, zeroState } from '../model/language-model.ts';
import { recurrentStateCount } from '../model/states.ts';
import { mayRoundToTf32, type Precision } from '../ops/tensorflow-binding.ts';
import { type ScoringModel, scoreWindow } from './score-window.ts';

interface TextToScore extends ScoringModel {
  /** The tokens, and before them the one that precedes them [N + 1]. */
  ids: Int32Array;
  /** Where the results go [N]: the i-th is −log p(ids[i + 1] | all before it). */
  losses: Float32Array;
}

interface PassOptions {
  /** Lets others run; throws if the scoring is to end. */
  pause: () => Promise<void>;
  /** Called with the share of the first pass that is done, in [0, 1]. */
  onProgress: (share: number) => void;
}

/**
 * Steps that run at a time: in all chunks side by side, about as long as a step of training takes, and
 * no signal waits longer than that.
 */
export const WINDOW = 64;
/** Passes over all chunks side by side before those that are still not right go one by one. */
const SIDE_BY_SIDE_PASSES = 6;
/**
 * States closer than this in every unit count as the same, relative to units beyond ±1, as cells of an
 * LSTM may be. By about half as much do products in bfloat16 part two states that were the same but for
 * their last digits, however long both go on; the mean loss is the same to 1e-5 all the while. float16 has
 * three bits more, and so has TF32, in which layers multiply where {@link mayRoundToTf32} says so.
 */
const SAME_STATE: Record<Precision, number> = { float32: 1e-4, bfloat16: 0.05, float16: 0.007 };

/**
 * Scores `text` in `chunks` chunks of equal length and the few tokens that these leave.
 *
 * @param start the states [1, ·] before the text
 * @returns the states [1, ·] after it
 */
export async function scoreChunks(
  text: TextToScore,
  chunks: number,
  start: HiddenState,
  { pause, onProgress }: PassOptions,
): Promise<HiddenState> {
  const layout = { chunks, chunkLength: Math.floor(text.losses.length / chunks) };
  const passes = new ChunkPasses(text, layout, start, pause);
  try {
    await passes.runFromZeros(onProgress);
    if (!(await passes.runUntilSame())) await passes.runOneByOne();
    return passes.runTail();
  } finally {
    passes.dispose();
  }
}

/** Chunks of equal length; a tail of fewer tokens than there are chunks may follow. */
interface Layout {
  chunks: number;
  chunkLength: number;
}

/**
 * The passes over a text's chunks, and the states that they leave.
 *
 * What layers attend to is far larger than their own states, and so only kept where chunks end. It is the
 * same, too, where their own states were the same after every window for long enough: the first layer's
 * outputs are from the first of these windows on; what the second attends to is once it has no older ones;
 * with that and its own state then the same, its outputs are from there on; and so up the layers.
 */
class ChunkPasses {
  readonly #text: TextToScore;
  readonly #layout: Layout;
  readonly #start: HiddenState;
  readonly #pause: () => Promise<void>;
  readonly #windows: number;
  /** How many of the states are the layers' own. */
  readonly #ownStates: number;
  /** For how many steps they must have been the same for all states to be. */
  readonly #stepsToBeSame: number;
  /**
   * The states [chunks, ·] after each window, by the last pass over all chunks that reached it; of all
   * windows but the last the layers' own alone.
   */
  readonly #statesAfter: HiddenState[] = [];
  /** How many chunks, from the first on, are right. */
  #rightChunks = 1;
  /** Where the chunks that went one by one truly end [1, ·], if any did. */
  #end: HiddenState | undefined;

  constructor(text: TextToScore, layout: Layout, start: HiddenState, pause: () => Promise<void>) {
    this.#text = text;
    this.#layout = layout;
    this.#start = start;
    this.#pause = pause;
    this.#windows = Math.ceil(layout.chunkLength / WINDOW);
    const { layers, attentionSpan = 0 } = text.config;
    this.#ownStates = recurrentStateCount(text.config);
    this.#stepsToBeSame = (layers - 1) * Math.ceil(attentionSpan / WINDOW) * WINDOW;
  }

  /** All chunks from states of zeros but the first, which is right from its start. */
  async runFromZeros(onProgress: (share: number) => void): Promise<void> {
    const zeros = zeroState(this.#text.config, this.#layout.chunks);
    let state = this.#startsAfter(zeros);
    tf.dispose(zeros);
    const starts = state;
    for (let window = 0; window < this.#windows; window++) {
      state = this.#runWindow(window, 0, state);
      if (window === 0) tf.dispose(starts);
      else this.#forgetMemories(window - 1);
      this.#statesAfter.push(state);
      onProgress((window + 1) / this.#windows);
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
    let state = this.#startsAfter(this.#statesAfter.at(-1) as HiddenState);
    const starts = state;
    let sameFrom: number | undefined;
    for (let window = 0; window < this.#windows; window++) {
      const next = this.#runWindow(window, 0, state);
      if (window === 0) tf.dispose(starts);
      else this.#forgetMemories(window - 1);
      const before = this.#statesAfter[window] as HiddenState;
      sameFrom = this.#areSame(before, next) ? (sameFrom ?? this.#endOf(window)) : undefined;
      tf.dispose(before);
      this.#statesAfter[window] = state = next;
      if (this.#areAllSame(sameFrom, window)) return true;
      await this.#pause();
    }
    return false;
  }

  /** The chunks that are not right yet, one after the other, each until it is where it had been. */
  async runOneByOne(): Promise<void> {
    const lastWindow = this.#windows - 1;
    this.#end = this.#chunkState(lastWindow, this.#rightChunks - 1);
    for (let chunk = this.#rightChunks; chunk < this.#layout.chunks; chunk++) {
      let sameFrom: number | undefined;
      for (let window = 0; window < this.#windows; window++) {
        const next = this.#runWindow(window, chunk, this.#end);
        tf.dispose(this.#end);
        this.#end = next;
        const before = this.#chunkState(window, chunk);
        sameFrom = this.#areSame(before, next) ? (sameFrom ?? this.#endOf(window)) : undefined;
        tf.dispose(before);
        if (this.#areAllSame(sameFrom, window)) {
          tf.dispose(next);
          this.#end = this.#chunkState(lastWindow, chunk);
          break;
        }
        await this.#pause();
      }
    }
  }

  /** The few tokens that chunks of equal length leave. Returns the states [1, ·] at the very end. */
  runTail(): HiddenState {
    const { ids, losses } = this.#text;
    const end = this.#end ?? this.#chunkState(this.#windows - 1, this.#layout.chunks - 1);
    this.#end = undefined;
    const from = this.#layout.chunks * this.#layout.chunkLength;
    if (from >= losses.length) return end;
    const scored = scoreWindow(this.#text, ids.slice(from, -1), ids.slice(from + 1), end);
    losses.set(scored.nats, from);
    tf.dispose(end);
    return scored.next;
  }

  dispose(): void {
    tf.dispose(this.#statesAfter);
    tf.dispose(this.#end ?? []);
  }

  /** Where chunks begin [chunks, ·]: the text's start, and where those before them end. */
  #startsAfter(ends: HiddenState): HiddenState {
    const others = this.#layout.chunks - 1;
    if (others === 0) return this.#start.map((layer) => tf.clone(layer));
    return tf.tidy(() =>
      ends.map((layer, i) => tf.concat2d([this.#start[i]!, tf.slice(layer, 0, others)], 0)),
    );
  }

  /** What layers attend to after a window is of no use once the next one was run. */
  #forgetMemories(window: number): void {
    tf.dispose((this.#statesAfter[window] as HiddenState).splice(this.#ownStates));
  }

  /** Whether the layers' own states are. */
  #areSame(a: HiddenState, b: HiddenState): boolean {
    const limit = SAME_STATE[mayRoundToTf32() ? 'float16' : (this.#text.precision ?? 'float32')];
    return a.slice(0, this.#ownStates).every((layer, i) => {
      const largest = tf.tidy(() => {
        const difference = tf.abs(tf.sub(layer, b[i]!));
        return tf.max(tf.div(difference, tf.maximum(tf.abs(layer), 1))).dataSync()[0] as number;
      });
      return largest <= limit;
    });
  }

  /** Whether all states are the same after a window, the layers' own being so from a step of a chunk on. */
  #areAllSame(from: number | undefined, window: number): boolean {
    return from !== undefined && this.#endOf(window) - from >= this.#stepsToBeSame;
  }

  /** The steps of a chunk up to the end of a window. */
  #endOf(window: number): number {
    return Math.min((window + 1) * WINDOW, this.#layout.chunkLength);
  }

  /** A chunk's states [1, ·] after a window, as far as they are kept. */
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
    const steps = this.#endOf(window) - window * WINDOW;
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
