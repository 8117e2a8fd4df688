/**
 * Trains with settings that diverge, under each answer to that, and looks through every checkpoint that
 * is saved: none holds a number that is not finite, and every run ends at its end or with an explanation.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCheckpoint } from '../src/checkpoint/model.ts';
import { ALL_PARTS } from '../src/checkpoint/resumable.ts';
import { saveCheckpoint } from '../src/checkpoint/save.ts';
import { contentsOf, snapshotOf } from '../src/commands/train-checkpoint.ts';
import { modelConfigOf, resolveTrainOptions } from '../src/config/train.ts';
import type { TrainOptions, trainOptions } from '../src/config/train-options.ts';
import { TokenArray } from '../src/data/token-sequence.ts';
import { trainTokenizer } from '../src/data/tokenizer.ts';
import { UserError } from '../src/errors.ts';
import type { GivenOptions } from '../src/option-table.ts';
import { selectBackend } from '../src/runtime/backend.ts';
import type { OnNan } from '../src/training/divergence.ts';
import { trainRun } from '../src/training/run.ts';
import type { RunEvent } from '../src/training/run-events.ts';
import type { RunStore } from '../src/training/run-options.ts';
import { nonFiniteTensor } from '../src/training/run-snapshot.ts';
import type { FigureRow, Scenario } from './scenario.ts';

export interface DivergenceOptions {
  readonly optimizers: readonly TrainOptions['optimizer'][];
  readonly learningRates: readonly number[];
  readonly clipNorms: readonly number[];
  readonly steps: number;
}

export interface DivergenceFigures {
  runs: number;
  /** Checkpoints saved, read again from disk, and looked through. */
  checkpoints: number;
  rollbacks: number;
  skipped: number;
  /** Runs that came to their end, of them those that were healed by a rollback or a step left out. */
  ended: number;
  healed: number;
  /** Runs that ended with an explanation. */
  explained: number;
}

const ANSWERS: readonly OnNan[] = ['rollback', 'skip', 'stop'];
const text = 'the quick brown fox jumps over the lazy dog\n'.repeat(20);
const tokenizer = trainTokenizer(text, { kind: 'char' });
const ids = tokenizer.encode(text);
const data = {
  tokenizer,
  train: new TokenArray(ids.slice(0, -100)),
  valid: new TokenArray(ids.slice(-100)),
};

/** Runs on the backend in use; throws where a promise does not hold. */
export async function diverge(options: DivergenceOptions): Promise<DivergenceFigures> {
  const figures: DivergenceFigures = {
    ...{ runs: 0, checkpoints: 0, rollbacks: 0, skipped: 0, ended: 0, healed: 0, explained: 0 },
  };
  const { optimizers, learningRates, clipNorms, steps } = options;
  for (const onNan of ANSWERS) {
    for (const optimizer of optimizers) {
      for (const clipNorm of clipNorms) {
        for (const learningRate of learningRates) {
          const chosen = { onNan, optimizer, clipNorm, learningRate, maxSteps: steps };
          await runOnce(resolveTrainOptions({ ...SMALL, ...chosen }), figures);
        }
      }
    }
  }
  return figures;
}

const SMALL: GivenOptions<typeof trainOptions> = {
  ...{ hiddenSize: 8, embeddingSize: 4, layers: 1, batchSize: 4, bptt: 8, dropout: 0.1 },
  ...{ learningRateDecay: 'none', warmup: 0, evalEvery: 10, saveEvery: 5, sampleEvery: 0 },
};

async function runOnce(options: TrainOptions, figures: DivergenceFigures): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'gru-lm-numbers-'));
  const { onNan, optimizer, clipNorm, learningRate } = options;
  const what = `${optimizer}, rate ${learningRate}, clip norm ${clipNorm}, ${onNan}`;
  const seen: RunEvent['type'][] = [];
  try {
    for await (const type of savedRun(options, directory, figures)) seen.push(type);
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'training-diverged') throw error;
    if (
      !error.message.includes('expected finite numbers, found') ||
      !error.hint?.includes('--lr')
    ) {
      throw new Error(`${what}: expected an explanation, found: ${error.message}`);
    }
    figures.explained += 1;
  } finally {
    await rm(directory, { recursive: true });
  }
  const rollbacks = seen.filter((type) => type === 'rollback').length;
  const skipped = seen.filter((type) => type === 'skip').length;
  if (rollbacks > 3 || (rollbacks > 0 && onNan !== 'rollback'))
    throw new Error(`${what}: went back`);
  if (skipped > 0 && onNan !== 'skip') throw new Error(`${what}: left a step out`);
  figures.runs += 1;
  figures.rollbacks += rollbacks;
  figures.skipped += skipped;
  if (seen.at(-1) !== 'end') return;
  figures.ended += 1;
  if (rollbacks + skipped > 0) figures.healed += 1;
}

/** A run whose snapshots are saved and read again, each looked through; yields what happened. */
async function* savedRun(
  options: TrainOptions,
  directory: string,
  figures: DivergenceFigures,
): AsyncGenerator<RunEvent['type']> {
  const model = modelConfigOf(options, tokenizer.vocabularySize);
  let lastPath: string | undefined;
  const load = async (path: string) => snapshotOf(await openCheckpoint(path, ALL_PARTS));
  const store: RunStore = {
    isSaveDue: () => false,
    lastSaved: async () => {
      const path = lastPath;
      return path === undefined ? undefined : { path, load: () => load(path) };
    },
  };
  for await (const event of trainRun({ ...options, model }, data, { store })) {
    if (event.type === 'save') {
      const contents = contentsOf(event.snapshot, options, tokenizer, NO_DATA);
      lastPath = await saveCheckpoint(directory, event.step, contents, { best: event.isBest });
      const bad = nonFiniteTensor(await load(lastPath));
      if (bad !== undefined) throw new Error(`${lastPath}: ${bad} holds what is no finite number`);
      figures.checkpoints += 1;
    }
    yield event.type;
  }
}

const NO_DATA = { corpus: [], valid: [], test: [] };

export const scenario: Scenario = {
  name: 'numbers',
  async run(log) {
    const rows: FigureRow[] = [];
    for (const backend of ['cpu', 'wasm'] as const) {
      await selectBackend(backend);
      const figures = await diverge({
        optimizers: ['sgd', 'adam', 'adamw'],
        // From where all goes well to where the first update overflows.
        learningRates: [
          0.01, 1, 1e4, 1e19, 1e20, 1e21, 3e21, 6e21, 1e22, 1e30, 3e37, 6e37, 1e38, 3e38,
        ],
        clipNorms: [0, 1],
        steps: 30,
      });
      log(`${backend}: ${figures.runs} runs`);
      rows.push(
        [`${backend}: runs, with rates up to 3e38, under each answer`, String(figures.runs)],
        [`${backend}: that came to their end`, String(figures.ended)],
        [`${backend}: of them healed by going back or leaving steps out`, String(figures.healed)],
        [`${backend}: that ended with an explanation`, String(figures.explained)],
        [`${backend}: rollbacks, steps left out`, `${figures.rollbacks}, ${figures.skipped}`],
        [`${backend}: checkpoints read again`, String(figures.checkpoints)],
        [`${backend}: numbers in them that are not finite`, '0'],
      );
    }
    return rows;
  },
};
