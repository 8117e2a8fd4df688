import { basename, join } from 'node:path';
import type { LoadedCheckpoint } from '../checkpoint/load.ts';
import { openModel } from '../checkpoint/model.ts';
import { openRun, type RunWriter } from '../checkpoint/run.ts';
import { assertFree, RUNS_DIRECTORY } from '../checkpoint/run-directory.ts';
import {
  modelConfigOf,
  resolveTrainOptions,
  type TrainOptions,
  type trainOptions,
} from '../config.ts';
import { StatefulBatches } from '../data/batches.ts';
import { assertSameData, type DataRecord, type Dataset, readDataset } from '../data/dataset.ts';
import { type Tokenizer, tokenizerFromJson, trainTokenizer } from '../data/tokenizer.ts';
import { UserError } from '../errors.ts';
import { parameterCount } from '../model/parameters.ts';
import type { Precision } from '../ops/tensorflow-binding.ts';
import type { GivenOptions } from '../option-table.ts';
import { type RunSnapshot, trainRun } from '../training/run.ts';
import { effectivePrecision, startBackend } from './start-backend.ts';
import { contentsOf, snapshotOf } from './train-checkpoint.ts';
import { resumeOptions } from './train-resume.ts';
import { startView, type TrainView } from './train-view.ts';
import { untilAborted } from './until-aborted.ts';

type Given = GivenOptions<typeof trainOptions>;

/** What a run trains on and from, before a backend is started. */
interface Prepared {
  options: TrainOptions;
  directory: string;
  dataset: Dataset;
  tokenizer: Tokenizer;
  train: Int32Array;
  valid: Int32Array;
  resumeFrom?: RunSnapshot | undefined;
}

/** `gru-lm train`: nothing is written before data, options and backend are known to be right. */
export async function run(given: Given, corpus: string[], signal: AbortSignal): Promise<void> {
  const prepared = await untilAborted(prepare(given, corpus), signal);
  const { options, directory } = prepared;
  const backend = await startBackend(options, signal);
  const precision = effectivePrecision(options.precision, backend);
  signal.throwIfAborted();
  const writer = await openRun(directory, options);
  const view = startView(options);
  try {
    view.start({
      directory,
      backend,
      options,
      vocabularySize: prepared.tokenizer.vocabularySize,
      parameters: parameterCount(modelConfigOf(options, prepared.tokenizer.vocabularySize)),
      trainTokens: prepared.train.length,
      validTokens: prepared.valid.length,
      resumedAtStep: prepared.resumeFrom?.progress.step,
    });
    await train(prepared, precision, writer, view, signal);
  } finally {
    view.stop();
    await writer.close();
  }
}

async function prepare(given: Given, corpus: string[]): Promise<Prepared> {
  const fresh = resolveTrainOptions(given);
  const directory = fresh.out ?? join(RUNS_DIRECTORY, runName(corpus));
  await assertFree(directory, fresh);
  const resumed = fresh.resume ? await openModel(directory, ALL_PARTS, 'last') : undefined;
  const options = resumed ? resumeOptions(resumed.options, given) : fresh;
  const dataset = await readDataset({ ...options, corpus }, directory);
  if (resumed) assertSameData(recordOf(resumed.checkpoint), dataset.record);
  const tokenizer = resumed
    ? tokenizerFromJson(resumed.checkpoint.tokenizer)
    : trainTokenizer(dataset.texts.train, { ...options, kind: options.tokenizer });
  const train = tokenizer.encode(dataset.texts.train);
  const valid = tokenizer.encode(dataset.texts.valid ?? '');
  // Complains of a text that is too short, before anything is fetched or written.
  new StatefulBatches(train, { batchSize: options.batchSize, steps: options.bptt });
  if (valid.length < 2) {
    throw new UserError(
      'corpus-too-short',
      `expected at least 2 tokens of validation text, found ${valid.length}`,
      'Train on more text, hold out more of it with --valid-split, or give --valid FILE.',
    );
  }
  const resumeFrom = resumed && snapshotOf(resumed.checkpoint);
  return { options, directory, dataset, tokenizer, train, valid, resumeFrom };
}

const ALL_PARTS = ['weights', 'optimizer', 'state', 'history'] as const;

async function train(
  { options, dataset, tokenizer, train, valid, resumeFrom }: Prepared,
  precision: Precision,
  writer: RunWriter,
  view: TrainView,
  signal: AbortSignal,
): Promise<void> {
  const model = modelConfigOf(options, tokenizer.vocabularySize);
  const config = { ...options, precision, model };
  const events = trainRun(config, { tokenizer, train, valid }, { resumeFrom, signal });
  for await (const event of events) {
    if (event.type === 'save') {
      const contents = contentsOf(event.snapshot, options, tokenizer, dataset.record);
      const path = await writer.save(event.step, contents, { best: event.isBest });
      view.saved(event.step, path);
    } else {
      view.event(event);
    }
  }
}

/** The name of the first file without its endings. */
function runName(corpus: string[]): string {
  const first = corpus[0] as string;
  if (first === '-') return 'stdin';
  return basename(first)
    .replace(/\.gz$/, '')
    .replace(/(?<=.)\.[^.]+$/, '');
}

function recordOf(checkpoint: LoadedCheckpoint): DataRecord {
  return checkpoint.training.data as unknown as DataRecord;
}
