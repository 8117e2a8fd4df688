/**
 * A whole training run as a stream of events. It touches neither files nor the terminal: whoever
 * iterates it shows the events and saves the checkpoints that it hands out.
 */
import { setImmediate } from 'node:timers/promises';
import { scoreTokens } from '../evaluation/evaluate.ts';
import { LossTotals } from '../evaluation/report.ts';
import { turnEventLoop } from '../event-loop.ts';
import { generate } from '../generation/generate.ts';
import { Random } from '../random.ts';
import { isTimeToAverage } from './averaging.ts';
import { stepsBetweenValidations } from './cadence.ts';
import {
  divergence,
  MOST_ROLLBACKS,
  MOST_SKIPPED,
  NotFinite,
  ROLLBACK_SHARE,
} from './divergence.ts';
import { LossSpikes } from './loss-spikes.ts';
import type { RunEvent } from './run-events.ts';
import type { RunConfig, RunData, RunOptions } from './run-options.ts';
import { RunRecord } from './run-record.ts';
import { nonFiniteTensor } from './run-snapshot.ts';
import { learningRateAt, progressOf } from './schedule.ts';
import { Stopwatch } from './stopwatch.ts';
import { type StepResult, Trainer } from './trainer.ts';

/** In tokens, by the kind of them: about as much text of each. */
const SAMPLE_LENGTH = { char: 160, word: 40, byte: 160, bpe: 60, file: 60 };
const SAMPLE_CHOICE = { temperature: 0.8, topK: 0, topP: 1, greedy: false };

/**
 * Trains until the budget is used up or `signal` aborts, which is answered by a last save. Numbers
 * that are not finite never reach the parameters or a snapshot: see `onNan`.
 */
export async function* trainRun(
  config: RunConfig,
  data: RunData,
  options: RunOptions = {},
): AsyncGenerator<RunEvent, void, void> {
  const run = new Run(config, data, options);
  try {
    yield* run.events();
  } finally {
    run.dispose();
  }
}

/** The state of a run, with its trainer. */
class Run {
  readonly #config: RunConfig;
  readonly #data: RunData;
  readonly #options: RunOptions;
  readonly #watch: Stopwatch;
  readonly #spikes = new LossSpikes();
  #trainer: Trainer;
  #record: RunRecord;
  /** Whether a snapshot was handed out since anything changed. */
  #isSaved = true;

  constructor(config: RunConfig, data: RunData, options: RunOptions) {
    const { resumeFrom, now } = options;
    this.#config = config;
    this.#data = data;
    this.#options = options;
    this.#watch = new Stopwatch(resumeFrom?.clock.elapsedSeconds ?? 0, now);
    this.#record = new RunRecord(resumeFrom);
    this.#trainer = new Trainer(config, data.train, resumeFrom);
  }

  dispose(): void {
    this.#trainer.dispose();
  }

  async *events(): AsyncGenerator<RunEvent, void, void> {
    for (;;) {
      try {
        return yield* this.#toTheEnd();
      } catch (error) {
        if (!(error instanceof NotFinite)) throw error;
        yield await this.#goBack(error);
      }
    }
  }

  async *#toTheEnd(): AsyncGenerator<RunEvent, void, void> {
    // At least one step, however short the time given.
    while (!this.#isOver || this.#trainer.step === 0) {
      // Before the first step of a session, too: an interruption may have left something undone.
      if (this.#trainer.step > 0) {
        yield* this.#whatIsDue();
        if (this.#isOver) break;
      }
      if (this.#isAborted) return yield* this.#stop();
      yield* this.#step();
      await turnEventLoop();
    }
    if (!this.#record.isValidated) yield* this.#validate();
    if (this.#isSampleDue) yield* this.#sample();
    if (this.#isAborted) return yield* this.#stop();
    yield* this.#save(true);
    const best = this.#record.best as NonNullable<RunRecord['best']>;
    yield {
      type: 'end',
      step: this.#trainer.step,
      elapsedSeconds: this.#watch.seconds,
      bestNatsPerToken: best.natsPerToken,
      bestStep: best.step,
    };
  }

  *#step(): Generator<RunEvent, void, void> {
    const { batchSize } = this.#config;
    const { plateaus, rollbacks } = this.#record;
    const share = this.#share();
    const learningRate =
      learningRateAt(this.#config, share, plateaus) * ROLLBACK_SHARE ** rollbacks;
    const startedSeconds = this.#watch.seconds;
    const result = this.#trainer.trainStep(learningRate, share);
    const seconds = this.#watch.seconds - startedSeconds;
    this.#isSaved = false;
    const { loss, gradientNorm, epoch, startsEpoch } = result;
    const { step, stepsPerEpoch, passes } = this.#trainer;
    if (!result.isApplied) return yield this.#leaveOut(result, learningRate);
    this.#record.addStep(loss, { epoch, learningRate });
    yield {
      type: 'step',
      step,
      epoch: passes ?? step / stepsPerEpoch,
      loss,
      learningRate,
      gradientNorm,
      tokensPerSecond: (batchSize * result.steps) / seconds,
      elapsedSeconds: this.#watch.seconds,
      progress: this.#share(),
    };
    // Without the state of the text before, an epoch's first loss is higher than others.
    const usualLoss = startsEpoch ? undefined : this.#spikes.add(loss);
    if (usualLoss !== undefined) yield { type: 'spike', step, loss, usualLoss };
  }

  /** A step that changed nothing: counts it, or throws if the run is not to go on so. */
  #leaveOut({ loss, gradientNorm, epoch }: StepResult, learningRate: number): RunEvent {
    const { step } = this.#trainer;
    const found = Number.isFinite(loss) ? `gradient norm ${gradientNorm}` : `loss ${loss}`;
    if (this.#config.onNan !== 'skip') throw new NotFinite(step, found);
    this.#record.addSkipped({ epoch, learningRate });
    if (this.#record.skipped === MOST_SKIPPED) throw new NotFinite(step, found);
    return { type: 'skip', step, found };
  }

  /** Takes up what was saved last, with a lower learning rate, or throws if that is not to be. */
  async #goBack(problem: NotFinite): Promise<RunEvent> {
    const { onNan = 'rollback' } = this.#config;
    const { rollbacks, skipped } = this.#record;
    const saved = await this.#options.store?.lastSaved();
    if (onNan !== 'rollback' || rollbacks === MOST_ROLLBACKS) {
      throw divergence(problem, onNan, skipped, saved?.path);
    }
    const snapshot = saved ? await saved.load() : this.#options.resumeFrom;
    this.#trainer.dispose();
    this.#trainer = new Trainer(this.#config, this.#data.train, snapshot);
    this.#record = new RunRecord(snapshot);
    this.#record.rollbacks = rollbacks + 1;
    this.#isSaved = true;
    const { step, found } = problem;
    const rateShare = ROLLBACK_SHARE ** this.#record.rollbacks;
    return { type: 'rollback', step, toStep: this.#trainer.step, found, rateShare };
  }

  async *#whatIsDue(): AsyncGenerator<RunEvent, void, void> {
    const { evalEvery, saveEvery } = this.#config;
    const { step } = this.#trainer;
    const isValidationDue =
      !this.#record.isValidated &&
      (evalEvery
        ? step % evalEvery === 0
        : step - this.#record.lastValidation >= this.#stepsBetweenValidations());
    if (isValidationDue) yield* this.#validate();
    if (this.#isSampleDue) yield* this.#sample();
    if (this.#isAborted || this.#isSaved) return;
    const isSaveDue =
      this.#record.best?.step === step ||
      (saveEvery ? step % saveEvery === 0 : isValidationDue) ||
      this.#options.store?.isSaveDue();
    if (isSaveDue) yield* this.#save(false);
  }

  #stepsBetweenValidations(): number {
    const stand = {
      step: this.#trainer.step,
      share: this.#share(),
      elapsedSeconds: this.#watch.seconds,
      validationSeconds: this.#record.validationSeconds,
    };
    return stepsBetweenValidations(this.#config, this.#data.valid.length, stand);
  }

  async *#validate(): AsyncGenerator<RunEvent, void, void> {
    const { step } = this.#trainer;
    const { model, precision } = this.#config;
    const { valid } = this.#data;
    yield { type: 'evaluating', step, share: 0 };
    const startedSeconds = this.#watch.seconds;
    const totals = new LossTotals();
    const options = { onLosses: totals.add, signal: this.#options.signal, precision };
    try {
      await this.#trainer.withWeights((weights) => scoreTokens(model, weights, valid, options));
    } catch (error) {
      if (!this.#isAborted) throw error;
      // It will be made anew.
      this.#watch.setTo(startedSeconds);
      return;
    }
    const natsPerToken = totals.mean;
    if (!Number.isFinite(natsPerToken)) {
      throw new NotFinite(step, `validation loss ${natsPerToken}`);
    }
    const elapsedSeconds = this.#watch.seconds;
    const seconds = elapsedSeconds - startedSeconds;
    const isBest = this.#record.addValidation({ step, natsPerToken, seconds, elapsedSeconds });
    this.#isSaved = false;
    // Before anything is handed out: what is saved of this validation has it in it.
    const startsAveraging = this.#startAveragingIfDue();
    yield { type: 'eval', step, natsPerToken, isBest };
    if (startsAveraging) yield { type: 'averaging', step };
  }

  /** Returns whether it does. */
  #startAveragingIfDue(): boolean {
    const { optimizer, nonMonotone } = this.#config;
    if (optimizer !== 'nt-asgd' || this.#trainer.isAveraging) return false;
    if (!isTimeToAverage(this.#record.validLosses, nonMonotone)) return false;
    this.#trainer.startAveraging();
    return true;
  }

  /** Also where an interruption came between a validation and its sample: both are in the history. */
  get #isSampleDue(): boolean {
    const { sampleEvery } = this.#config;
    const { isValidated, validations, hasSample } = this.#record;
    return sampleEvery > 0 && isValidated && !hasSample && validations % sampleEvery === 0;
  }

  async *#sample(): AsyncGenerator<RunEvent, void, void> {
    const { model, seed } = this.#config;
    const { tokenizer } = this.#data;
    const options = { ...SAMPLE_CHOICE, length: SAMPLE_LENGTH[tokenizer.kind] };
    let text = '';
    await this.#trainer.withWeights(async (weights) => {
      for (const piece of generate(model, weights, tokenizer, [], options, new Random(seed))) {
        text += piece.text;
        await setImmediate();
        if (this.#isAborted) break;
      }
    });
    if (this.#isAborted) return;
    this.#record.addSample(text);
    this.#isSaved = false;
    yield { type: 'sample', step: this.#trainer.step, text };
  }

  *#save(finished: boolean): Generator<RunEvent, void, void> {
    const { step } = this.#trainer;
    yield { type: 'saving', step };
    const snapshot = {
      ...this.#trainer.snapshot(),
      ...this.#record.snapshot(finished, this.#watch.seconds),
    };
    const bad = nonFiniteTensor(snapshot);
    if (bad !== undefined) throw new NotFinite(step, `NaN or Infinity in ${bad}`);
    this.#isSaved = true;
    yield { type: 'save', step, isBest: this.#record.best?.step === step, snapshot };
  }

  *#stop(): Generator<RunEvent, void, void> {
    if (this.#trainer.step > 0 && !this.#isSaved) yield* this.#save(false);
    yield { type: 'stopped', step: this.#trainer.step };
  }

  get #isAborted(): boolean {
    return this.#options.signal?.aborted === true;
  }

  get #isOver(): boolean {
    const { patience = Number.POSITIVE_INFINITY } = this.#config;
    return this.#share() >= 1 || this.#record.validationsSinceBest >= patience;
  }

  /** The share of the budget that is used, in [0, 1]. */
  #share(): number {
    const { step: steps, passes, stepsPerEpoch } = this.#trainer;
    const spent = { steps, passes, elapsedSeconds: this.#watch.seconds };
    return progressOf(this.#config, spent, stepsPerEpoch);
  }
}
