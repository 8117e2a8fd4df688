/** `training.json`, `history.json` and `clock.json` as values of the types that training has for them. */

import type { DataRecord, RecordedSource } from '../data/record.ts';
import type { RandomState } from '../random.ts';
import type { HistoryEntry, RunClock, RunProgress } from '../training/run-snapshot.ts';
import type { TrainerProgress } from '../training/trainer.ts';
import { MANIFEST_FILE } from './format.ts';
import type { JsonField } from './json-field.ts';
import { clockOfVersion1 } from './migrate.ts';

/** What training has to say of a checkpoint, beside tensors. */
export interface TrainingRecord {
  readonly progress: TrainerProgress;
  readonly run: RunProgress;
  readonly data: DataRecord;
  /** Empty where it was not read. */
  readonly history: readonly HistoryEntry[];
  readonly clock: RunClock;
}

/** The JSON files that are about training. */
export interface TrainingFiles {
  readonly training: JsonField;
  /** undefined: it is not read. */
  readonly history: JsonField | undefined;
  /** undefined: the checkpoint is of version 1, which had none. */
  readonly clock: JsonField | undefined;
}

/**
 * What the files of a checkpoint of `step` say.
 *
 * @throws UserError `checkpoint-damaged` naming the file and the field that is not as it should be
 */
export function readTrainingRecord(
  { training, history, clock }: TrainingFiles,
  step: number,
): TrainingRecord {
  const entries = history?.list(readHistoryEntry);
  return {
    progress: readProgress(training.get('progress'), step),
    run: readRun(training.get('run')),
    data: readData(training.get('data')),
    history: entries ?? [],
    clock: clock ? readClock(clock, entries?.length) : clockOfVersion1(training, history),
  };
}

/** @param step that of the checkpoint */
function readProgress(field: JsonField, step: number): TrainerProgress {
  const cursor = field.get('cursor');
  const taken = cursor.get('taken').optional((taken) => taken.count());
  const averaged = field.get('averaged').optional((averaged) => averaged.count());
  const windowRandom = field.get('windowRandom').optional(readRandom);
  if (field.get('step').count() !== step) {
    throw field.get('step').bad(`${step}, as in ${MANIFEST_FILE}`);
  }
  return {
    step,
    cursor: {
      epoch: cursor.get('epoch').count(),
      position: cursor.get('position').count(),
      offset: cursor.get('offset').count(),
      ...(taken !== undefined && { taken }),
    },
    offsetRandom: readRandom(field.get('offsetRandom')),
    dropoutRandom: readRandom(field.get('dropoutRandom')),
    ...(windowRandom && { windowRandom }),
    ...(averaged !== undefined && { averaged }),
  };
}

function readRandom(field: JsonField): RandomState {
  const algorithm = 'xoshiro128**';
  field.get('algorithm').text(/^xoshiro128\*\*$/, `"${algorithm}"`);
  const words = field.get('words').list((word) => word.count({ max: 2 ** 32 - 1 }), 4);
  if (words.every((word) => word === 0)) {
    throw field.get('words').bad('four whole numbers, not all zero');
  }
  return {
    algorithm,
    words: words as unknown as RandomState['words'],
    spareNormal: field.get('spareNormal').orNull((spare) => spare.number()),
  };
}

function readRun(field: JsonField): RunProgress {
  const best = field.get('best').orNull((best) => ({
    step: best.get('step').count(),
    natsPerToken: best.get('natsPerToken').number(),
  }));
  const recent = field.get('recent').optional((recent) => ({
    count: recent.get('count').count(),
    lossSum: recent.get('lossSum').number(),
    epoch: recent.get('epoch').count(),
    learningRate: recent.get('learningRate').number({ min: 0 }),
  }));
  const rollbacks = field.get('rollbacks').optional((rollbacks) => rollbacks.count());
  const skipped = field.get('skipped').optional((skipped) => skipped.count());
  return {
    best,
    plateaus: field.get('plateaus').count(),
    validLoss: field.get('validLoss').orNull((loss) => loss.number()),
    ...(recent && { recent }),
    ...(rollbacks !== undefined && { rollbacks }),
    ...(skipped !== undefined && { skipped }),
    finished: field.get('finished').flag(),
  };
}

function readData(field: JsonField): DataRecord {
  const sources = (part: keyof DataRecord) => field.get(part).list(readSource);
  return { corpus: sources('corpus'), valid: sources('valid'), test: sources('test') };
}

function readSource(field: JsonField): RecordedSource {
  const files = field.get('files').optional((files) => files.count());
  return {
    name: field.get('name').text(/^[^\0]+$/, 'a path'),
    bytes: field.get('bytes').count(),
    sha256: field.get('sha256').text(/^[0-9a-f]{64}$/, '64 hexadecimal digits'),
    ...(files !== undefined && { files }),
    fromRun: field.get('fromRun').text(/^[^\0]*$/, 'a path'),
  };
}

function readHistoryEntry(field: JsonField): HistoryEntry {
  const sample = field
    .get('sample')
    .optional((sample) => sample.text(/^[\s\S]{0,4000}$/, 'a text of at most 4000 characters'));
  return {
    step: field.get('step').count(),
    epoch: field.get('epoch').count(),
    learningRate: field.get('learningRate').number({ min: 0 }),
    trainLoss: field.get('trainLoss').number(),
    validLoss: field.get('validLoss').number(),
    ...(sample !== undefined && { sample }),
  };
}

/** @param entries those of the history; undefined: it was not read */
function readClock(field: JsonField, entries: number | undefined): RunClock {
  return {
    elapsedSeconds: field.get('elapsedSeconds').number({ min: 0 }),
    validationSeconds: field.get('validationSeconds').number({ min: 0 }),
    history:
      entries === undefined
        ? []
        : field.get('history').list((seconds) => seconds.number({ min: 0 }), entries),
  };
}
