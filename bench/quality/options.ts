/** The command line of `npm run bench:quality`, which `run.ts` describes. */
import { parseArgs } from 'node:util';
import { UserError } from '../../src/errors.ts';
import { typedNumber } from '../command-line.ts';
import { type Experiment, type Row, rowsOf } from './experiment.ts';

/** A row that is trained; n-grams are counted beside the base. */
export interface TrainedRow {
  experiment: Experiment;
  row: Row;
}

export interface Options {
  /** The rows that are wanted. */
  rows: TrainedRow[];
  seeds: number[];
  /** How many runs there are at once: more than one only by steps, which come to the same beside others. */
  parallel: number;
  /** Where results go that are not to be kept. */
  dir: string | undefined;
  /** A Python to use as it is, for the benchmark's own. */
  python: string | undefined;
  /** Part of the name of the processor whose results are shown instead of measuring any. */
  processor: string | undefined;
  list: boolean;
  writeDocs: boolean;
}

/** As `--only` takes it. */
export function nameOf({ experiment, row }: TrainedRow): string {
  return `${experiment.name}/${row.name}`;
}

/**
 * What was asked for.
 *
 * @throws UserError `usage` for what cannot be understood
 */
export function parseOptions(args: string[], experiments: readonly Experiment[]): Options {
  const { seeds, parallel, only, list, 'write-docs': writeDocs, ...given } = parse(args);
  const all = trainedRows(experiments);
  const rows = only === undefined ? all : chosenRows(all, only.split(','));
  const timed = rows.find(({ experiment }) => experiment.seconds !== undefined);
  const atOnce = wholeNumber('parallel', parallel, 1);
  if (atOnce > 1 && timed) {
    throw usage(
      `--parallel: expected --only of experiments by steps, found ${timed.experiment.name}`,
    );
  }
  return {
    rows,
    seeds: seeds.split(',').map((typed) => wholeNumber('seeds', typed, 0)),
    parallel: atOnce,
    ...{ dir: given.dir, python: given.python, processor: given.processor },
    ...{ list, writeDocs },
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        only: { type: 'string' },
        seeds: { type: 'string', default: '1,2,3' },
        dir: { type: 'string' },
        parallel: { type: 'string', default: '1' },
        python: { type: 'string' },
        processor: { type: 'string' },
        list: { type: 'boolean', default: false },
        'write-docs': { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw usage((error as Error).message);
  }
}

function trainedRows(experiments: readonly Experiment[]): TrainedRow[] {
  return experiments
    .flatMap((experiment) => rowsOf(experiment).map((row) => ({ experiment, row })))
    .filter(({ row }) => row.kind !== 'ngram');
}

/** Those that are named, one by one or by their experiment. */
function chosenRows(rows: readonly TrainedRow[], names: readonly string[]): TrainedRow[] {
  const namesOf = (each: TrainedRow) => [each.experiment.name, nameOf(each)];
  const known = new Set(rows.flatMap(namesOf));
  const unknown = names.find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw usage(`--only: expected names of experiments or of their rows, found "${unknown}"`);
  }
  return rows.filter((each) => namesOf(each).some((name) => names.includes(name)));
}

function wholeNumber(flag: string, typed: string, least: number): number {
  return typedNumber(flag, typed, { least, whole: true }, usage);
}

function usage(message: string): UserError {
  return new UserError(
    'usage',
    message,
    'bench/quality/run.ts says what it takes, and --list which rows there are.',
  );
}
