/**
 * What a model predicts of a text that is cut into streams, as PyTorch's word_language_model example
 * (`batchify`, `get_batch`, `evaluate` in its main.py) measures it: of N tokens, S streams get ⌊N / S⌋
 * tokens each, in the order of the text, and what is left at the end is trimmed. Each stream begins
 * with a state of zeros and carries it to its end; every token of a stream but its first is scored.
 *
 * The example adds up, over its windows of `bptt` steps, the window's length times its mean loss, and
 * divides by the steps of a stream, ⌊N / S⌋ − 1. Every window has all streams, so that this is the sum
 * of all losses over S · (⌊N / S⌋ − 1), the scored tokens: the mean here.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { TokenSequence } from '../data/token-sequence.ts';
import { turnEventLoop } from '../event-loop.ts';
import { type HiddenState, zeroState } from '../model/language-model.ts';
import type { ScoringOptions } from './evaluate.ts';
import { type ScoringModel, scoreWindow } from './score-window.ts';

/** Tokens that are scored at a time: no signal waits longer. */
const WINDOW_TOKENS = 4096;
/** Steps of a window, which the losses do not depend on. */
const LONGEST_WINDOW = 64;

/**
 * Hands `onLosses` the losses of all windows, of each its streams in turn.
 *
 * @param streams S, of at least two tokens each
 */
export async function scoreStreams(
  model: ScoringModel,
  tokens: TokenSequence,
  streams: number,
  { onLosses, onProgress, signal }: ScoringOptions,
): Promise<void> {
  const length = Math.floor(tokens.length / streams);
  const longest = Math.min(LONGEST_WINDOW, Math.max(1, Math.floor(WINDOW_TOKENS / streams)));
  let state: HiddenState = zeroState(model.config, streams);
  try {
    for (let start = 0; start < length - 1; start += longest) {
      const steps = Math.min(longest, length - 1 - start);
      const rows = Array.from({ length: streams }, (_, stream) => {
        const ids = new Int32Array(steps + 1);
        tokens.read(stream * length + start, ids);
        return ids;
      });
      const inputs = timeMajor(rows, 0, steps);
      const targets = timeMajor(rows, 1, steps);
      const { next, nats } = scoreWindow(model, inputs, targets, state);
      tf.dispose(state);
      state = next;
      for (const [stream, ids] of rows.entries()) {
        const losses = Float32Array.from(
          { length: steps },
          (_, t) => nats[t * streams + stream] as number,
        );
        const place = stream * length + start + 1;
        await onLosses({ start: place, targets: ids.subarray(1), losses });
      }
      onProgress?.((start + steps) / (length - 1));
      await turnEventLoop(signal);
    }
  } finally {
    tf.dispose(state);
  }
}

/** `steps` tokens of each row from `offset` on, [T·B] with t of row b at t·B + b. */
function timeMajor(rows: readonly Int32Array[], offset: number, steps: number): Int32Array {
  const ids = new Int32Array(steps * rows.length);
  for (const [row, from] of rows.entries()) {
    for (let t = 0; t < steps; t++) ids[t * rows.length + row] = from[offset + t]!;
  }
  return ids;
}
