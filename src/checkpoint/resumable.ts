/** The checkpoint that a run can go on from: the last one, or if it is damaged the one before. */

import { rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { replaceDurably, syncDirectory } from '../durable-files.ts';
import { errorMessage, UserError } from '../errors.ts';
import { isThere } from '../is-there.ts';
import { encodeRunRecord, RUN_FILE, type RunRecord, stepOfName } from './format.ts';
import { bestOfRun, checkpointNames, type Finding, problemText } from './list.ts';
import { type CheckpointModel, isDamage, openCheckpoint } from './model.ts';
import { readRunRecord } from './run-record.ts';

export interface Resumable {
  /** With all parts. */
  readonly model: CheckpointModel;
  /** What is damaged of that which comes before it, and why. */
  readonly skipped: readonly Skipped[];
  /** What `run.json` called the last checkpoint; undefined if it is damaged or gone. */
  readonly recordedLast: string | undefined;
}

type Skipped = Finding & { readonly problem: UserError };

/** What a run needs to go on. */
export const ALL_PARTS = ['weights', 'optimizer', 'state', 'history'] as const;

/**
 * Opens the last checkpoint of the run in `directory` or, if it is damaged, the latest before it that is
 * whole, or else one that `run.json` does not know of. Changes nothing.
 *
 * Throws a UserError: `run-missing` if there is no checkpoint, what is wrong with the first if none is
 * whole, `run-changed` if another process goes on with the run meanwhile, and whatever is no damage (`checkpoint-version`, `checkpoint-unreadable`).
 */
export async function openResumable(directory: string): Promise<Resumable> {
  const skipped: Skipped[] = [];
  const skip = (name: string, error: unknown) => {
    if (!isSkippable(error)) throw error;
    skipped.push({ name, path: join(directory, name), problem: error });
  };
  let record: RunRecord | undefined;
  try {
    record = await readRunRecord(directory);
  } catch (error) {
    skip(RUN_FILE, error);
  }
  const recordedLast = record?.last;
  let model: CheckpointModel | undefined;
  for (const name of inOrderOfTrial(await checkpointNames(directory), recordedLast)) {
    try {
      model = await openCheckpoint(join(directory, name), ALL_PARTS);
      break;
    } catch (error) {
      skip(name, error);
    }
  }
  // What a process that goes on with the run removes meanwhile only looks damaged.
  if (skipped.length > 0) await assertUnchanged(directory, { recordedLast });
  if (model === undefined) throw nothingWhole(directory, skipped);
  return { model, skipped, recordedLast };
}

/** @param names in the order of their steps */
function inOrderOfTrial(names: readonly string[], last: string | undefined): string[] {
  const latestFirst = [...names].reverse();
  if (last === undefined) return latestFirst;
  const place = stepOfName(last)!;
  const isLater = (name: string) => {
    const { step, copy } = stepOfName(name)!;
    return step > place.step || (step === place.step && copy > place.copy);
  };
  // What is later may be of a run that this one replaced.
  const others = latestFirst.filter((name) => name !== last);
  return [last, ...others.filter((name) => !isLater(name)), ...others.filter(isLater)];
}

function isSkippable(error: unknown): error is UserError {
  return isDamage(error) || (error instanceof UserError && error.code === 'checkpoint-missing');
}

function nothingWhole(directory: string, [first, ...others]: readonly Skipped[]): UserError {
  if (first === undefined) {
    return new UserError(
      'run-missing',
      `expected a run to resume in ${directory}, found none`,
      'Leave out --resume to begin a run there, or give the directory of a run with --out.',
    );
  }
  const { code, message } = first.problem;
  const more = others.length === 0 ? '' : `, and ${others.length} more that are damaged`;
  return new UserError(
    code,
    `${message}${more}`,
    `Nothing there is whole (gru-lm info --verify ${directory}): begin again with --overwrite, or ` +
      'copy the run from where it is whole.',
    { cause: first.problem },
  );
}

/** What a person should know of what was skipped, a line for each. */
export function skippedNotices({ model, skipped }: Resumable): string[] {
  const from = basename(model.checkpoint.path);
  return skipped.map(
    (finding) => `${finding.name} is damaged (${problemText(finding)}): going on from ${from}`,
  );
}

/**
 * Makes sure that no other process has gone on with the run since it was opened. Once the run is locked,
 * none will.
 *
 * Throws a UserError (`run-changed`) if one has.
 */
export async function assertUnchanged(
  directory: string,
  { recordedLast }: Pick<Resumable, 'recordedLast'>,
): Promise<void> {
  const record = await readRunRecord(directory).catch(() => undefined);
  if (record?.last === recordedLast) return;
  const found =
    record === undefined ? `no whole ${RUN_FILE}` : `that another process has saved ${record.last}`;
  throw new UserError(
    'run-changed',
    `expected the run in ${directory} as it was when this command began, found ${found}`,
    'Give the command again: it goes on from what is there.',
  );
}

/**
 * Makes a run that goes on from `resumable` name it as its last checkpoint, and the best, where `run.json` is gone or
 * anything was skipped; and puts what was skipped aside, as `damaged-step-…`, from where nothing ever removes
 * it. Only who writes the run may do so.
 *
 * Killed at any moment, it leaves a run that can be resumed. Throws a UserError (`checkpoint-write`) if
 * the disk refuses.
 */
export async function setAsideSkipped(
  directory: string,
  { model, skipped, recordedLast }: Resumable,
): Promise<void> {
  if (skipped.length === 0 && recordedLast !== undefined) return;
  const names = skipped.map(({ name }) => name);
  try {
    const best = await bestOfRun(directory, model.training.run, names);
    const record = { last: basename(model.checkpoint.path), best };
    await replaceDurably(join(directory, RUN_FILE), encodeRunRecord(record));
    for (const name of names) {
      if (stepOfName(name) !== undefined) await setAside(directory, name);
    }
    await syncDirectory(directory);
  } catch (error) {
    throw new UserError(
      'checkpoint-write',
      `expected to set damaged checkpoints aside in ${directory}, found: ${errorMessage(error)}`,
      'Check the permissions there, or move them away by hand.',
      { cause: error },
    );
  }
}

async function setAside(directory: string, name: string): Promise<void> {
  const path = join(directory, name);
  if (!(await isThere(path))) return;
  for (let copy = 1; ; copy += 1) {
    const aside = join(directory, `damaged-${name}${copy === 1 ? '' : `-${copy}`}`);
    if (await isThere(aside)) continue;
    await rename(path, aside);
    return;
  }
}
