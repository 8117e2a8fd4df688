/**
 * `history.csv` of a run: a row for each step, those of the run's last checkpoint on the disk before the run names
 * it. What is behind them goes when the run goes on from there.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceDurably } from '../durable-files.ts';
import { errorMessage, UserError } from '../errors.ts';
import type { HistoryEntry, RunClock } from '../training/run-snapshot.ts';
import type { JournalEvent } from './events.ts';
import { HISTORY_HEADER, type HistoryRow, historyLine, parseHistory } from './history-rows.ts';
import { HISTORY_FILE } from './places.ts';

/** Spreadsheets keep some ten digits of a number. */
const SAME = 1e-6;

/** What a checkpoint says of the history up to it. */
export interface SavedHistory {
  readonly step: number;
  readonly history: readonly HistoryEntry[];
  readonly clock: Pick<RunClock, 'history'>;
}

/**
 * The rows up to a checkpoint: those of the file, if they are of the same run, as the validations tell; otherwise,
 * for runs that have no such file, a row for each validation.
 */
export async function readHistory(directory: string, saved: SavedHistory): Promise<HistoryRow[]> {
  const text = await readFile(join(directory, HISTORY_FILE), 'utf8').catch(() => '');
  const rows = parseHistory(text, saved.step);
  return rows !== undefined && isOfRun(rows, saved) ? rows : rowsOfValidations(saved);
}

function isOfRun(rows: readonly HistoryRow[], { history }: SavedHistory): boolean {
  const validated = rows.filter(({ validNats }) => validNats !== undefined);
  if (validated.length !== history.length) return false;
  return history.every(({ step, validLoss }, i) => {
    const row = validated[i] as HistoryRow;
    const difference = Math.abs((row.validNats as number) - validLoss);
    return row.step === step && difference <= SAME * Math.abs(validLoss);
  });
}

/** Without passes: a checkpoint has the number of the epoch alone, without the part of it that was done. */
function rowsOfValidations({ history, clock }: SavedHistory): HistoryRow[] {
  return history.map(({ step, learningRate, trainLoss, validLoss }, i) => ({
    step,
    trainLoss,
    validNats: validLoss,
    learningRate,
    elapsedSeconds: clock.history[i],
  }));
}

/** Rows are kept in memory until {@link HistoryFile.flush}. */
export class HistoryFile {
  readonly #path: string;
  /** Those that the file lacks; the first may have what its last one lacks. */
  #rows: HistoryRow[];
  /** What stands in the file; undefined: it is to be written anew. */
  #written: Written | undefined;
  /** The step after which the file is to be cut. */
  #cutAfter: number | undefined;

  /** @param rows what came before this session */
  constructor(directory: string, rows: readonly HistoryRow[] = []) {
    this.#path = join(directory, HISTORY_FILE);
    this.#rows = [...rows];
  }

  add(event: JournalEvent): void {
    switch (event.type) {
      case 'step': {
        const { step, epoch, learningRate, gradientNorm, tokensPerSecond, elapsedSeconds } = event;
        const row = { step, epoch, trainLoss: event.loss, learningRate, gradientNorm };
        this.#push({ ...row, tokensPerSecond, elapsedSeconds });
        break;
      }
      case 'skip':
        this.#push({ step: event.step });
        break;
      case 'eval':
        this.#push({ step: event.step, validNats: event.natsPerToken });
        break;
      case 'rollback': {
        const { toStep } = event;
        this.#rows = this.#rows.filter(({ step }) => step <= toStep);
        if (this.#written && this.#written.last.step > toStep) this.#cutAfter = toStep;
        break;
      }
    }
  }

  #push(row: HistoryRow): void {
    const last = this.#rows.at(-1);
    if (last?.step === row.step) this.#rows[this.#rows.length - 1] = merged(last, row);
    else this.#rows.push(row);
  }

  /**
   * Puts all rows on the disk. One call at a time; what fails is tried again with the next.
   *
   * @throws UserError `history-write` if the disk refuses
   */
  async flush(): Promise<void> {
    const rows = this.#rows;
    this.#rows = [];
    try {
      await this.#write(rows);
    } catch (error) {
      this.#rows = joined(rows, this.#rows);
      throw new UserError(
        'history-write',
        `expected to write ${this.#path}, found: ${errorMessage(error)}`,
        'Make room or check the permissions there; training goes on, and the next save tries again.',
        { cause: error },
      );
    }
  }

  async #write(rows: readonly HistoryRow[]): Promise<void> {
    const written = this.#written;
    if (this.#cutAfter !== undefined) {
      const text = await readFile(this.#path, 'utf8').catch(() => '');
      await this.#rewrite(joined(parseHistory(text, this.#cutAfter) ?? [], rows));
    } else if (written === undefined) {
      await this.#rewrite(rows);
    } else if (rows.length > 0) {
      const all = written.last.step === rows[0]?.step ? joined([written.last], rows) : rows;
      const start = all === rows ? written.end : written.lastStart;
      const text = linesOf(all);
      // Else somebody has moved the run away, and its history with it.
      if (await writeAt(this.#path, start, text, written.end)) {
        this.#written = writtenWith(all, start + text.length);
      } else {
        await this.#rewrite(all);
      }
    }
  }

  async #rewrite(rows: readonly HistoryRow[]): Promise<void> {
    const text = `${HISTORY_HEADER}${linesOf(rows)}`;
    await replaceDurably(this.#path, Buffer.from(text));
    this.#written = writtenWith(rows, text.length);
    this.#cutAfter = undefined;
  }
}

/** A file with a row or more; lengths are in bytes, of which each character takes one. */
interface Written {
  readonly end: number;
  readonly last: HistoryRow;
  readonly lastStart: number;
}

function writtenWith(rows: readonly HistoryRow[], end: number): Written | undefined {
  const last = rows.at(-1);
  return last && { end, last, lastStart: end - historyLine(last).length };
}

function linesOf(rows: readonly HistoryRow[]): string {
  return rows.map(historyLine).join('');
}

/** Rows after rows: of a step that both have, one with what either knows. */
function joined(before: readonly HistoryRow[], after: readonly HistoryRow[]): HistoryRow[] {
  const [last, first] = [before.at(-1), after[0]];
  if (last === undefined || first === undefined || last.step !== first.step) {
    return [...before, ...after];
  }
  return [...before.slice(0, -1), merged(last, first), ...after.slice(1)];
}

/** What either row of a step knows. */
function merged(before: HistoryRow, after: HistoryRow): HistoryRow {
  const known = Object.entries(after).filter(([, value]) => value !== undefined);
  return { ...before, ...Object.fromEntries(known) };
}

/** Writes from `start` on what is then the file's end; false if the file is not there or is shorter than `least`. */
async function writeAt(path: string, start: number, text: string, least: number): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  try {
    if ((await file.stat()).size < least) return false;
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length; ) {
      done += (await file.write(bytes, done, bytes.length - done, start + done)).bytesWritten;
    }
    await file.truncate(start + bytes.length);
    await file.sync();
    return true;
  } finally {
    await file.close();
  }
}
