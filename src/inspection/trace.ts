/**
 * A text as a model reads it, token by token: what it expected, and what its units did. The numbers are those of
 * an evaluation: one stream from states of zeros, through the same windows by the same operations, so that the
 * losses are `evaluate.ts`'s own. Shapes: N tokens, T steps of a window, H hidden size, V vocabulary size.
 */
import * as tf from '@tensorflow/tfjs-core';
import { WINDOW } from '../evaluation/chunk-passes.ts';
import { turnEventLoop } from '../event-loop.ts';
import { forward, type HiddenState, type Weights, zeroState } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { logProbabilitiesOf, tokenLossesOf } from '../model/predictions.ts';
import { type Activity, activitiesAt, activitiesOf } from './activity.ts';
import { type Alternative, likeliest, rankOf } from './likeliest.ts';

/** A text as it was read. At place 0 nothing was predicted. */
export interface Trace {
  /** The tokens [N]. */
  ids: Int32Array;
  /** −log p of each token given those before it, in nats [N]; NaN at place 0. */
  surprises: Float32Array;
  /** One more than there were likelier tokens [N]; 0 at place 0. */
  ranks: Int32Array;
  /** How uncertain the model was: −Σ p log p over the vocabulary, in nats [N]; NaN at place 0. */
  entropies: Float32Array;
  /** The likeliest tokens at each place [N], likeliest first; none at place 0. */
  alternatives: Alternative[][];
  /** The likeliest tokens after the last. */
  next: Alternative[];
  layers: LayerTrace[];
}

export interface LayerTrace {
  /** H */
  units: number;
  /** Of each unit as each token is read [N, H]. */
  activities: Partial<Record<Activity, Float32Array>>;
  /** What a layer that attends is handed from below [N, H], where it is asked for. */
  below: Float32Array | undefined;
}

export interface TraceOptions {
  /** How many of the likeliest tokens to name at each place. */
  alternatives: number;
  /** Whether what layers attend to is kept, which their states are made of. Default false. */
  keepsBelow?: boolean;
  signal?: AbortSignal | undefined;
}

/** @param ids at least one token [N] */
export async function traceText(
  config: ModelConfig,
  weights: Weights,
  ids: Int32Array,
  { alternatives, keepsBelow = false, signal }: TraceOptions,
): Promise<Trace> {
  const trace = emptyTrace(config, ids, keepsBelow);
  let state = zeroState(config, 1);
  try {
    for (const { start, end } of windowsOf(ids.length)) {
      const after = traceWindow(config, weights, { trace, start, end, alternatives }, state);
      tf.dispose(state);
      state = after;
      await turnEventLoop();
      signal?.throwIfAborted();
    }
  } finally {
    tf.dispose(state);
  }
  return trace;
}

/** Those of an evaluation, which never reads the last token; then that. */
function windowsOf(tokens: number): { start: number; end: number }[] {
  const starts = Array.from({ length: Math.ceil((tokens - 1) / WINDOW) }, (_, i) => i * WINDOW);
  const windows = starts.map((start) => ({ start, end: Math.min(start + WINDOW, tokens - 1) }));
  return [...windows, { start: tokens - 1, end: tokens }];
}

function emptyTrace(config: ModelConfig, ids: Int32Array, keepsBelow: boolean): Trace {
  const N = ids.length;
  const H = config.hiddenSize;
  return {
    ids,
    surprises: new Float32Array(N).fill(Number.NaN),
    ranks: new Int32Array(N),
    entropies: new Float32Array(N).fill(Number.NaN),
    alternatives: Array.from({ length: N }, () => []),
    next: [],
    layers: Array.from({ length: config.layers }, (_, layer) => ({
      units: H,
      activities: Object.fromEntries(
        activitiesOf(config).map((name) => [name, new Float32Array(N * H)]),
      ),
      below: keepsBelow && config.attentionSpan && layer > 0 ? new Float32Array(N * H) : undefined,
    })),
  };
}

interface Window {
  trace: Trace;
  /** The first token that it reads. */
  start: number;
  /** The one after its last. */
  end: number;
  alternatives: number;
}

/** Reads a window's tokens into the trace, and returns the states after them. */
function traceWindow(
  config: ModelConfig,
  weights: Weights,
  { trace, start, end, alternatives }: Window,
  before: HiddenState,
): HiddenState {
  const { ids } = trace;
  const hasNext = end < ids.length;
  return tf.tidy(() => {
    const { features, state } = forward(
      config,
      weights,
      tf.tensor1d(ids.slice(start, end)),
      before,
      {
        onLayer(pass) {
          const { activities, below } = trace.layers[pass.layer] as LayerTrace;
          const found = tf.tidy(() => activitiesAt(config, pass));
          for (const [name, values] of Object.entries(found)) {
            const kept = activities[name as Activity] as Float32Array;
            kept.set(values.dataSync<'float32'>(), start * config.hiddenSize);
          }
          below?.set(pass.below.dataSync<'float32'>(), start * config.hiddenSize);
        },
      },
    );
    if (hasNext) {
      const targets = tf.tensor1d(ids.slice(start + 1, end + 1));
      const losses = tokenLossesOf(weights, features, targets);
      trace.surprises.set(losses.dataSync<'float32'>(), start + 1);
    }
    const logProbabilities = logProbabilitiesOf(weights, features); // [T, V]
    const entropies = tf.sum(tf.mul(tf.exp(logProbabilities), logProbabilities), 1);
    const [values, sums] = [
      logProbabilities.dataSync<'float32'>(),
      entropies.dataSync<'float32'>(),
    ];
    const V = config.vocabularySize;
    for (let place = start + 1; place <= end; place++) {
      const i = place - start - 1;
      const row = values.subarray(i * V, (i + 1) * V);
      const found = likeliest(row, alternatives);
      if (place === ids.length) {
        trace.next = found;
        break;
      }
      trace.alternatives[place] = found;
      trace.entropies[place] = -sums[i]!;
      trace.ranks[place] = rankOf(row, ids[place]!);
    }
    // A state may be a view of all the window's outputs, which it would keep alive: hence copies.
    return state.map((layer) => tf.add<tf.Tensor2D>(layer, 0));
  });
}
