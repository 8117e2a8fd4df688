/** What there is of a run's history in a file, whatever became of it meanwhile. */
import { readFile } from 'node:fs/promises';
import { errorMessage } from '../errors.ts';
import { type HistoryRow, parseHistory } from './history-rows.ts';

/** Spreadsheets keep some ten digits of a number. */
const SAME = 1e-6;

export interface FoundRows {
  readonly rows: HistoryRow[];
  /** Why the file, or some of it, is not the run's history; undefined: it is, or there is none. */
  readonly problem?: string | undefined;
}

/**
 * The rows up to step `last`.
 *
 * @param validations all of the run up to that step
 * @param reach the step up to which the file is to have rows, whichever are asked for
 */
export async function findRows(
  path: string,
  last: number,
  validations: readonly HistoryRow[],
  reach = Number.NEGATIVE_INFINITY,
): Promise<FoundRows> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return { rows: [...validations], problem: isGone ? undefined : errorMessage(error) };
  }
  const { rows, lastStep = 0, problem } = parseHistory(text, last);
  const whole = withValidations(rows, validations, last);
  if (!whole) return { rows: [...validations], problem: 'validations of another run' };
  const missing = lastStep < reach ? `no row of step ${reach}` : undefined;
  return { rows: whole, problem: problem ?? missing };
}

/**
 * Rows of a file with the validations that they lack, before them and behind them; undefined where they have others
 * than the run. The validation of the last one may have come after it was written, or after the checkpoint.
 */
function withValidations(
  rows: readonly HistoryRow[],
  validations: readonly HistoryRow[],
  until: number,
): HistoryRow[] | undefined {
  const [first, last] = [rows[0], rows.at(-1)];
  if (!first || !last) return [...validations];
  const before = rows.slice(0, -1);
  const found = before.filter(({ validNats }) => validNats !== undefined);
  const expected = validations.filter(({ step }) => step >= first.step && step < last.step);
  if (found.length !== expected.length) return undefined;
  if (!found.every((row, i) => areSame(row, expected[i] as HistoryRow))) return undefined;
  const known = validations.find(({ step }) => step === last.step);
  const isKnown =
    last.validNats === undefined || (known ? areSame(last, known) : last.step === until);
  if (!isKnown) return undefined;
  return [
    ...validations.filter(({ step }) => step < first.step),
    ...before,
    { ...last, validNats: known?.validNats },
    ...validations.filter(({ step }) => step > last.step),
  ];
}

/** Whether two rows are of the same validation. */
function areSame(found: HistoryRow, expected: HistoryRow): boolean {
  const [loss, wanted] = [found.validNats as number, expected.validNats as number];
  return found.step === expected.step && Math.abs(loss - wanted) <= SAME * Math.abs(wanted);
}
