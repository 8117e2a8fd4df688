/** Makes many texts at a time: the model reads a token of each in one step. */
import { Stepper, type StreamState } from '../model/stepper.ts';
import type { Random } from '../random.ts';
import type { TokenChooser } from './choose-token.ts';
import { type ReadState, readAll, type TextModel, type TextState } from './text-model.ts';
import { type StreamOptions, TextStream } from './text-stream.ts';

/** A text that is to be made. */
export interface TextJob {
  /** Where it goes on from; texts one after the other with the same start read it once. */
  readonly start: TextState;
  readonly random: Random;
}

/** A text that is made. */
export interface MadeText {
  /** The place of its job among all, from 0. */
  readonly index: number;
  /** Where it went on from. */
  readonly start: TextState;
  readonly text: string;
  /** The tokens that made it. */
  readonly ids: number[];
  /** The sum of −log p of them. */
  readonly nats: number;
  /** How long it was in the making, beside others. */
  readonly seconds: number;
}

/** Scores in memory at a time, for any vocabulary. */
const MOST_SCORES = 1 << 22;
const MOST_STREAMS = 256;

/** How many texts to make at a time. */
export function streamsFor(vocabularySize: number): number {
  return Math.max(1, Math.min(MOST_STREAMS, Math.floor(MOST_SCORES / vocabularySize)));
}

interface Row {
  readonly index: number;
  readonly start: TextState;
  readonly stream: TextStream;
  readonly ids: number[];
  readonly startedMs: number;
  text: string;
  nats: number;
  /** The row of the stepper that has read all but the next token, or what that is to begin with. */
  source: number | StreamState;
  logProbabilities: Float32Array;
}

/**
 * Makes the texts of `jobs`: of each, the text that it would have alone. Whenever one is done, the next takes
 * its place.
 *
 * Yields after each step what was done with it, in no particular order; stopping the iteration early
 * releases what is held.
 *
 * @param streams how many are made at a time
 * @param signal ends all when it aborts: those that have begun are given as they are then
 */
export function* generateSideBySide(
  model: TextModel,
  jobs: Iterable<TextJob>,
  chooser: TokenChooser,
  options: StreamOptions,
  streams: number,
  signal?: AbortSignal,
): Generator<MadeText[], void, void> {
  const starts = startRows(model, jobs[Symbol.iterator](), chooser, options);
  let rows: Row[] = [];
  let stepper: Stepper | undefined;
  try {
    for (;;) {
      let isMore = true;
      while (isMore && rows.length < streams && !signal?.aborted) {
        const { done, value } = starts.next();
        if (value) rows.push(value);
        else if (!done) yield [];
        isMore = !done;
      }
      if (rows.length === 0) return;
      if (signal?.aborted) {
        yield rows.filter(({ ids }) => ids.length > 0).map(finish);
        return;
      }
      for (const row of rows) takeToken(row);
      const made = rows.filter(({ stream }) => stream.end).map(finish);
      rows = rows.filter(({ stream }) => !stream.end);
      if (rows.length > 0) {
        const sources = rows.map(({ source }) => source);
        if (stepper) stepper.arrange(sources);
        else stepper = new Stepper(model.config, model.weights, sources as StreamState[]);
        const ids = Int32Array.from(rows, (row) => row.ids.at(-1)!);
        spread(stepper.read(ids), rows);
      }
      yield made;
    }
  } finally {
    starts.return();
    stepper?.dispose();
  }
}

/** The rows of jobs, one after the other; undefined while a long prompt is read. */
function* startRows(
  model: TextModel,
  jobs: Iterator<TextJob>,
  chooser: TokenChooser,
  options: StreamOptions,
): Generator<Row | undefined, void, void> {
  let last: { start: TextState; read: ReadState } | undefined;
  for (let index = 0; ; index++) {
    const { done, value: job } = jobs.next();
    if (done) return;
    const { start, random } = job;
    const startedMs = performance.now();
    if (last?.start !== start) {
      const reading = readAll(model, start);
      try {
        let step = reading.next();
        for (; !step.done; step = reading.next()) yield undefined;
        last = { start, read: step.value };
      } finally {
        reading.return(undefined as never);
      }
    }
    const { memory, logProbabilities } = last.read;
    const stream = new TextStream(model.tokenizer, chooser, options, random, start);
    yield {
      ...{ index, start, stream, startedMs, logProbabilities },
      ...{ ids: [], text: '', nats: 0, source: memory },
    };
  }
}

/** Chooses the next token of a text. */
function takeToken(row: Row): void {
  const { id, text, nats } = row.stream.next(row.logProbabilities);
  row.ids.push(id);
  row.text += text;
  row.nats += nats;
}

function finish({ index, start, stream, ids, text, nats, startedMs }: Row): MadeText {
  const seconds = (performance.now() - startedMs) / 1000;
  return { index, start, text: text + stream.rest(), ids, nats, seconds };
}

/** Hands each row its share of what comes next [B · V]. */
function spread(logProbabilities: Float32Array, rows: readonly Row[]): void {
  const V = logProbabilities.length / rows.length;
  for (const [i, row] of rows.entries()) {
    row.logProbabilities = logProbabilities.subarray(i * V, (i + 1) * V);
    row.source = i;
  }
}
