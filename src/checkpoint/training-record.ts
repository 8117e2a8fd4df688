/** `training.json`, `history.json` and `clock.json` as values of the types that training has for them. */

import { join } from 'node:path';
import type { DataRecord, RecordedSource } from '../data/record.ts';
import type { RandomState } from '../random.ts';
import type { HistoryEntry, RunClock, RunProgress } from '../training/run-snapshot.ts';
import type { TrainerProgress } from '../training/trainer.ts';
import { MANIFEST_FILE, PART_FILES } from './format.ts';
import { JsonField } from './json-field.ts';
import type { JsonParts } from './load.ts';

/** What training has to say of a checkpoint, beside tensors. */
export interface TrainingRecord {
  readonly progress: TrainerProgress;
  readonly run: RunProgress;
  readonly data: DataRecord;
  /** Empty where it was not read. */
  readonly history: readonly HistoryEntry[];
  readonly clock: RunClock;
}

/** @throws UserError `checkpoint-damaged` naming the file and the field that is not as it should be */
export function trainingRecordOf(checkpoint: JsonParts, withHistory: boolean): TrainingRecord {
  const field = (part: 'training' | 'history' | 'clock') =>
    new JsonField(join(checkpoint.path, PART_FILES[part]), checkpoint[part]);
  const training = field('training');
  const history = field('history').list(readHistoryEntry);
  return {
    progress: readProgress(training.get('progress'), checkpoint.step),
    run: readRun(training.get('run')),
    data: readData(training.get('data')),
    history,
    clock: readClock(field('clock'), withHistory ? history.length : undefined),
  };
}

/** @param step that of the checkpoint */
function readProgress(field: JsonField, step: number): TrainerProgress {
  const cursor = field.get('cursor');
  if (field.get('step').count() !== step) {
    throw field.get('step').bad(`${step}, as in ${MANIFEST_FILE}`);
  }
  return {
    step,
    cursor: {
      epoch: cursor.get('epoch').count(),
      position: cursor.get('position').count(),
      offset: cursor.get('offset').count(),
    },
    offsetRandom: readRandom(field.get('offsetRandom')),
    dropoutRandom: readRandom(field.get('dropoutRandom')),
  };
}

function readRandom(field: JsonField): RandomState {
  const algorithm = 'xoshiro128**';
  field.get('algorithm').text(/^xoshiro128\*\*$/, `"${algorithm}"`);
  const words = field.get('words').list((word) => word.count({ max: 2 ** 32 - 1 }));
  if (words.length !== 4 || words.every((word) => word === 0)) {
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
  return {
    step: field.get('step').count(),
    epoch: field.get('epoch').count(),
    learningRate: field.get('learningRate').number({ min: 0 }),
    trainLoss: field.get('trainLoss').number(),
    validLoss: field.get('validLoss').number(),
  };
}

/** @param entries those of the history; undefined: it was not read */
function readClock(field: JsonField, entries: number | undefined): RunClock {
  const history = field.get('history').list((seconds) => seconds.number({ min: 0 }));
  if (entries !== undefined && history.length !== entries) {
    throw field.get('history').bad(`a time for each of the ${entries} entries of history.json`);
  }
  return {
    elapsedSeconds: field.get('elapsedSeconds').number({ min: 0 }),
    validationSeconds: field.get('validationSeconds').number({ min: 0 }),
    history,
  };
}
