/** All that a run needs to go on. */
import type { TensorMap } from '../tensor-data.ts';
import type { TrainerSnapshot } from './trainer.ts';

/** A validation, as the history keeps it. */
export type HistoryEntry = {
  readonly step: number;
  readonly epoch: number;
  readonly learningRate: number;
  /** Mean nats a token over the steps since the validation before. */
  readonly trainLoss: number;
  readonly validLoss: number;
  /** The beginning of a text that the model made then. Absent: none was made, or others stand for it. */
  readonly sample?: string;
};

/** The steps since the last validation, for the entry of the next one. */
export type RecentSteps = {
  /** Without those that were left out. */
  readonly count: number;
  readonly lossSum: number;
  /** Of the last step. */
  readonly epoch: number;
  readonly learningRate: number;
};

/** How far a run is; with the trainer's own snapshot, all that it needs to go on. */
export type RunProgress = {
  readonly best: { readonly step: number; readonly natsPerToken: number } | null;
  /** Validations that brought nothing better. */
  readonly plateaus: number;
  /** The validation loss of the parameters as they are; null if they were not validated. */
  readonly validLoss: number | null;
  /** Absent: a validation followed the last step. */
  readonly recent?: RecentSteps;
  /** How often the run went back because it diverged; each time halved the learning rate. Absent: 0. */
  readonly rollbacks?: number;
  /** The last steps in a row that were left out. Absent: 0. */
  readonly skipped?: number;
  /** Whether the budget was used up. */
  readonly finished: boolean;
};

/** What depends on how fast the machine was; all else of a snapshot repeats exactly. */
export type RunClock = {
  /** Seconds of training, validation included, over all sessions. */
  readonly elapsedSeconds: number;
  /** What the last validation took. */
  readonly validationSeconds: number;
  /** `elapsedSeconds` at each entry of the history. */
  readonly history: readonly number[];
};

export interface RunSnapshot extends TrainerSnapshot {
  run: RunProgress;
  history: readonly HistoryEntry[];
  clock: RunClock;
}

/** The name of a tensor that holds a number that is not finite; undefined if none does. */
export function nonFiniteTensor(snapshot: TrainerSnapshot): string | undefined {
  const { parameters, optimizer, hiddenState } = snapshot;
  for (const tensors of [parameters, optimizer, hiddenState] satisfies TensorMap[]) {
    for (const [name, { data }] of tensors) if (!areFinite(data)) return name;
  }
  return undefined;
}

/** A snapshot has millions of values, and training waits: hence sums, four side by side. */
function areFinite(values: Float32Array): boolean {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = values.length - (values.length % 4);
  // x − x is 0 for every finite number, and NaN for the others.
  for (let i = 0; i < whole; i += 4) {
    a += values[i]! - values[i]!;
    b += values[i + 1]! - values[i + 1]!;
    c += values[i + 2]! - values[i + 2]!;
    d += values[i + 3]! - values[i + 3]!;
  }
  for (let i = whole; i < values.length; i++) a += values[i]! - values[i]!;
  return a + b + c + d === 0;
}
