/**
 * `history.csv` of a run: a row for each step, those of the run's last checkpoint on the disk before the run names
 * it. What is behind them goes when the run goes on from there.
 */
import { type FileHandle, open, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { replaceDurably } from '../durable-files.ts';
import { errorMessage, UserError } from '../errors.ts';
import { isThere } from '../is-there.ts';
import type { HistoryEntry, RunClock } from '../training/run-snapshot.ts';
import type { JournalEvent } from './events.ts';
import { type FoundRows, findRows } from './found-rows.ts';
import { HISTORY_HEADER, type HistoryRow, historyLine } from './history-rows.ts';
import { HISTORY_FILE } from './places.ts';

/** What a checkpoint says of the history up to it. */
export interface SavedHistory {
  readonly step: number;
  readonly history: readonly HistoryEntry[];
  readonly clock: Pick<RunClock, 'history'>;
}

/**
 * The rows up to a checkpoint: those of the file, if they are of the same run, as the validations tell, and a row for
 * each validation that the file has none for.
 */
export function readHistory(directory: string, saved: SavedHistory): Promise<FoundRows> {
  const path = join(directory, HISTORY_FILE);
  return findRows(path, saved.step, rowsOfValidations(saved));
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
  readonly #onFailure: (error: UserError) => void;
  /** Those that the file lacks; the first may have what its last one lacks. */
  #rows: HistoryRow[] = [];
  /** Those of all validations, for a file that lacks them. */
  #validated: HistoryRow[];
  /** What stands in the file; undefined: it is to be written anew. */
  #written: Written | undefined;
  /** What of the file is to stay when it is. */
  #staying: Staying;
  /** Settled when no row is on its way to the disk. */
  #flushed: Promise<void> = Promise.resolve();

  /**
   * @param onFailure called where a file was put aside since it is not the history of the run
   * @param resumed the checkpoint that the run goes on from; undefined: it begins
   */
  constructor(directory: string, onFailure: (error: UserError) => void, resumed?: SavedHistory) {
    this.#path = join(directory, HISTORY_FILE);
    this.#onFailure = onFailure;
    this.#validated = resumed ? rowsOfValidations(resumed) : [];
    this.#staying = { upTo: resumed?.step ?? 0 };
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
      case 'eval': {
        this.#push({ step: event.step, validNats: event.natsPerToken });
        const earlier = this.#validated.filter(({ step }) => step < event.step);
        this.#validated = [...earlier, this.#rows.at(-1) as HistoryRow];
        break;
      }
      case 'rollback':
        this.#goBack(event.toStep);
        break;
    }
  }

  #goBack(toStep: number): void {
    const isLeft = ({ step }: HistoryRow) => step <= toStep;
    this.#rows = this.#rows.filter(isLeft);
    this.#validated = this.#validated.filter(isLeft);
    if (!this.#written) {
      this.#staying = { ...this.#staying, upTo: Math.min(this.#staying.upTo, toStep) };
    } else if (!isLeft(this.#written.last)) {
      this.#staying = { upTo: toStep, reach: this.#written.last.step };
      this.#written = undefined;
    }
  }

  #push(row: HistoryRow): void {
    const last = this.#rows.at(-1);
    if (last?.step === row.step) this.#rows[this.#rows.length - 1] = merged(last, row);
    else this.#rows.push(row);
  }

  /**
   * Puts all rows on the disk, after what is being put there; what fails is tried again with the next call.
   *
   * @throws UserError `history-write` if the disk refuses
   */
  flush(): Promise<void> {
    const flushed = this.#flushed.then(() => this.#flush());
    this.#flushed = flushed.catch(() => undefined);
    return flushed;
  }

  async #flush(): Promise<void> {
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
    if (written === undefined) {
      await this.#writeAnew(rows);
    } else if (rows.length > 0) {
      const { step } = written.last;
      const all = step === rows[0]?.step ? joined([written.last], rows) : rows;
      const start = all === rows ? written.end : written.lastStart;
      const text = linesOf(all);
      const most = Math.max(written.most, start + text.length);
      this.#written = { ...written, most };
      if (await writeAt(this.#path, start, text, written)) {
        this.#written = writtenWith(all, start + text.length);
      } else {
        // Somebody has moved the run away, and its history with it, or changed the file.
        this.#staying = { upTo: step, reach: step };
        this.#written = undefined;
        await this.#writeAnew(rows);
      }
    }
  }

  /** What is to stay of the file, and `rows` behind it; a file of which more than that would go is kept aside. */
  async #writeAnew(rows: readonly HistoryRow[]): Promise<void> {
    const { upTo, reach } = this.#staying;
    // After a write that failed, the file may have some of the rows.
    const last = Math.min(upTo, rows[0]?.step ?? upTo);
    const validations = this.#validated.filter(({ step }) => step <= last);
    const found = await findRows(this.#path, last, validations, reach);
    const all = joined(found.rows, rows);
    const text = `${HISTORY_HEADER}${linesOf(all)}`;
    const aside = found.problem === undefined ? undefined : await putAside(this.#path);
    try {
      await replaceDurably(this.#path, Buffer.from(text));
    } catch (error) {
      // The next try is to find it.
      if (aside) await rename(aside, this.#path).catch(() => undefined);
      throw error;
    }
    this.#written = writtenWith(all, text.length);
    this.#staying = { upTo: all.at(-1)?.step ?? 0 };
    if (aside) this.#onFailure(keptAside(this.#path, found.problem as string, aside));
  }
}

/** Of a file that is to be written anew. */
interface Staying {
  /** The step up to which its rows stay. */
  readonly upTo: number;
  /** That up to which it had rows; undefined: nobody knows. */
  readonly reach?: number | undefined;
}

/** A file with a row or more; lengths are in bytes, of which each character takes one. */
interface Written {
  readonly end: number;
  /** Where it ends at most, after writes that failed. */
  readonly most: number;
  readonly last: HistoryRow;
  readonly lastStart: number;
}

function writtenWith(rows: readonly HistoryRow[], end: number): Written | undefined {
  const last = rows.at(-1);
  return last && { end, most: end, last, lastStart: end - historyLine(last).length };
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

/** Writes from `start` on what is then the file's end; false if the file is not there or is not as it was left. */
async function writeAt(
  path: string,
  start: number,
  text: string,
  { end, most }: Written,
): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  try {
    const { size } = await file.stat();
    if (size < end || size > most) return false;
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

/** Gives a file a name beside it that is free: `<name>.old`, `<name>.old-2` and so on. */
async function putAside(path: string): Promise<string> {
  for (let copy = 1; ; copy += 1) {
    const aside = `${path}.old${copy === 1 ? '' : `-${copy}`}`;
    if (await isThere(aside)) continue;
    await rename(path, aside);
    return aside;
  }
}

function keptAside(path: string, problem: string, aside: string): UserError {
  return new UserError(
    'history-foreign',
    `expected the history of this run in ${path}, found ${problem}; that file is kept as ${basename(aside)}, and ` +
      'a new one goes on with the rows that could be used',
    'Look whether something in it is needed; gru-lm needs nothing of it.',
  );
}
