/** What a report tells of runs, as `report-page/data.js` reads it: of modest size, however long they were. */
import { basename, dirname, resolve } from 'node:path';
import type { CheckpointModel } from '../checkpoint/model.ts';
import { type TrainOptions, trainOptions } from '../config/train-options.ts';
import type { HistoryRow } from '../journal/history-rows.ts';
import { parameterCount } from '../model/parameters.ts';
import type { ReportEvaluation } from './evaluations.ts';

/** Steps are taken together where a curve would have more points. */
const MOST_POINTS = 400;
/** Validations in a table; of more, every second one goes, until it has no more. */
const MOST_VALIDATIONS = 200;

export interface ReportData {
  readonly created: string;
  readonly runs: readonly ReportRun[];
  readonly evaluations: readonly ReportEvaluation[];
}

export interface ReportRun {
  readonly name: string;
  readonly path: string;
  readonly step: number;
  readonly saved: string;
  readonly finished: boolean;
  readonly epoch: number | null;
  readonly elapsedSeconds: number;
  readonly parameters: number;
  readonly tokens: string;
  readonly best: { readonly step: number; readonly nats: number } | null;
  readonly texts: readonly ReportText[];
  /** By flag, as it would be typed. */
  readonly settings: Readonly<Record<string, string>>;
  readonly steps: ReportSteps;
  readonly validations: readonly ReportValidation[];
  readonly samples: readonly { readonly step: number; readonly text: string }[];
}

export interface ReportText {
  readonly part: 'corpus' | 'valid' | 'test';
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Points of curves, each the mean of the steps that are taken together; null: not known. */
export interface ReportSteps {
  /** How many steps stand for a point. */
  readonly together: number;
  readonly step: readonly number[];
  readonly epoch: readonly (number | null)[];
  readonly seconds: readonly (number | null)[];
  readonly loss: readonly (number | null)[];
  readonly rate: readonly (number | null)[];
  readonly norm: readonly (number | null)[];
  readonly speed: readonly (number | null)[];
}

export interface ReportValidation {
  readonly step: number;
  readonly epoch: number | null;
  readonly seconds: number | null;
  readonly trainLoss: number;
  readonly nats: number;
}

/** A checkpoint with its history, and the rows of the run up to it. */
export interface ReportedRun {
  readonly model: CheckpointModel;
  readonly rows: readonly HistoryRow[];
}

export function reportData(runs: readonly ReportedRun[], created: Date): ReportData {
  const paths = runs.map(({ model }) => dirname(resolve(model.checkpoint.path)));
  return {
    created: created.toISOString(),
    runs: runs.map((run, i) => ({ name: names(paths)[i] as string, ...reportRun(run) })),
    evaluations: [],
  };
}

/** The last part of each path; where two have the same, as much before it as tells them apart, or a number. */
function names(paths: readonly string[]): string[] {
  for (let parts = 1; parts <= 3; parts++) {
    const found = paths.map((path) => path.split(/[\\/]/).slice(-parts).join('/'));
    if (new Set(found).size === paths.length) return found;
  }
  return paths.map((path, i) => `${i + 1}: ${basename(path)}`);
}

function reportRun({ model, rows }: ReportedRun): Omit<ReportRun, 'name'> {
  const { checkpoint, options, tokenizer, modelConfig, training } = model;
  const { best, finished } = training.run;
  const byStep = new Map(rows.map((row) => [row.step, row]));
  const validations = thinned(training.history, MOST_VALIDATIONS).map((entry) => ({
    step: entry.step,
    epoch: rounded(byStep.get(entry.step)?.epoch),
    seconds: rounded(training.clock.history[training.history.indexOf(entry)]),
    trainLoss: rounded(entry.trainLoss) as number,
    nats: rounded(entry.validLoss) as number,
  }));
  return {
    path: dirname(checkpoint.path),
    step: checkpoint.step,
    saved: checkpoint.created,
    finished,
    epoch: rounded(rows.at(-1)?.epoch),
    elapsedSeconds: training.clock.elapsedSeconds,
    parameters: parameterCount(modelConfig),
    tokens: `${tokenizer.kind}, vocabulary ${tokenizer.vocabularySize.toLocaleString('en-US')}`,
    best: best && { step: best.step, nats: rounded(best.natsPerToken) as number },
    texts: (['corpus', 'valid', 'test'] as const).flatMap((part) =>
      training.data[part].map(({ name, bytes, sha256 }) => ({ part, name, bytes, sha256 })),
    ),
    settings: settingsOf(options),
    steps: stepsOf(rows),
    validations,
    samples: training.history.flatMap(({ step, sample }) =>
      sample === undefined ? [] : [{ step, text: sample }],
    ),
  };
}

/** What only says how a command was run is no setting of a run. */
const NO_SETTINGS = new Set<keyof TrainOptions>([
  ...(['out', 'resume', 'overwrite', 'findLearningRate', 'json', 'plot', 'tensorboard'] as const),
  ...(['quiet', 'backend', 'threads', 'gpuMemory', 'tf32'] as const),
]);

function settingsOf(options: TrainOptions): Record<string, string> {
  const names = Object.keys(trainOptions) as (keyof typeof trainOptions)[];
  const given = names.filter((name) => options[name] !== undefined && !NO_SETTINGS.has(name));
  return Object.fromEntries(
    given.map((name) => [`--${trainOptions[name].flag}`, settingText(options[name])]),
  );
}

function settingText(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return Array.isArray(value) ? value.join(', ') : String(value);
}

function stepsOf(rows: readonly HistoryRow[]): ReportSteps {
  const together = Math.max(1, Math.ceil(rows.length / MOST_POINTS));
  const bins: (readonly HistoryRow[])[] = [];
  for (let i = 0; i < rows.length; i += together) bins.push(rows.slice(i, i + together));
  const means = (of: keyof HistoryRow) =>
    bins.map((bin) => rounded(mean(bin.map((row) => row[of]))));
  return {
    together,
    step: means('step') as number[],
    epoch: means('epoch'),
    seconds: means('elapsedSeconds'),
    loss: means('trainLoss'),
    rate: means('learningRate'),
    norm: means('gradientNorm'),
    speed: means('tokensPerSecond'),
  };
}

/** Of those that are known. */
function mean(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  if (known.length === 0) return undefined;
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** As many digits as a chart or table shows. */
function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Number(value.toPrecision(6));
}

/** The last and every so many before it. */
function thinned<T>(values: readonly T[], most: number): T[] {
  const every = Math.ceil(values.length / most);
  return values.filter((_, i) => (values.length - 1 - i) % every === 0);
}
