/**
 * A whole training run as a stream of events. It touches neither files nor the terminal: whoever
 * iterates it shows the events and saves the checkpoints that it hands out.
 */
import { setImmediate } from 'node:timers/promises';
import { withUnknowns } from '../data/unknowns.ts';
import { scoreTokens } from '../evaluation/evaluate.ts';
import { LossTotals } from '../evaluation/report.ts';
import { turnEventLoop } from '../event-loop.ts';
import { generate } from '../generation/generate.ts';
import { runsOnGpu } from '../ops/tensorflow-binding.ts';
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
import { readSteps, type StartedStep, type StepResult } from './step-result.ts';
import { Stopwatch } from './stopwatch.ts';
import { type Beginning, Trainer } from './trainer.ts';

/** In tokens, by the kind of them: about as much text of each. */
const SAMPLE_LENGTH = { char: 160, word: 40, byte: 160, bpe: 60, file: 60 };

/**
 * Steps of a GPU that are read together, and seconds that are spent on them: to read them ends its work, so
 * that it would wait for the next step to be made ready after each.
 */
const STEPS_READ_TOGETHER = 32;
const SECONDS_READ_TOGETHER = 0.25;

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
  const { sequence: train, counts } = await withUnknowns(data.train, data.tokenizer);
  const run = new Run(config, { ...data, train }, counts, options);
  try {
    yield* run.events();
  } finally {
    run.dispose();
  }
}

/** Where a run is after a step. */
interface StepPlace {
  step: number;
  /** Passes over the text. */
  passed: number;
  progress: number;
}

interface MadeStep extends StepPlace {
  learningRate: number;
  /** That it took. */
  seconds: number;
  elapsedSeconds: number;
}

/** The state of a run, with its trainer. */
class Run {
  readonly #config: RunConfig;
  readonly #data: RunData;
  readonly #options: RunOptions;
  readonly #beginning: Beginning;
  readonly #watch: Stopwatch;
  readonly #spikes = new LossSpikes();
  #trainer: Trainer;
  #record: RunRecord;
  /** Whether a snapshot was handed out since anything changed. */
  #isSaved = true;

  constructor(config: RunConfig, data: RunData, tokenCounts: Float64Array, options: RunOptions) {
    const { resumeFrom, initialWeights, now } = options;
    this.#config = config;
    this.#data = data;
    this.#options = options;
    this.#beginning = { weights: initialWeights, tokenCounts };
    this.#watch = new Stopwatch(resumeFrom?.clock.elapsedSeconds ?? 0, now);
    this.#record = new RunRecord(resumeFrom);
    this.#trainer = new Trainer(config, data.train, resumeFrom, this.#beginning);
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
      yield* this.#readsTogether ? this.#severalSteps() : this.#step();
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

  /** Whether steps are read some at a time; those that are left out have to be known at once. */
  get #readsTogether(): boolean {
    return runsOnGpu() && this.#config.onNan !== 'skip';
  }

  *#step(): Generator<RunEvent, void, void> {
    const share = this.#share();
    const learningRate = this.#learningRate(share);
    const startedSeconds = this.#watch.seconds;
    const result = this.#trainer.trainStep(learningRate, share);
    const elapsedSeconds = this.#watch.seconds;
    this.#isSaved = false;
    yield* this.#stepMade(result, {
      ...{ ...this.#place(), learningRate, elapsedSeconds },
      seconds: elapsedSeconds - startedSeconds,
    });
  }

  /** As many steps as may be before something else is to be done, then what they found. */
  *#severalSteps(): Generator<RunEvent, void, void> {
    const startedSeconds = this.#watch.seconds;
    const started: StartedStep[] = [];
    const places: (StepPlace & { learningRate: number })[] = [];
    let passedSeconds: number;
    do {
      const share = this.#share();
      const learningRate = this.#learningRate(share);
      started.push(this.#trainer.startStep(learningRate, share));
      places.push({ ...this.#place(), learningRate });
      passedSeconds = this.#watch.seconds - startedSeconds;
    } while (
      started.length < STEPS_READ_TOGETHER &&
      passedSeconds < SECONDS_READ_TOGETHER &&
      !(this.#isOver || this.#isAborted || this.#isValidationDue || this.#isSaveDue)
    );
    const results = readSteps(started);
    const seconds = (this.#watch.seconds - startedSeconds) / started.length;
    this.#isSaved = false;
    for (const [i, result] of results.entries()) {
      const elapsedSeconds = startedSeconds + (i + 1) * seconds;
      yield* this.#stepMade(result, {
        ...(places[i] as (typeof places)[0]),
        seconds,
        elapsedSeconds,
      });
    }
  }

  #learningRate(share: number): number {
    const { plateaus, rollbacks } = this.#record;
    return learningRateAt(this.#config, share, plateaus) * ROLLBACK_SHARE ** rollbacks;
  }

  /** Where the run is now. */
  #place(): StepPlace {
    const { step, stepsPerEpoch, passes } = this.#trainer;
    return { step, passed: passes ?? step / stepsPerEpoch, progress: this.#share() };
  }

  *#stepMade(
    result: StepResult,
    { step, passed, progress, learningRate, seconds, elapsedSeconds }: MadeStep,
  ): Generator<RunEvent, void, void> {
    const { loss, gradientNorm, epoch, startsEpoch } = result;
    if (!result.isApplied) return yield this.#leaveOut(result, step, learningRate);
    this.#record.addStep(loss, { epoch, learningRate });
    const tokensPerSecond = (this.#config.batchSize * result.steps) / seconds;
    yield {
      ...{ type: 'step', step, epoch: passed, loss, learningRate, gradientNorm },
      ...{ tokensPerSecond, elapsedSeconds, progress },
    };
    // Without the state of the text before, an epoch's first loss is higher than others.
    const usualLoss = startsEpoch ? undefined : this.#spikes.add(loss);
    if (usualLoss !== undefined) yield { type: 'spike', step, loss, usualLoss };
  }

  /** A step that changed nothing: counts it, or throws if the run is not to go on so. */
  #leaveOut(
    { loss, gradientNorm, epoch }: StepResult,
    step: number,
    learningRate: number,
  ): RunEvent {
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
    this.#trainer = new Trainer(this.#config, this.#data.train, snapshot, this.#beginning);
    this.#record = new RunRecord(snapshot);
    this.#record.rollbacks = rollbacks + 1;
    this.#isSaved = true;
    const { step, found } = problem;
    const rateShare = ROLLBACK_SHARE ** this.#record.rollbacks;
    return { type: 'rollback', step, toStep: this.#trainer.step, found, rateShare };
  }

  async *#whatIsDue(): AsyncGenerator<RunEvent, void, void> {
    const validates = !this.#record.isValidated && this.#isValidationDue;
    if (validates) yield* this.#validate();
    if (this.#isSampleDue) yield* this.#sample();
    if (this.#isAborted || this.#isSaved) return;
    const isBest = this.#record.best?.step === this.#trainer.step;
    const saves = !this.#config.saveEvery && validates;
    if (isBest || saves || this.#isSaveDue) yield* this.#save(false);
  }

  /** Whether it is time for a validation, if the parameters are others than at the last. */
  get #isValidationDue(): boolean {
    const { evalEvery } = this.#config;
    const { step } = this.#trainer;
    return evalEvery
      ? step % evalEvery === 0
      : step - this.#record.lastValidation >= this.#stepsBetweenValidations();
  }

  /** Whether it is time for a save beside those at validations. */
  get #isSaveDue(): boolean {
    const { saveEvery } = this.#config;
    const { step } = this.#trainer;
    return (
      (saveEvery ? step % saveEvery === 0 : false) || this.#options.store?.isSaveDue() === true
    );
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
