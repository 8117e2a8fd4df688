import { basename, dirname, join, resolve } from 'node:path';
import { assertNotLocked } from '../checkpoint/lock.ts';
import { type CheckpointModel, openCheckpoint, openModel } from '../checkpoint/model.ts';
import {
  ALL_PARTS,
  assertUnchanged,
  openResumable,
  type Resumable,
  setAsideSkipped,
  skippedNotices,
} from '../checkpoint/resumable.ts';
import { openRun, type RunWriter } from '../checkpoint/run.ts';
import { assertFree, RUNS_DIRECTORY } from '../checkpoint/run-directory.ts';
import type { RuledOptions } from '../config/defaults-by-rule.ts';
import { assertSoftmaxFits } from '../config/softmax-options.ts';
import {
  assertCellOptions,
  assertMeanHasStatistics,
  assertNormOptions,
  leastBatchSize,
  modelConfigOf,
  resolveTrainOptions,
  ruleOptions,
} from '../config/train.ts';
import type { TrainOptions, trainOptions } from '../config/train-options.ts';
import { optionsOfWeights } from '../config/weights-options.ts';
import { StatefulBatches } from '../data/batches.ts';
import type { Dataset, TokenizedPart } from '../data/dataset.ts';
import { HELD_OUT } from '../data/part-texts.ts';
import { assertSameData } from '../data/record.ts';
import { findHeldOut } from '../data/recorded-dataset.ts';
import { featuresOf } from '../data/token-features.ts';
import { DEFAULT_WORDS } from '../data/word-trainer.ts';
import { errorMessage, UserError } from '../errors.ts';
import { Journal } from '../journal/journal.ts';
import { elementCount } from '../model/parameters.ts';
import type { Precision } from '../ops/tensorflow-binding.ts';
import type { GivenOptions } from '../option-table.ts';
import type { SelectedBackend } from '../runtime/backend.ts';
import { optimizerSpecs } from '../training/optimizer-specs.ts';
import { type Preflight, type PreflightInput, preflight } from '../training/preflight.ts';
import { trainRun } from '../training/run.ts';
import type { RunConfig } from '../training/run-options.ts';
import type { RunSnapshot } from '../training/run-snapshot.ts';
import { tryOut } from '../training/trial.ts';
import { findRate } from './find-rate.ts';
import { openTexts, readTokenizerFile } from './open-dataset.ts';
import { showPreflight } from './preflight-view.ts';
import { effectivePrecision, startBackend } from './start-backend.ts';
import { contentsOf, snapshotOf } from './train-checkpoint.ts';
import { resumeOptions, withRate } from './train-resume.ts';
import { BackgroundSaves } from './train-saves.ts';
import { startView, type TrainView } from './train-view.ts';
import { untilAborted } from './until-aborted.ts';

type Given = GivenOptions<typeof trainOptions>;

/** What a run trains on and from. */
interface Prepared {
  options: TrainOptions;
  directory: string;
  dataset: Dataset;
  train: TokenizedPart;
  valid: TokenizedPart;
  /** What a new run begins with: weights, and the options that these decide. */
  initial?:
    | { readonly model: CheckpointModel; readonly options: Partial<TrainOptions> }
    | undefined;
  resumeFrom?: RunSnapshot | undefined;
  /** The checkpoint of `resumeFrom`. */
  resumable?: Resumable | undefined;
}

/** The same, where all options are decided. */
interface Decided extends Prepared {
  /** Those of the options that the rule decided. */
  byRule: Partial<RuledOptions>;
}

/** `gru-lm train`: nothing is written before data, options and backend are known to be right. */
export async function run(given: Given, corpus: string[], signal: AbortSignal): Promise<void> {
  const prepared = await untilAborted(prepare(given, corpus, signal), signal);
  try {
    const backend = await startBackend(prepared.options, signal);
    signal.throwIfAborted();
    await trainDecided(decide(prepared, given, backend), backend, signal);
  } finally {
    await prepared.dataset.close();
  }
}

/** With what the rule decides of a new run, now that the machine is known as well. */
export function decide(
  prepared: Prepared,
  given: Given,
  { nativeOperations }: SelectedBackend,
): Decided {
  const { options, dataset, train, initial, resumeFrom } = prepared;
  if (resumeFrom) return { ...prepared, byRule: {} };
  const text = {
    trainTokens: train.tokens,
    vocabularySize: dataset.tokenizer.vocabularySize,
  };
  const byRule = ruleOptions({ ...given, ...initial?.options }, options, text, {
    nativeOperations: nativeOperations !== undefined,
    fastBfloat16: nativeOperations?.fastBfloat16 ?? false,
  });
  const decided = { ...options, ...byRule };
  assertNormOptions(decided);
  return { ...prepared, options: decided, byRule };
}

async function trainDecided(
  prepared: Decided,
  backend: SelectedBackend,
  signal: AbortSignal,
): Promise<void> {
  const { options, byRule, directory, dataset, train, valid } = prepared;
  const { initial, resumeFrom, resumable } = prepared;
  const precision = effectivePrecision(options.precision, backend);
  const screen = {
    ...{ backend, options, byRule, record: dataset.record, train, valid },
    ...{ vocabularySize: dataset.tokenizer.vocabularySize, notices: dataset.notices },
    initialPath: initial?.model.checkpoint.path,
  };
  if (options.findLearningRate) {
    // Which rate is right hangs on what it is of.
    if (!options.json && !options.quiet) showPreflight({ ...screen, preflight: undefined });
    const weights = initial?.model.checkpoint.weights;
    const data = { tokenizer: dataset.tokenizer, train: train.sequence };
    return findRate(configOf(prepared, precision), data, options, weights, signal);
  }
  const writer = await openRun(directory, options);
  const view = startView(options);
  let journal: Journal | undefined;
  try {
    if (resumable) {
      await assertUnchanged(directory, resumable);
      await setAsideSkipped(directory, resumable);
    }
    journal = await Journal.open(directory, {
      tensorboard: options.tensorboard,
      resumed: resumable && { ...resumable.model.training, step: resumable.model.checkpoint.step },
      overwrite: options.overwrite,
      onFailure: ({ message }) => view.warn(message),
    });
    const config = configOf(prepared, precision);
    view.start({
      ...screen,
      directory,
      preflight: options.quiet ? undefined : await examine(prepared, config, signal),
      resumedAtStep: resumeFrom?.progress.step,
      past: journal.past,
    });
    if (resumable) for (const line of skippedNotices(resumable)) view.warn(line);
    await trainAndSave(prepared, config, { writer, journal, view }, signal);
  } finally {
    view.stop();
    await journal?.close();
    await writer.close();
  }
}

/** @param purpose whether the directory of the run is to be free for it */
export async function prepare(
  given: Given,
  corpus: string[],
  signal: AbortSignal,
  purpose: 'train' | 'look' = 'train',
): Promise<Prepared> {
  const fresh = resolveTrainOptions(given);
  const directory = fresh.out ?? join(RUNS_DIRECTORY, runName(corpus));
  if (purpose === 'train' && !fresh.findLearningRate) {
    await assertFree(directory, fresh);
    await assertNotLocked(directory);
  }
  const resumable = fresh.resume ? await openResumable(directory) : undefined;
  const resumed = resumable?.model;
  const initial = resumed ? undefined : await openInitial(fresh, given);
  const recorded = HELD_OUT.filter((text) => given[text] === undefined);
  const options = resumed
    ? {
        ...resumeOptions(resumed.options, given),
        ...(await findHeldOut(resumed.training.data, recorded, directory)),
      }
    : { ...fresh, ...initial?.options };
  if (initial) {
    assertCellOptions(options);
    assertMeanHasStatistics(options);
  }
  const silent = options.json || options.quiet;
  const tokenizer =
    resumed?.tokenizer ??
    initial?.model.tokenizer ??
    (options.tokenizerFile && (await readTokenizerFile(options.tokenizerFile)));
  const dataset = await openTexts(
    { ...options, corpus },
    { runDirectory: directory, tokenizer: tokenizer || undefined, recorded, silent, signal },
  );
  try {
    if (resumed) assertSameData(resumed.training.data, dataset.record);
    assertSoftmaxFits(options, dataset.tokenizer);
    const train = dataset.parts.get('train') as TokenizedPart;
    const valid = dataset.parts.get('valid') as TokenizedPart;
    // Complains of a text that is too short, before anything is fetched or written.
    const batchSize = resumed ? options.batchSize : leastBatchSize(given, options);
    new StatefulBatches(train.sequence, { batchSize, steps: options.bptt });
    if (valid.tokens < 2) {
      throw new UserError(
        'corpus-too-short',
        `expected at least 2 tokens of validation text, found ${valid.tokens}`,
        'Train on more text, hold out more of it with --valid-split, or give --valid FILE.',
      );
    }
    const resumeFrom = resumed && withRate(snapshotOf(resumed), resumed.options, options);
    return { options, directory, dataset, train, valid, initial, resumeFrom, resumable };
  } catch (error) {
    await dataset.close();
    throw error;
  }
}

/** The model that the run is to begin with, and what it decides. */
async function openInitial({ initFrom }: TrainOptions, given: Given): Promise<Prepared['initial']> {
  if (initFrom === undefined) return undefined;
  const model = await openModel(initFrom, ['weights']);
  return { model, options: optionsOfWeights(model.options, given) };
}

function configOf({ options, dataset }: Prepared, precision: Precision): RunConfig {
  const model = modelConfigOf(options, dataset.tokenizer.vocabularySize);
  const features = options.wordFeatures ? featuresOf(dataset.tokenizer) : undefined;
  return { ...options, precision, model, features };
}

async function examine(
  { options, dataset, train, valid, initial, resumeFrom }: Prepared,
  config: RunConfig,
  signal: AbortSignal,
): Promise<Preflight> {
  return preflight({
    ...config,
    train,
    valid,
    overlap: dataset.overlap,
    vocabulary: resumeFrom ? 'own' : vocabularyOf(options, dataset, initial !== undefined),
    spent: resumeFrom && {
      steps: resumeFrom.progress.step,
      elapsedSeconds: resumeFrom.clock.elapsedSeconds,
    },
    optimizerNumbers: optimizerSpecs(config.model, config).reduce(
      (sum, { shape }) => sum + elementCount(shape),
      0,
    ),
    budget: config,
    tokensPerStep: config.batchSize * config.bptt,
    trial: await tryOut(config, train.sequence, signal),
  });
}

/** @param isOfModel whether it is that of another model */
function vocabularyOf(
  { tokenizerFile, vocabularySize = DEFAULT_WORDS, minCount = 1 }: TrainOptions,
  { tokenizer }: Dataset,
  isOfModel: boolean,
): PreflightInput['vocabulary'] {
  if (isOfModel || tokenizerFile !== undefined) return 'given';
  if (tokenizer.vocabularySize >= vocabularySize) return 'sized';
  return minCount > 1 ? 'counted' : 'complete';
}

async function trainAndSave(
  { options, dataset, train, valid, initial, resumeFrom, resumable }: Prepared,
  config: RunConfig,
  { writer, journal, view }: { writer: RunWriter; journal: Journal; view: TrainView },
  signal: AbortSignal,
): Promise<void> {
  const { tokenizer } = dataset;
  const data = { tokenizer, train: train.sequence, valid: valid.sequence };
  const saves = new BackgroundSaves({
    save: async ({ step, isBest, snapshot }) => {
      const contents = contentsOf(snapshot, options, tokenizer, dataset.record);
      const beforeNamed = () => journal.flush();
      const path = await writer.save(step, contents, { best: isBest, beforeNamed });
      view.saved(step, path);
      return path;
    },
    load: async (path) => {
      const saved = await openCheckpoint(path, ALL_PARTS);
      return withRate(snapshotOf(saved), saved.options, options);
    },
    savedPath: resumable?.model.checkpoint.path,
    isPeriodic: options.saveEvery === undefined,
    onFailure: (error, { step, snapshot }) => {
      // The last one's failure is what the command ends with.
      if (snapshot.run.finished || signal.aborted) return;
      view.warn(`step ${step} is not saved: ${errorMessage(error)}`);
    },
  });
  const initialWeights = initial?.model.checkpoint.weights;
  const from = { resumeFrom, initialWeights };
  for await (const event of trainRun(config, data, { ...from, signal, store: saves })) {
    if (event.type === 'saving') {
      await saves.idle();
    } else if (event.type === 'save') {
      saves.begin(event);
    } else {
      if (event.type === 'stopped' || event.type === 'end') await saves.finish();
      journal.add(event);
      view.event(event);
      if (event.type === 'step') await saves.giveWay();
    }
  }
}

/** The name of the first text without its endings; of a glob, the directory that it begins in. */
function runName(corpus: string[]): string {
  const first = corpus[0] as string;
  if (first === '-') return 'stdin';
  const fixed = /[*?[{]/.test(first) ? dirname(first.replace(/[*?[{].*$/, 'x')) : first;
  return (
    basename(resolve(fixed))
      .replace(/\.gz$/, '')
      .replace(/(?<=.)\.[^.]+$/, '') || 'corpus'
  );
}
