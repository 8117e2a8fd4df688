/** What a run is told, and by whom. */
import type { TokenSequence } from '../data/token-sequence.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import type { TensorMap } from '../tensor-data.ts';
import type { OnNan } from './divergence.ts';
import type { RunSnapshot } from './run-snapshot.ts';
import type { Budget, ScheduleConfig } from './schedule.ts';
import type { TrainerConfig } from './trainer.ts';

export interface RunConfig extends TrainerConfig, ScheduleConfig, Budget {
  /** Steps between validations; undefined: {@link VALIDATIONS} a run, or fewer where they are slow. */
  evalEvery?: number | undefined;
  /** Steps between saves beside those at validations. */
  saveEvery?: number | undefined;
  /** Validations between samples; 0: none. */
  sampleEvery: number;
  /** Validations in a row without a better one that end the run. Default: none do. */
  patience?: number | undefined;
  /** For nt-asgd: see `isTimeToAverage`. */
  nonMonotone?: number | undefined;
  /** What to do about numbers that are not finite. Default rollback. */
  onNan?: OnNan | undefined;
}

export interface RunData {
  tokenizer: Tokenizer;
  train: TokenSequence;
  valid: TokenSequence;
}

/** What a run asks of whoever saves its snapshots. */
export interface RunStore {
  /** Whether it is time for a save, beside those at validations and every `saveEvery` steps. */
  isSaveDue(): boolean;
  /** What was saved last and is whole; undefined if nothing is. */
  lastSaved(): Promise<SavedRun | undefined>;
}

export interface SavedRun {
  readonly path: string;
  load(): Promise<RunSnapshot>;
}

export interface RunOptions {
  /** A snapshot that an earlier run handed out, to go on from. */
  resumeFrom?: RunSnapshot | undefined;
  /** What a run that does not go on begins with, by `weightSpecs`. Default: what chance decides. */
  initialWeights?: TensorMap | undefined;
  signal?: AbortSignal | undefined;
  /** Without it, a run that diverges goes back to where it began. */
  store?: RunStore | undefined;
  /** Milliseconds of a clock that never goes back. */
  now?: (() => number) | undefined;
}
