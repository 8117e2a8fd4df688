/** A run's snapshot as the contents of a checkpoint, and back. */
import type { CheckpointContents } from '../checkpoint/format.ts';
import type { JsonObject } from '../checkpoint/json.ts';
import type { LoadedCheckpoint } from '../checkpoint/load.ts';
import type { TrainOptions } from '../config/train.ts';
import type { DataRecord } from '../data/record.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { UserError } from '../errors.ts';
import type { HistoryEntry, RunClock, RunProgress, RunSnapshot } from '../training/run-snapshot.ts';
import type { TrainerProgress } from '../training/trainer.ts';

/** How a run was started says nothing about what it is. */
const NOT_STORED: ReadonlySet<string> = new Set<keyof TrainOptions>([
  'out',
  'resume',
  'overwrite',
  'json',
  'quiet',
  'backend',
  'threads',
]);

/** What is saved of a run. */
export function contentsOf(
  snapshot: RunSnapshot,
  options: TrainOptions,
  tokenizer: Tokenizer,
  data: DataRecord,
): CheckpointContents {
  const { parameters, optimizer, hiddenState, progress, run, history, clock } = snapshot;
  const config = Object.entries(options).filter(
    ([name, value]) => value !== undefined && !NOT_STORED.has(name),
  );
  return {
    weights: parameters,
    optimizer,
    state: hiddenState,
    config: Object.fromEntries(config) as JsonObject,
    tokenizer: tokenizer.toJSON(),
    training: { progress, run, data } as unknown as JsonObject,
    history,
    clock,
  };
}

/**
 * What a checkpoint with all its parts holds of a run.
 *
 * @throws UserError `checkpoint-damaged` for a training record that is not one
 */
export function snapshotOf(checkpoint: LoadedCheckpoint): RunSnapshot {
  const { progress, run } = checkpoint.training as unknown as {
    progress: TrainerProgress;
    run: RunProgress;
  };
  if (progress?.step !== checkpoint.step || !run) {
    throw new UserError(
      'checkpoint-damaged',
      `${checkpoint.path}/training.json: expected "progress" of step ${checkpoint.step} and "run", found ${JSON.stringify(progress?.step ?? null)}`,
      'The checkpoint is damaged: use another one.',
    );
  }
  return {
    parameters: checkpoint.weights,
    optimizer: checkpoint.optimizer,
    hiddenState: checkpoint.state,
    progress,
    run,
    history: checkpoint.history as unknown as HistoryEntry[],
    clock: checkpoint.clock as unknown as RunClock,
  };
}
