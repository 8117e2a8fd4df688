/** Finds checkpoints by what a user calls them, and says whether a run may be written somewhere. */

import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isTemporaryName } from '../durable-files.ts';
import { UserError } from '../errors.ts';
import { HISTORY_HEADER } from '../journal/history-rows.ts';
import { HISTORY_FILE, TENSORBOARD_DIRECTORY } from '../journal/places.ts';
import { CHECKPOINT_FILES, RUN_FILE, type RunRecord, stepOfName } from './format.ts';
import { badField } from './json.ts';
import { isLockName } from './lock-file.ts';
import { readRunRecord } from './run-record.ts';

/** Where runs are by default. */
export const RUNS_DIRECTORY = 'checkpoints';

export interface ResolveOptions {
  /** Which checkpoint of a run to take where the name leaves it open. Default `best`. */
  readonly prefer?: 'best' | 'last' | undefined;
  /** Where the newest run is looked for if there is no name. Default `checkpoints`. */
  readonly runsDirectory?: string | undefined;
}

/**
 * The directory of the checkpoint that `name` means: a checkpoint, a run, `<run>/best`, `<run>/last`
 * or, without a name, the run that was saved last. A run without a best checkpoint gives its last.
 *
 * Throws a UserError (`checkpoint-missing`) if there is nothing of the kind.
 */
export async function resolveCheckpoint(
  name?: string,
  { prefer = 'best', runsDirectory = RUNS_DIRECTORY }: ResolveOptions = {},
): Promise<string> {
  if (name === undefined) {
    return resolveInRun(await findNewestRun(runsDirectory), prefer);
  }
  const names = await listDirectory(name);
  if (names?.includes(RUN_FILE)) {
    return resolveInRun(name, prefer);
  }
  // What lacks its manifest is left to the loader, which says so.
  if (names?.some((entry) => CHECKPOINT_FILES.has(entry))) {
    return name;
  }
  const pointer = basename(name);
  if (names === undefined && (pointer === 'best' || pointer === 'last')) {
    const run = dirname(name);
    if ((await readRunRecord(run)) !== undefined) {
      return resolveInRun(run, pointer);
    }
  }
  throw new UserError(
    'checkpoint-missing',
    `expected a run or a checkpoint, found ${names === undefined ? 'no directory' : 'neither'} ` +
      `at ${name}`,
    'Name a run directory, <run>/best, <run>/last or a checkpoint in it; ' +
      'gru-lm train <corpus> makes one.',
  );
}

/**
 * The run under `runsDirectory` that was saved last, the first by name if there are several; throws a
 * UserError if there is none.
 */
export async function findNewestRun(runsDirectory = RUNS_DIRECTORY): Promise<string> {
  let newest: { readonly path: string; readonly savedMs: number } | undefined;
  for (const name of (await listDirectory(runsDirectory))?.sort() ?? []) {
    const path = join(runsDirectory, name);
    const savedMs = await stat(join(path, RUN_FILE)).then(
      (stats) => stats.mtimeMs,
      () => undefined,
    );
    if (savedMs !== undefined && savedMs > (newest?.savedMs ?? Number.NEGATIVE_INFINITY)) {
      newest = { path, savedMs };
    }
  }
  if (newest === undefined) {
    throw new UserError(
      'checkpoint-missing',
      `expected a run under ${runsDirectory}, found none`,
      'Train one first: gru-lm train <corpus>',
    );
  }
  return newest.path;
}

/** The directory of the run that `name` means for `resolveCheckpoint`, whatever is in it. */
export async function runDirectoryOf(name?: string): Promise<string> {
  if (name === undefined) return findNewestRun();
  return (await listDirectory(name))?.includes(RUN_FILE) ? name : dirname(name);
}

async function resolveInRun(run: string, which: 'best' | 'last'): Promise<string> {
  const record = (await readRunRecord(run)) as RunRecord;
  const name = which === 'best' ? (record.best ?? record.last) : record.last;
  const path = join(run, name);
  if ((await listDirectory(path)) === undefined) {
    const field = which === 'best' && record.best !== null ? 'best' : 'last';
    throw badField(join(run, RUN_FILE), field, 'a checkpoint in the same directory', name);
  }
  return path;
}

export interface RunUse {
  /** Go on with the run that is there. */
  readonly resume?: boolean | undefined;
  /** Replace the run that is there. */
  readonly overwrite?: boolean | undefined;
}

/**
 * Makes sure that a run may be written in `directory`: a new or empty one, or a run if `resume` or
 * `overwrite` is set. Changes nothing.
 *
 * Throws a UserError: `run-exists`, `run-foreign` (something else is there, which is never written
 * over), `run-missing` (nothing to resume), or `usage` for both settings at once.
 */
export async function assertFree(
  directory: string,
  { resume = false, overwrite = false }: RunUse,
): Promise<void> {
  if (resume && overwrite) {
    throw new UserError(
      'usage',
      'expected at most one of --resume and --overwrite, found both',
      'Keep --resume to go on with the run, or --overwrite to replace it.',
    );
  }
  const names = (await listForWriting(directory)).filter(
    (name) => !isTemporaryName(name) && !isLockName(name) && name !== TENSORBOARD_DIRECTORY,
  );
  const hasSteps = names.some((name) => stepOfName(name) !== undefined);
  // Where checkpoints are, the record of them may be damaged or gone: `openResumable` does without.
  const hasCheckpoints = hasSteps || (await readRunRecord(directory)) !== undefined;
  if (!hasCheckpoints && names.length > 0 && !(await isHistoryAlone(directory, names))) {
    throw new UserError(
      'run-foreign',
      `expected an empty directory or a run of gru-lm, found other files in ${directory}: ` +
        `${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`,
      'Give another directory with --out; gru-lm does not write over what it did not make.',
    );
  }
  if (resume && !hasCheckpoints) {
    throw new UserError(
      'run-missing',
      `expected a run to resume in ${directory}, found none`,
      'Leave out --resume to begin a run there, or give the directory of a run with --out.',
    );
  }
  if (hasCheckpoints && !resume && !overwrite) {
    throw new UserError(
      'run-exists',
      `expected a new directory for the run, found a run in ${directory}`,
      'Add --resume to go on with it or --overwrite to replace it, or give another --out.',
    );
  }
}

/** Whether `names` is but the history of a run whose first checkpoint did not get onto the disk. */
async function isHistoryAlone(directory: string, names: readonly string[]): Promise<boolean> {
  if (names.length !== 1 || names[0] !== HISTORY_FILE) return false;
  const text = await readFile(join(directory, HISTORY_FILE), 'utf8').catch(() => '');
  // Git may have ended its lines otherwise.
  return text.split('\n', 1)[0]?.trimEnd() === HISTORY_HEADER.trimEnd();
}

/** The names in `directory`; none if it does not exist yet. */
async function listForWriting(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return [];
    }
    throw new UserError(
      'run-foreign',
      `expected a directory for the run, found something else at ${directory}`,
      'Give another directory with --out.',
      { cause: error },
    );
  }
}

/** The names in `directory`; undefined if it is no directory that can be read. */
function listDirectory(directory: string): Promise<string[] | undefined> {
  return readdir(directory).catch(() => undefined);
}
