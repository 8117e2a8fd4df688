/** What was measured, and the tables of it. */
import { describeProcessor, type Processor } from '../machine.ts';
import { median } from '../statistics.ts';
import { columnsOf, type Table } from '../table.ts';
import { type Experiment, isPaced, type Row, rowsOf } from './experiment.ts';
import type { Outcome } from './outcome.ts';
import type { Job } from './runner.ts';

/** Of what, when, and where. */
interface Measured extends Processor {
  experiment: string;
  /** The row's name. */
  row: string;
  /** Of the end, by ISO 8601. */
  date: string;
  flags: string;
}

/** One run. */
export interface Result extends Outcome, Measured {
  seed: number;
  /** What its flags say, if they do. */
  precision?: string;
  /** Of rows that have one: what `×pace` of the flags was. */
  pace?: number;
}

/** How fast a row's steps are. */
export interface Pace extends Measured {
  /** Steps in a time, over the base's beside it. */
  pace: number;
}

/** The result of a run that has just ended. */
export function resultOf(
  { experiment, row, seed, pace }: Job,
  { steps, tokensPerSecond, natsPerToken }: Outcome,
  { processor, cores }: Processor,
  date: Date,
): Result {
  const precision = row.flags[row.flags.lastIndexOf('--precision') + 1];
  return {
    ...{ experiment: experiment.name, row: row.name, seed },
    ...{ natsPerToken, steps, tokensPerSecond: Math.round(tokensPerSecond) },
    ...{ date: date.toISOString(), processor, cores },
    ...(row.flags.includes('--precision') && precision !== undefined ? { precision } : {}),
    flags: row.flags.join(' '),
    ...(isPaced(row) ? { pace } : {}),
  };
}

/** The runs of a row as it is now, or its paces. */
export function runsOf<Found extends Measured>(
  experiment: Experiment,
  row: Row,
  results: readonly Found[],
): Found[] {
  const flags = row.flags.join(' ');
  return results.filter(
    (found) =>
      found.experiment === experiment.name && found.row === row.name && found.flags === flags,
  );
}

/**
 * Those that stand for what `machine` would come to: of runs by steps all, which come to the same anywhere, and of
 * those by time what was measured on a processor like it.
 */
export function countedOn<Found extends Processor>(
  machine: Processor,
  { seconds }: Experiment,
  results: readonly Found[],
): readonly Found[] {
  if (seconds === undefined) return results;
  return results.filter((found) => describeProcessor(found) === describeProcessor(machine));
}

/**
 * The results of an experiment's rows as they are now, the best median first; undefined if there are none.
 *
 * Of an experiment by time only those of one processor: the one that was measured on last, of those whose description
 * has `processor` in it.
 */
export function tableOf(
  experiment: Experiment,
  results: readonly Result[],
  processor = '',
): Table | undefined {
  const rows = rowsOf(experiment);
  const isByTime = experiment.seconds !== undefined;
  const newest = rows
    .flatMap((row) => runsOf(experiment, row, results))
    .filter(
      (run) => !isByTime || describeProcessor(run).toLowerCase().includes(processor.toLowerCase()),
    )
    .toSorted((a, b) => a.date.localeCompare(b.date))
    .at(-1);
  if (newest === undefined) return undefined;
  const here = countedOn(newest, experiment, results);
  const measured = rows
    .map((row) => ({ row, runs: runsOf(experiment, row, here) }))
    .filter(({ runs }) => runs.length > 0)
    .toSorted((a, b) => middleOf(a.runs) - middleOf(b.runs));
  const base = measured.find(({ row }) => row.name === 'base')?.runs;
  return {
    title: isByTime ? `${experiment.title}, on ${describeProcessor(newest)}` : experiment.title,
    subtitle: `base: ${[...experiment.data, ...experiment.base].join(' ')}`,
    columns: columnsOf(
      ...['setting', 'nats', 'against base', 'perplexity', 'from, to', 'seeds', 'steps'],
      // Tokens a second are of no account where others may have been run beside them.
      isByTime ? 'tokens/s' : 'pace',
      'changed',
    ),
    rows: measured.map(({ row, runs }) => {
      const speed = median(runs.map(({ tokensPerSecond }) => tokensPerSecond));
      return [
        row.label,
        ...natsCells(runs, row.name === 'base' ? undefined : base),
        `${runs.length}`,
        row.kind === 'ngram' ? '' : `${median(runs.map(({ steps }) => steps))}`,
        row.kind === 'ngram' ? '' : isByTime ? `${Math.round(speed)}` : paceCell(runs),
        row.changed.join(' '),
      ];
    }),
    notes: [],
  };
}

function paceCell(runs: readonly Result[]): string {
  return median(runs.map(({ pace = 1 }) => pace)).toFixed(2);
}

/** Median, difference to the base's, perplexity, range. */
function natsCells(runs: readonly Result[], base: readonly Result[] | undefined): string[] {
  const nats = runs.map(({ natsPerToken }) => natsPerToken);
  const middle = median(nats);
  return [
    middle.toFixed(4),
    base === undefined ? '' : signed(middle - middleOf(base)),
    Math.exp(middle).toFixed(3),
    `${Math.min(...nats).toFixed(4)} to ${Math.max(...nats).toFixed(4)}`,
  ];
}

function middleOf(runs: readonly Result[]): number {
  return median(runs.map(({ natsPerToken }) => natsPerToken));
}

function signed(difference: number): string {
  return `${difference < 0 ? '−' : '+'}${Math.abs(difference).toFixed(4)}`;
}
