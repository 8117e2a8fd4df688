/**
 * Runs that are limited by time, by a clock that goes forward only as text is read: the same each time,
 * so that one that was interrupted can be held against one that was not.
 */
import { createHash } from 'node:crypto';
import { encodeJson } from '../../src/checkpoint/json.ts';
import { encodeSafetensors } from '../../src/checkpoint/safetensors-writer.ts';
import { TokenArray, type TokenSequence } from '../../src/data/token-sequence.ts';
import { trainTokenizer } from '../../src/data/tokenizer.ts';
import { trainRun } from '../../src/training/run.ts';
import type { RunConfig } from '../../src/training/run-options.ts';
import type { RunSnapshot } from '../../src/training/run-snapshot.ts';

const BATCH = 4;
/** In milliseconds, and exact in binary, whatever is added up. */
const STEP_MS = 1000 / 64;
const VALIDATION_MS = 12 * STEP_MS;

const line = 'the quick brown fox jumps over the lazy dog\n';
// Some of it occurs once.
const text = `${line.repeat(13)}1, 2; 3: ${line.repeat(26)}`;
const tokenizer = trainTokenizer(text, { kind: 'char' });
const ids = tokenizer.encode(text);

const CONFIG: RunConfig = {
  model: {
    vocabularySize: tokenizer.vocabularySize,
    embeddingSize: 4,
    hiddenSize: 8,
    layers: 2,
    gruVariant: 'reset-after',
    dropout: 0.2,
  },
  ...{ batchSize: BATCH, bptt: 8, seed: 3, precision: 'float32' },
  ...{ optimizer: 'adam', clipNorm: 1, clipValue: 0, weightDecay: 0 },
  ...{ learningRate: 0.02, learningRateDecay: 'cosine', warmup: 0.05 },
  sampleEvery: 0,
};

/** Text that takes time to train on or to evaluate, but not to look through before. */
class SlowText implements TokenSequence {
  readonly length: number;
  readonly #tokens: TokenArray;
  readonly #onRead: () => void;
  readonly #trains: boolean;

  constructor(tokens: Int32Array, onRead: () => void, { trains }: { trains: boolean }) {
    this.#tokens = new TokenArray(tokens);
    this.length = tokens.length;
    this.#onRead = onRead;
    this.#trains = trains;
  }

  read(start: number, target: Int32Array, pass?: number): void {
    if (!this.#trains || pass !== undefined) this.#onRead();
    this.#tokens.read(start, target);
  }
}

/** Where a run is interrupted: in the `count`th step or validation of the session. */
export interface Interruption {
  in: 'step' | 'validation';
  count: number;
}

export interface TimedRun {
  /** Of the last snapshot, its times included. */
  hash: string;
  steps: number;
  validations: number;
  /** Sessions that it took. */
  sessions: number;
}

/**
 * A run of so many seconds, of which steps take a 64th each, interrupted at each of `interruptions` in
 * turn, a session each.
 */
export async function timedRun(
  maxTime: number,
  interruptions: readonly Interruption[] = [],
): Promise<TimedRun> {
  let snapshot: RunSnapshot | undefined;
  let sessions = 0;
  for (const interruption of [...interruptions, undefined]) {
    // Time passes between sessions, too, and does not count.
    const session = await trainOnce(
      { ...CONFIG, maxTime },
      interruption,
      snapshot,
      3600_000 * sessions,
    );
    snapshot = session ?? snapshot;
    sessions += 1;
    if (snapshot?.run.finished) break;
  }
  if (!snapshot?.run.finished) throw new Error('expected the run to come to its end');
  const { history, progress } = snapshot;
  return { hash: hashOf(snapshot), steps: progress.step, validations: history.length, sessions };
}

/** One session; returns the last snapshot, as it would be read from a file. */
async function trainOnce(
  config: RunConfig,
  interruption: Interruption | undefined,
  resumeFrom: RunSnapshot | undefined,
  startMs: number,
): Promise<RunSnapshot | undefined> {
  const controller = new AbortController();
  const left = { step: 0, validation: 0 };
  if (interruption) left[interruption.in] = interruption.count;
  let ms = startMs;
  const after = (what: Interruption['in'], takesMs: number, reads: number) => () => {
    ms += takesMs / reads;
    left[what] -= 1 / reads;
    if (left[what] === 0) controller.abort();
  };
  const split = ids.length - 300;
  const data = {
    tokenizer,
    train: new SlowText(ids.slice(0, split), after('step', STEP_MS, BATCH), { trains: true }),
    valid: new SlowText(ids.slice(split), after('validation', VALIDATION_MS, 1), { trains: false }),
  };
  let last: RunSnapshot | undefined;
  const options = { resumeFrom, signal: controller.signal, now: () => ms };
  for await (const event of trainRun(config, data, options)) {
    if (event.type === 'save') last = stored(event.snapshot);
  }
  return last;
}

/** As files keep it. */
function stored({ parameters, optimizer, hiddenState, ...rest }: RunSnapshot): RunSnapshot {
  const json = JSON.parse(new TextDecoder().decode(encodeJson(rest, 'snapshot'))) as typeof rest;
  return { ...structuredClone({ parameters, optimizer, hiddenState }), ...json };
}

function hashOf({ parameters, optimizer, hiddenState, ...rest }: RunSnapshot): string {
  const hash = createHash('sha256');
  for (const tensors of [parameters, optimizer, hiddenState])
    hash.update(encodeSafetensors(tensors));
  return hash.update(encodeJson(rest, 'snapshot')).digest('hex');
}
