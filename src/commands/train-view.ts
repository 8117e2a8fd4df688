/** What `gru-lm train` shows: a live bar, plain lines, or one JSON object an event. */
import type { TrainOptions } from '../config/train-options.ts';
import type { TrainEvent } from '../library/events.ts';
import type { Preflight } from '../training/preflight.ts';
import type { RunEvent } from '../training/run-events.ts';
import { LossCurve } from './loss-curve.ts';
import { type StartInfo, showPreflight } from './preflight-view.ts';
import { type Progress, silentProgress, startProgress } from './progress-bar.ts';
import {
  clock,
  errorStyle,
  figure,
  notice,
  outStyle,
  printJson,
  printLine,
  shortCount,
  showInline,
} from './terminal.ts';

type ShownEvent = Exclude<RunEvent, { type: 'save' | 'saving' }>;

export interface TrainView {
  start(info: StartInfo): void;
  event(event: ShownEvent): void;
  /** A checkpoint is whole. */
  saved(step: number, path: string): void;
  /** Something went wrong, and the run goes on. */
  warn(message: string): void;
  stop(): void;
}

export function startView(options: TrainOptions): TrainView {
  return options.json ? new JsonView() : new TextView(options);
}

type Named<Event> = Event extends { type: infer Kind }
  ? Omit<Event, 'type'> & { event: Kind }
  : never;

/** An event of a run as JSON has it. */
function named<Event extends { type: string }>({ type, ...figures }: Event): Named<Event> {
  return { event: type, ...figures } as unknown as Named<Event>;
}

/** Typed, so that the types of the library's events are those of what is printed. */
function printEvent(event: TrainEvent): void {
  printJson(event);
}

class JsonView implements TrainView {
  #path = '';

  start(info: StartInfo): void {
    const { backend, directory, vocabularySize, train, valid, resumedAtStep, byRule } = info;
    this.#path = directory;
    const { json, quiet, ...settings } = info.options;
    // Only --quiet does without.
    const { warnings, ...figures } = info.preflight as Preflight;
    printEvent({
      event: 'start',
      vocabularySize,
      trainTokens: train.tokens,
      validTokens: valid.tokens,
      ...figures,
      backend: backend.name,
      backendDescription: backend.description,
      path: directory,
      resumedAtStep: resumedAtStep ?? null,
      warnings: [...info.notices, ...warnings],
      options: settings,
      byRule,
    });
  }

  event(event: ShownEvent): void {
    switch (event.type) {
      case 'step': {
        const { type, progress, ...figures } = event;
        printEvent({ event: type, ...figures });
        break;
      }
      case 'eval': {
        const { step, natsPerToken, isBest } = event;
        const perplexity = Math.exp(natsPerToken);
        printEvent({ event: 'eval', step, split: 'valid', natsPerToken, perplexity, isBest });
        break;
      }
      case 'averaging':
      case 'sample':
      case 'spike':
      case 'skip':
      case 'rollback':
        printEvent(named(event));
        break;
      case 'stopped':
        printEvent({ event: 'stopped', step: event.step, path: this.#path });
        break;
      case 'end': {
        const { type, ...figures } = event;
        printEvent({ event: type, ...figures, path: this.#path });
        break;
      }
      case 'evaluating':
        break;
    }
  }

  saved(step: number, path: string): void {
    printEvent({ event: 'checkpoint', path, step });
  }

  warn(message: string): void {
    printEvent({ event: 'warning', message });
  }

  stop(): void {}
}

/** The weight of a step in the losses shown, which would otherwise jump about. */
const SMOOTHING = 0.05;

class TextView implements TrainView {
  readonly #quiet: boolean;
  /** undefined: it is not asked for. */
  readonly #curve: LossCurve | undefined;
  #progress: Progress = silentProgress;
  #directory = '';
  #patience = Number.POSITIVE_INFINITY;
  /** The steps after which the run was validated, in this session and before. */
  readonly #validations: number[] = [];
  #loss: number | undefined;
  #speed: number | undefined;
  /** What the last step showed; none yet in this session. */
  #last: { share: number; fields: string[] } | undefined;

  constructor({ quiet, plot }: TrainOptions) {
    this.#quiet = quiet;
    this.#curve = plot ? new LossCurve() : undefined;
  }

  start(info: StartInfo): void {
    this.#directory = info.directory;
    this.#patience = info.options.patience ?? Number.POSITIVE_INFINITY;
    for (const { step, validNats } of info.past) {
      if (validNats !== undefined) this.#validations.push(step);
    }
    this.#curve?.addPast(info.past);
    if (this.#quiet) return;
    showPreflight(info);
    if (info.resumedAtStep !== undefined) notice(`going on from step ${info.resumedAtStep}`);
    this.#progress = startProgress((size) => this.#curve?.lines(size) ?? []);
    this.#progress.update(0, ['first step…']);
  }

  event(event: ShownEvent): void {
    switch (event.type) {
      case 'step':
        this.#curve?.addStep(event.step, event.loss);
        this.#showStep(event);
        break;
      case 'evaluating':
        this.#showLast('validating…');
        break;
      case 'eval':
        this.#validations.push(event.step);
        this.#curve?.addValidation(event.step, event.natsPerToken);
        this.#progress.log(
          `${errorStyle.green(`step ${event.step}`)}  validation loss ${event.natsPerToken.toFixed(4)} nats, ` +
            `perplexity ${figure(Math.exp(event.natsPerToken))}${event.isBest ? errorStyle.green('  best so far') : ''}`,
        );
        this.#showLast();
        break;
      case 'averaging':
        this.#progress.log(`step ${event.step}: from here on the weights are averaged`);
        break;
      case 'sample':
        this.#progress.log(`${errorStyle.dim(indent(event.text))}`);
        break;
      case 'spike':
        this.#report(
          `step ${event.step}: loss ${event.loss.toFixed(3)}, after ${event.usualLoss.toFixed(3)}`,
        );
        break;
      case 'skip':
        this.warn(`step ${event.step}: ${event.found}; the step was left out`);
        break;
      case 'rollback':
        this.#curve?.goBack(event.toStep);
        this.warn(
          `step ${event.step}: ${event.found}; going on from step ${event.toStep} with ` +
            `1/${1 / event.rateShare} of the learning rate`,
        );
        break;
      case 'stopped':
        this.stop();
        if (event.step > 0) {
          notice(
            `stopped at step ${event.step}; saved in ${showInline(this.#directory)}: go on with --resume`,
          );
        }
        break;
      case 'end':
        if (this.#last) this.#progress.update(1, this.#last.fields);
        this.stop();
        this.#showEnd(event);
        break;
    }
  }

  saved(): void {}

  warn(message: string): void {
    if (this.#quiet) notice(errorStyle.yellow(message));
    else this.#report(message);
  }

  /** A line that stays above the bar. */
  #report(message: string): void {
    this.#progress.log(errorStyle.yellow(message));
  }

  stop(): void {
    this.#progress.stop();
    this.#progress = silentProgress;
  }

  #showStep(event: Extract<RunEvent, { type: 'step' }>): void {
    this.#loss = smooth(this.#loss, event.loss);
    this.#speed = smooth(this.#speed, event.tokensPerSecond);
    const left = (event.elapsedSeconds * (1 - event.progress)) / event.progress;
    const fields = [
      `step ${event.step}`,
      `loss ${this.#loss.toFixed(3)}`,
      `${clock(left)} left`,
      `ppl ${Math.exp(this.#loss).toPrecision(3)}`,
      `ep ${event.epoch.toFixed(1)}`,
      `${shortCount(this.#speed)} tok/s`,
      `lr ${event.learningRate.toExponential(0)}`,
    ];
    this.#last = { share: event.progress, fields };
    this.#progress.update(event.progress, fields);
  }

  #showLast(...before: string[]): void {
    if (this.#last) this.#progress.update(this.#last.share, [...before, ...this.#last.fields]);
  }

  #showEnd(event: Extract<RunEvent, { type: 'end' }>): void {
    const best = event.bestNatsPerToken;
    printLine(
      `${outStyle.bold('done')}: ${event.step} steps in ${clock(event.elapsedSeconds)}; best at step ` +
        `${event.bestStep}: ${best.toFixed(4)} nats, perplexity ${figure(Math.exp(best))}`,
    );
    if (this.#quiet) return;
    if (!this.#last) notice(`nothing was left to do: ${this.#whatEndedIt(event)}`);
    printLine(`\n  gru-lm sample ${showInline(this.#directory)}`);
    printLine(`  gru-lm eval ${showInline(this.#directory)}`);
  }

  /** And what would let it go on. */
  #whatEndedIt({ bestStep }: Extract<RunEvent, { type: 'end' }>): string {
    const sinceBest = this.#validations.filter((step) => step > bestStep).length;
    return sinceBest < this.#patience
      ? 'give it more with --max-steps, --epochs or --max-time'
      : `--patience ${this.#patience} ended the run, for so many validations brought nothing better: give it a larger --patience`;
  }
}

function smooth(average: number | undefined, value: number): number {
  return average === undefined ? value : average + SMOOTHING * (value - average);
}

function indent(text: string): string {
  return text.trim().replace(/^/gm, '    ');
}
