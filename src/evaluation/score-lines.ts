/**
 * What a model predicts of lines, each by itself: from a state of zeros it reads a line end, which every
 * line follows, and then is scored on the line's tokens and its end. That is what KenLM's `query` does
 * with `<s>`, which it reads, and `</s>`, which it scores.
 *
 * Lines of like length are scored side by side, padded to the longest of them; what a line is padded
 * with comes after it, and so has no part in its losses. Shapes: T steps, B lines side by side.
 */
import * as tf from '@tensorflow/tfjs-core';
import { type HiddenState, zeroState } from '../model/language-model.ts';
import { type ScoringModel, scoreWindow } from './score-window.ts';
import type { TokenLine } from './token-lines.ts';

/** Steps of a window at most: a longer line takes several, its state carried. */
const LONGEST_WINDOW = 64;
/** Tokens that are scored at a time: no signal waits longer. */
const WINDOW_TOKENS = 4096;
/** Lines side by side at most. */
const MOST_LINES = 256;
/** Larger shapes are multiples of it, so that there are few. */
const GRAIN = 8;

/**
 * The losses of the scored tokens of each line.
 *
 * @param pause lets others run; throws if the scoring is to end
 * @returns nats [n] a line, in the order of the lines
 */
export async function scoreLines(
  model: ScoringModel,
  lines: readonly TokenLine[],
  pause: () => Promise<void>,
): Promise<Float32Array[]> {
  const losses = lines.map(({ ids }) => new Float32Array(Math.max(0, ids.length - 1)));
  const byLength = Array.from(lines, (_, i) => i).sort(
    (a, b) => lines[b]!.ids.length - lines[a]!.ids.length || a - b,
  );
  for (let first = 0; first < byLength.length; ) {
    const steps = Math.min(LONGEST_WINDOW, lines[byLength[first]!]!.ids.length);
    const count = Math.max(1, Math.min(MOST_LINES, Math.floor(WINDOW_TOKENS / steps)));
    const batch = byLength.slice(first, first + count);
    const rows = batch.map((i) => ({ ids: lines[i]!.ids, losses: losses[i]! }));
    await scoreBatch(model, rows, pause);
    first += count;
  }
  return losses.map((line, i) => line.subarray(lines[i]!.context - 1));
}

/** A line's tokens [n + 1], and where −log p of each but the first goes [n]. */
interface Row {
  ids: Int32Array;
  losses: Float32Array;
}

/** @param rows the longest first */
async function scoreBatch(
  model: ScoringModel,
  rows: readonly Row[],
  pause: () => Promise<void>,
): Promise<void> {
  const longest = rows[0]!.losses.length;
  let state: HiddenState = zeroState(model.config, roundedUp(rows.length));
  try {
    for (let start = 0; start < longest; start += LONGEST_WINDOW) {
      const left = rows.filter(({ losses }) => losses.length > start);
      state = firstRows(state, roundedUp(left.length));
      const next = scoreRows(model, left, start, state);
      tf.dispose(state);
      state = next;
      await pause();
    }
  } finally {
    tf.dispose(state);
  }
}

/** Scores a window of the rows from step `start` on; returns the states [B, ·] after it. */
function scoreRows(
  model: ScoringModel,
  rows: readonly Row[],
  start: number,
  state: HiddenState,
): HiddenState {
  const B = state[0]!.shape[0];
  const T = Math.min(LONGEST_WINDOW, roundedUp(rows[0]!.losses.length - start));
  const inputs = new Int32Array(T * B);
  const targets = new Int32Array(T * B);
  for (const [row, { ids, losses }] of rows.entries()) {
    const steps = Math.min(T, losses.length - start);
    for (let t = 0; t < steps; t++) {
      inputs[t * B + row] = ids[start + t]!;
      targets[t * B + row] = ids[start + t + 1]!;
    }
  }
  const { next, nats } = scoreWindow(model, inputs, targets, state);
  for (const [row, { losses }] of rows.entries()) {
    const steps = Math.min(T, losses.length - start);
    for (let t = 0; t < steps; t++) losses[start + t] = nats[t * B + row]!;
  }
  return next;
}

/** The states of the first `count` rows; disposes the others. */
function firstRows(state: HiddenState, count: number): HiddenState {
  if (state[0]!.shape[0] === count) return state;
  const kept = state.map((layer) => tf.slice(layer, 0, count));
  tf.dispose(state);
  return kept;
}

function roundedUp(count: number): number {
  return count <= GRAIN ? count : Math.ceil(count / GRAIN) * GRAIN;
}
