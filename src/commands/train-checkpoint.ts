/** A run's snapshot as the contents of a checkpoint, and back. */
import type { CheckpointContents } from '../checkpoint/format.ts';
import type { JsonObject } from '../checkpoint/json.ts';
import type { CheckpointModel } from '../checkpoint/model.ts';
import { type TrainOptions, trainOptions } from '../config/train-options.ts';
import type { DataRecord } from '../data/record.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import type { RunSnapshot } from '../training/run-snapshot.ts';

/** How a run was started says nothing about what it is. */
const NOT_STORED: ReadonlySet<string> = new Set<keyof TrainOptions>([
  'out',
  'resume',
  'overwrite',
  'findLearningRate',
  'json',
  'plot',
  'tensorboard',
  'quiet',
  'backend',
  'threads',
  'gpuMemory',
  'tf32',
]);

/** What is saved of a run. */
export function contentsOf(
  snapshot: RunSnapshot,
  options: TrainOptions,
  tokenizer: Tokenizer,
  data: DataRecord,
): CheckpointContents {
  const { parameters, optimizer, hiddenState, progress, run, history, clock } = snapshot;
  // In the order of the table, so that the file is the same however the options were given.
  const names = (Object.keys(trainOptions) as (keyof TrainOptions)[]).filter(
    (name) => options[name] !== undefined && !NOT_STORED.has(name),
  );
  return {
    weights: parameters,
    optimizer,
    state: hiddenState,
    config: Object.fromEntries(names.map((name) => [name, options[name]])) as JsonObject,
    tokenizer: tokenizer.toJSON(),
    training: { progress, run, data } as unknown as JsonObject,
    history,
    clock,
  };
}

/** What a checkpoint that was opened with all its parts holds of a run. */
export function snapshotOf({ checkpoint, training }: CheckpointModel): RunSnapshot {
  const { progress, run, history, clock } = training;
  return {
    parameters: checkpoint.weights,
    optimizer: checkpoint.optimizer,
    hiddenState: checkpoint.state,
    progress,
    run,
    history,
    clock,
  };
}
