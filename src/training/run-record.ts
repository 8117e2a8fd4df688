/** What a run has come to: losses, validations, and what went wrong. */
import type {
  HistoryEntry,
  RecentSteps,
  RunClock,
  RunProgress,
  RunSnapshot,
} from './run-snapshot.ts';

const NO_STEPS: RecentSteps = { count: 0, lossSum: 0, epoch: 0, learningRate: 0 };
const NO_PROGRESS: RunProgress = { best: null, plateaus: 0, validLoss: null, finished: false };

/** Of the samples that the history keeps; where there are more, every second one goes. */
const MOST_SAMPLES = 64;
/** In UTF-16 code units. */
const LONGEST_SAMPLE = 1000;

/** A step, as the history will tell of it. */
interface PassedStep {
  epoch: number;
  learningRate: number;
}

interface Validation {
  step: number;
  natsPerToken: number;
  /** What it took. */
  seconds: number;
  /** Of the run, after it. */
  elapsedSeconds: number;
}

export class RunRecord {
  #progress: RunProgress;
  #history: HistoryEntry[];
  /** `elapsedSeconds` at each entry of the history. */
  readonly #historySeconds: number[];
  #validationSeconds: number;

  /** @param from a snapshot to go on from; otherwise a run that begins */
  constructor(from?: RunSnapshot) {
    this.#progress = from?.run ?? NO_PROGRESS;
    this.#history = [...(from?.history ?? [])];
    this.#historySeconds = [...(from?.clock.history ?? [])];
    this.#validationSeconds = from?.clock.validationSeconds ?? 0;
  }

  get best(): RunProgress['best'] {
    return this.#progress.best;
  }

  get plateaus(): number {
    return this.#progress.plateaus;
  }

  /** Whether the parameters as they are have been validated. */
  get isValidated(): boolean {
    return this.#progress.validLoss !== null;
  }

  /** Validations since the best. */
  get validationsSinceBest(): number {
    const { best } = this.#progress;
    return this.#history.filter(({ step }) => step > (best?.step ?? 0)).length;
  }

  /** Of all validations, the first one first. */
  get validLosses(): number[] {
    return this.#history.map(({ validLoss }) => validLoss);
  }

  get validations(): number {
    return this.#history.length;
  }

  /** The step of the last validation; 0 before the first. */
  get lastValidation(): number {
    return this.#history.at(-1)?.step ?? 0;
  }

  /** What the last validation took. */
  get validationSeconds(): number {
    return this.#validationSeconds;
  }

  get rollbacks(): number {
    return this.#progress.rollbacks ?? 0;
  }

  set rollbacks(rollbacks: number) {
    this.#progress = { ...this.#progress, rollbacks };
  }

  /** The last steps in a row that were left out. */
  get skipped(): number {
    return this.#progress.skipped ?? 0;
  }

  addStep(loss: number, { epoch, learningRate }: PassedStep): void {
    const { recent = NO_STEPS, ...rest } = this.#progress;
    const { count, lossSum } = recent;
    this.#progress = {
      ...rest,
      recent: { count: count + 1, lossSum: lossSum + loss, epoch, learningRate },
      skipped: 0,
      validLoss: null,
    };
  }

  /** A step that was left out: the parameters stay as they were. */
  addSkipped({ epoch, learningRate }: PassedStep): void {
    const { recent = NO_STEPS, ...rest } = this.#progress;
    const skipped = this.skipped + 1;
    this.#progress = { ...rest, recent: { ...recent, epoch, learningRate }, skipped };
  }

  /** Returns whether the validation is the best. */
  addValidation({ step, natsPerToken, seconds, elapsedSeconds }: Validation): boolean {
    const { recent = NO_STEPS, best, plateaus, ...rest } = this.#progress;
    const { count, lossSum, epoch, learningRate } = recent;
    const isBest = best === null || natsPerToken < best.natsPerToken;
    this.#progress = {
      ...rest,
      best: isBest ? { step, natsPerToken } : best,
      plateaus: isBest ? plateaus : plateaus + 1,
      validLoss: natsPerToken,
    };
    // If every step was left out, the loss of the parameters as they were is all that is known.
    const trainLoss = count > 0 ? lossSum / count : natsPerToken;
    this.#history.push({ step, epoch, learningRate, trainLoss, validLoss: natsPerToken });
    this.#historySeconds.push(elapsedSeconds);
    this.#validationSeconds = seconds;
    return isBest;
  }

  /** Whether a sample was made of the parameters as they were at the last validation. */
  get hasSample(): boolean {
    return this.#history.at(-1)?.sample !== undefined;
  }

  /** Keeps a text that was made after the last validation. */
  addSample(text: string): void {
    // Not in the middle of a character.
    const sample = text.slice(0, LONGEST_SAMPLE).replace(/[\uD800-\uDBFF]$/, '');
    const last = this.#history.at(-1) as HistoryEntry;
    this.#history = [...this.#history.slice(0, -1), { ...last, sample }];
    const sampled = this.#history.filter((entry) => entry.sample !== undefined);
    if (sampled.length <= MOST_SAMPLES) return;
    const kept = new Set(sampled.filter((_, i) => i % 2 === 0));
    this.#history = this.#history.map((entry) => {
      if (kept.has(entry)) return entry;
      const { sample: _, ...rest } = entry;
      return rest;
    });
  }

  /** The run's part of a snapshot; its fields stand in a fixed order, so that its bytes repeat. */
  snapshot(
    finished: boolean,
    elapsedSeconds: number,
  ): { run: RunProgress; history: readonly HistoryEntry[]; clock: RunClock } {
    const { best, plateaus, validLoss, recent } = this.#progress;
    const run = {
      best,
      plateaus,
      validLoss,
      ...(recent && { recent }),
      ...(this.rollbacks > 0 && { rollbacks: this.rollbacks }),
      ...(this.skipped > 0 && { skipped: this.skipped }),
      finished,
    };
    const clock = {
      elapsedSeconds,
      validationSeconds: this.#validationSeconds,
      history: [...this.#historySeconds],
    };
    return { run, history: [...this.#history], clock };
  }
}
