/**
 * A whole training run as a stream of events. It touches neither files nor the terminal: whoever
 * iterates it shows the events and saves the checkpoints that it hands out.
 */
import type { TokenSequence } from '../data/token-sequence.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { UserError } from '../errors.ts';
import { scoreTokens } from '../evaluation/evaluate.ts';
import { LossTotals } from '../evaluation/report.ts';
import { generate } from '../generation/generate.ts';
import { Random } from '../random.ts';
import { type Budget, learningRateAt, progressOf, type ScheduleConfig } from './schedule.ts';
import { Trainer, type TrainerConfig, type TrainerSnapshot } from './trainer.ts';

export interface RunConfig extends TrainerConfig, ScheduleConfig, Budget {
  /** Steps between validations; undefined: {@link VALIDATIONS} a run, or fewer where they are slow. */
  evalEvery?: number | undefined;
  /** Steps between saves beside those at validations. */
  saveEvery?: number | undefined;
  /** Validations between samples; 0: none. */
  sampleEvery: number;
}

export interface RunData {
  tokenizer: Tokenizer;
  train: TokenSequence;
  valid: TokenSequence;
}

/** A validation, as the history keeps it. */
export type HistoryEntry = {
  readonly step: number;
  readonly epoch: number;
  readonly learningRate: number;
  /** Mean nats a token over the steps since the validation before. */
  readonly trainLoss: number;
  readonly validLoss: number;
};

/** The steps since the last validation, for the entry of the next one. */
type RecentSteps = {
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

export type RunEvent =
  | {
      type: 'step';
      step: number;
      epoch: number;
      loss: number;
      learningRate: number;
      gradientNorm: number;
      tokensPerSecond: number;
      elapsedSeconds: number;
      /** The share of the budget that is used, in [0, 1]. */
      progress: number;
    }
  | { type: 'evaluating'; step: number; share: number }
  | { type: 'eval'; step: number; natsPerToken: number; isBest: boolean }
  | { type: 'sample'; step: number; text: string }
  | { type: 'save'; step: number; isBest: boolean; snapshot: RunSnapshot }
  | { type: 'stopped'; step: number }
  | {
      type: 'end';
      step: number;
      elapsedSeconds: number;
      bestNatsPerToken: number;
      bestStep: number;
    };

/** Validations and saves in a run whose options do not say. */
export const VALIDATIONS = 8;
/** How many tokens are validated in the time that one is trained on, about. */
export const VALIDATION_SPEED = 2.5;
/** Training between two validations takes at least this many times as long as one of them. */
export const TRAINING_A_VALIDATION = 5;
const NO_STEPS: RecentSteps = { count: 0, lossSum: 0, epoch: 0, learningRate: 0 };
/** In tokens, by the kind of them: about as much text of each. */
const SAMPLE_LENGTH = { char: 160, word: 40, byte: 160, bpe: 60, file: 60 };
const SAMPLE_CHOICE = { temperature: 0.8, topK: 0, topP: 1, greedy: false };

/**
 * Trains until the budget is used up or `signal` aborts, which is answered by a last save.
 *
 * @param resumeFrom a snapshot that an earlier run handed out, to go on from
 */
export async function* trainRun(
  config: RunConfig,
  data: RunData,
  { resumeFrom, signal }: { resumeFrom?: RunSnapshot | undefined; signal?: AbortSignal } = {},
): AsyncGenerator<RunEvent, void, void> {
  const trainer = new Trainer(config, data.train, resumeFrom);
  try {
    yield* new Run(config, data, trainer, resumeFrom).events(signal);
  } finally {
    trainer.dispose();
  }
}

/** The state of a run beside its trainer. */
class Run {
  readonly #config: RunConfig;
  readonly #data: RunData;
  readonly #trainer: Trainer;
  readonly #history: HistoryEntry[];
  /** Of each entry of the history. */
  readonly #historySeconds: number[];
  readonly #elapsedBefore: number;
  readonly #startedMs = performance.now();
  #best: { step: number; natsPerToken: number } | null;
  #plateaus: number;
  #validLoss: number | null;
  #recent: RecentSteps;
  #savedStep: number;
  /** What the last validation took. */
  #validationSeconds: number;

  constructor(config: RunConfig, data: RunData, trainer: Trainer, from?: RunSnapshot) {
    this.#config = config;
    this.#data = data;
    this.#trainer = trainer;
    this.#history = [...(from?.history ?? [])];
    this.#historySeconds = [...(from?.clock.history ?? [])];
    this.#elapsedBefore = from?.clock.elapsedSeconds ?? 0;
    this.#validationSeconds = from?.clock.validationSeconds ?? 0;
    this.#best = from?.run.best ?? null;
    this.#plateaus = from?.run.plateaus ?? 0;
    this.#validLoss = from?.run.validLoss ?? null;
    this.#savedStep = from?.progress.step ?? 0;
    this.#recent = from?.run.recent ?? NO_STEPS;
  }

  async *events(signal?: AbortSignal): AsyncGenerator<RunEvent, void, void> {
    // At least one step, however short the time given.
    while (this.#progress() < 1 || this.#trainer.step === 0) {
      if (signal?.aborted) return yield* this.#stop();
      yield this.#step();
      await new Promise(setImmediate);
      if (this.#progress() < 1) yield* this.#whatIsDue(signal);
    }
    if (this.#validLoss === null) yield* this.#validate(signal);
    if (signal?.aborted) return yield* this.#stop();
    yield* this.#save(true);
    const best = this.#best ?? { step: this.#trainer.step, natsPerToken: Number.NaN };
    yield {
      type: 'end',
      step: this.#trainer.step,
      elapsedSeconds: this.#elapsed(),
      bestNatsPerToken: best.natsPerToken,
      bestStep: best.step,
    };
  }

  #step(): RunEvent {
    const { batchSize, bptt } = this.#config;
    const progress = this.#progress();
    const learningRate = learningRateAt(this.#config, progress, this.#plateaus);
    const startedMs = performance.now();
    const { loss, gradientNorm, epoch } = this.#trainer.trainStep(learningRate);
    const seconds = (performance.now() - startedMs) / 1000;
    assertFinite(loss, `the loss of step ${this.#trainer.step}`);
    const { count, lossSum } = this.#recent;
    this.#recent = { count: count + 1, lossSum: lossSum + loss, epoch, learningRate };
    this.#validLoss = null;
    return {
      type: 'step',
      step: this.#trainer.step,
      epoch: this.#trainer.step / this.#trainer.stepsPerEpoch,
      loss,
      learningRate,
      gradientNorm,
      tokensPerSecond: (batchSize * bptt) / seconds,
      elapsedSeconds: this.#elapsed(),
      progress: this.#progress(),
    };
  }

  async *#whatIsDue(signal?: AbortSignal): AsyncGenerator<RunEvent, void, void> {
    const { evalEvery, saveEvery } = this.#config;
    const { step } = this.#trainer;
    const isValidationDue = evalEvery
      ? step % evalEvery === 0
      : step - (this.#history.at(-1)?.step ?? 0) >= this.#stepsBetweenValidations();
    if (isValidationDue) yield* this.#validate(signal);
    const isSaveDue = saveEvery
      ? step % saveEvery === 0
      : isValidationDue ||
        (!evalEvery && step - this.#savedStep >= this.#expectedSteps() / VALIDATIONS);
    const isBest = this.#best?.step === step;
    if ((isSaveDue || isBest) && !signal?.aborted) yield* this.#save(false);
  }

  /** The whole run's steps, as far as can be told now. */
  #expectedSteps(): number {
    return this.#trainer.step / this.#progress();
  }

  #stepsBetweenValidations(): number {
    const { batchSize, bptt, maxTime } = this.#config;
    const estimated = this.#data.valid.length / (VALIDATION_SPEED * batchSize * bptt);
    // A run limited by time goes by how long the last one took; others repeat exactly.
    const measured = (this.#validationSeconds * this.#trainer.step) / this.#elapsed();
    const validationInSteps = maxTime === undefined ? estimated : Math.max(estimated, measured);
    return Math.max(this.#expectedSteps() / VALIDATIONS, TRAINING_A_VALIDATION * validationInSteps);
  }

  async *#validate(signal?: AbortSignal): AsyncGenerator<RunEvent, void, void> {
    const { step } = this.#trainer;
    const { model, precision } = this.#config;
    const { valid } = this.#data;
    yield { type: 'evaluating', step, share: 0 };
    const startedMs = performance.now();
    const totals = new LossTotals();
    const options = { onLosses: totals.add, signal, precision };
    try {
      await this.#trainer.withWeights((weights) => scoreTokens(model, weights, valid, options));
    } catch (error) {
      if (signal?.aborted) return;
      throw error;
    }
    this.#validationSeconds = (performance.now() - startedMs) / 1000;
    const natsPerToken = totals.mean;
    assertFinite(natsPerToken, `the validation loss of step ${step}`);
    const isBest = this.#best === null || natsPerToken < this.#best.natsPerToken;
    if (isBest) this.#best = { step, natsPerToken };
    else this.#plateaus += 1;
    this.#validLoss = natsPerToken;
    const { count, lossSum, epoch, learningRate } = this.#recent;
    this.#history.push({
      step,
      epoch,
      learningRate,
      trainLoss: lossSum / count,
      validLoss: natsPerToken,
    });
    this.#historySeconds.push(this.#elapsed());
    this.#recent = NO_STEPS;
    yield { type: 'eval', step, natsPerToken, isBest };
    const { sampleEvery } = this.#config;
    if (sampleEvery > 0 && this.#history.length % sampleEvery === 0) yield await this.#sample();
  }

  async #sample(): Promise<RunEvent> {
    const { model, seed } = this.#config;
    const { tokenizer } = this.#data;
    const options = { ...SAMPLE_CHOICE, length: SAMPLE_LENGTH[tokenizer.kind] };
    const text = await this.#trainer.withWeights((weights) => {
      const pieces = generate(model, weights, tokenizer, [], options, new Random(seed));
      return Array.from(pieces, (piece) => piece.text).join('');
    });
    return { type: 'sample', step: this.#trainer.step, text };
  }

  *#save(finished: boolean): Generator<RunEvent, void, void> {
    const { step } = this.#trainer;
    const isBest = this.#best?.step === step;
    this.#savedStep = step;
    const run: RunProgress = {
      best: this.#best,
      plateaus: this.#plateaus,
      validLoss: this.#validLoss,
      ...(this.#recent.count > 0 ? { recent: this.#recent } : {}),
      finished,
    };
    const clock: RunClock = {
      elapsedSeconds: this.#elapsed(),
      validationSeconds: this.#validationSeconds,
      history: [...this.#historySeconds],
    };
    const snapshot = { ...this.#trainer.snapshot(), run, history: [...this.#history], clock };
    yield { type: 'save', step, isBest, snapshot };
  }

  *#stop(): Generator<RunEvent, void, void> {
    if (this.#trainer.step > 0 && this.#savedStep !== this.#trainer.step) yield* this.#save(false);
    yield { type: 'stopped', step: this.#trainer.step };
  }

  /** Seconds of the run so far, over all its sessions. */
  #elapsed(): number {
    return this.#elapsedBefore + (performance.now() - this.#startedMs) / 1000;
  }

  #progress(): number {
    const spent = { steps: this.#trainer.step, elapsedSeconds: this.#elapsed() };
    return progressOf(this.#config, spent, this.#trainer.stepsPerEpoch);
  }
}

/** Ends a run that diverged: nothing good would come of it, and no file takes such numbers. */
function assertFinite(loss: number, what: string): void {
  if (Number.isFinite(loss)) return;
  throw new UserError(
    'training-diverged',
    `${what}: expected a number, found ${loss}`,
    'Give --lr or --clip-norm a smaller number; checkpoints saved before are whole.',
  );
}
