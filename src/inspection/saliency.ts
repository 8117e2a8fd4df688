/**
 * What a prediction rests on: how log p of a token changes with the embeddings of those before it. For x the
 * embedding read at an earlier place, two numbers are given:
 *
 * - `contributions`: x · ∂log p/∂x, the change of log p to first order if x grew by its own length; its sum is
 *   what log p would lose, were log p linear in all these embeddings, without them (gradient × input: Denil,
 *   Demiraj and de Freitas, "Extraction of salient sentences from labelled documents", 2014; Shrikumar et al.,
 *   "Not just a black box", 2016);
 * - `gradients`: ‖∂log p/∂x‖, how much log p would change with a small change of x in the worst direction (the
 *   first-derivative saliency of Li et al., "Visualizing and understanding neural models in NLP", 2016, by its
 *   length).
 *
 * The state before the first of these embeddings is taken as given, as the model had it there.
 *
 * Shapes: N tokens, T steps, B predictions at a time, E embedding size, H hidden size, V vocabulary size.
 */
import * as tf from '@tensorflow/tfjs-core';
import { turnEventLoop } from '../event-loop.ts';
import { cellKind } from '../model/cells.ts';
import { forward, type HiddenState, type Weights } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { meanLossOf } from '../model/predictions.ts';
import { embeddingLookup } from '../ops/embedding-lookup.ts';
import { withoutWeightGradients } from '../ops/register.ts';
import type { Precision } from '../ops/tensorflow-binding.ts';
import type { LayerTrace, Trace } from './trace.ts';

/** Of the prediction of the token at `place`. */
export interface Saliency {
  place: number;
  /** The first place that is weighed; the last is `place` − 1. */
  start: number;
  /** x · ∂log p/∂x of each place [place − start]. */
  contributions: Float32Array;
  /** ‖∂log p/∂x‖ of each place [place − start]. */
  gradients: Float32Array;
}

export interface SaliencyOptions {
  /** How many tokens before the prediction are weighed, at most. */
  span: number;
  /** What products are multiplied in, where the machine can. Default float32. */
  precision?: Precision | undefined;
  signal?: AbortSignal | undefined;
}

/** Predictions that go side by side: enough to fill large products; more are no faster. */
const PLACES_AT_A_TIME = 128;

/**
 * @param trace of a model with attention, one that `keepsBelow`
 * @param places each in [1, N)
 */
export async function weighTokens(
  config: ModelConfig,
  weights: Weights,
  trace: Trace,
  places: readonly number[],
  { span, precision, signal }: SaliencyOptions,
): Promise<Saliency[]> {
  const found: Saliency[] = [];
  for (let first = 0; first < places.length; first += PLACES_AT_A_TIME) {
    const some = places.slice(first, first + PLACES_AT_A_TIME);
    found.push(...weighBatch(config, weights, trace, some, span, precision));
    await turnEventLoop();
    signal?.throwIfAborted();
  }
  return found;
}

/**
 * Each prediction is a stream of its own, of as many steps for all. One that has fewer tokens before it goes on
 * past its prediction, which changes nothing: a prediction does not depend on later tokens.
 */
function weighBatch(
  config: ModelConfig,
  weights: Weights,
  trace: Trace,
  places: readonly number[],
  span: number,
  precision: Precision | undefined,
): Saliency[] {
  const { ids } = trace;
  const B = places.length;
  const T = Math.min(span, Math.max(...places));
  const starts = places.map((place) => Math.max(0, place - T));
  const read = new Int32Array(T * B);
  for (let t = 0; t < T; t++) {
    for (let b = 0; b < B; b++) read[t * B + b] = ids[starts[b]! + t]!;
  }
  let contributions = new Float32Array(); // [T·B]
  let gradients = new Float32Array(); // [T·B]
  tf.tidy(() => {
    const table = weights['embedding.weight'] as tf.Tensor2D; // [V, E]
    const embeddings = embeddingLookup(table, tf.tensor1d(read)); // [T·B, E]
    const state = statesAt(config, trace, starts);
    const before = places.map((place, b) => (place - 1 - starts[b]!) * B + b);
    const rows = tf.tensor1d(Int32Array.from(before)); // of what each prediction is made of
    const targets = tf.tensor1d(Int32Array.from(places, (place) => ids[place]!));
    const lossOf = () => {
      const inOrder = tf.range(0, T * B, 1, 'int32');
      const own = { ...weights, 'embedding.weight': embeddings };
      const { features } = forward(config, own, inOrder, state, { precision });
      return meanLossOf(weights, embeddingLookup(features, rows), targets, precision);
    };
    const { grads } = withoutWeightGradients(() => tf.engine().gradients(lossOf, [embeddings]));
    const gradient = tf.mul(grads[0]!, -B); // of Σ log p, of which each term is of one stream alone
    contributions = Float32Array.from(tf.sum(tf.mul(gradient, embeddings), 1).dataSync());
    gradients = Float32Array.from(tf.sqrt(tf.sum(tf.square(gradient), 1)).dataSync());
  });
  return places.map((place, b) => {
    const start = starts[b]!;
    const column = (values: Float32Array) =>
      Float32Array.from({ length: place - start }, (_, t) => values[t * B + b]!);
    return { place, start, contributions: column(contributions), gradients: column(gradients) };
  });
}

/** The states of as many streams as there are `starts`, before each of these places, by `stateSpecs`. */
function statesAt(config: ModelConfig, trace: Trace, starts: readonly number[]): HiddenState {
  const { hiddenSize: H, attentionSpan = 0 } = config;
  const names = cellKind(config.cell).states.map((state) => (state === 'c' ? 'cell' : 'state'));
  const rowsOf = (values: Float32Array, steps: number) => {
    const rows = new Float32Array(starts.length * steps * H); // [B, steps, H], the oldest first
    for (const [b, start] of starts.entries()) {
      const first = Math.max(0, start - steps);
      const known = values.subarray(first * H, start * H);
      rows.set(known, ((b + 1) * steps - (start - first)) * H);
    }
    return tf.tensor2d(rows, [starts.length, steps * H]);
  };
  const own = trace.layers.flatMap(({ activities }) =>
    names.map((name) => rowsOf(activities[name] as Float32Array, 1)),
  );
  const attending = attentionSpan === 0 ? [] : trace.layers.slice(1);
  return [...own, ...attending.map((layer) => rowsOf(belowOf(layer), attentionSpan))];
}

function belowOf({ below }: LayerTrace): Float32Array {
  if (below) return below;
  throw new Error('expected a trace that keeps what layers attend to, found one that does not');
}
