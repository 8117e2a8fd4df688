/** The checkpoints of a run: which there are, and which of them are whole. */

import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UserError } from '../errors.ts';
import { withCheckedFile } from './checked-file.ts';
import { CHECKPOINT_FILES, type Manifest, RUN_FILE, stepOfName } from './format.ts';
import { badField, damaged } from './json.ts';
import { readManifest } from './load.ts';
import { findNewestRun, resolveCheckpoint } from './run-directory.ts';
import { readRunRecord } from './run-record.ts';

/** A checkpoint of a run. */
export interface ListedCheckpoint {
  /** That of its directory. */
  readonly name: string;
  readonly step: number;
  /** When it was saved, ISO 8601. */
  readonly created: string;
  /** Whether `run.json` says so. */
  readonly best: boolean;
  readonly last: boolean;
}

/** What a run tells of its best step, as far as it does. */
export interface BestStep {
  readonly best?: { readonly step?: unknown } | null | undefined;
}

/** What was looked at, and what is wrong with it; undefined: nothing is. */
export interface Finding {
  /** That of a checkpoint's directory, or `run.json`. */
  readonly name: string;
  readonly path: string;
  readonly problem: UserError | undefined;
}

/** What is wrong, for where the name of the finding stands beside it. */
export function problemText({ path, problem }: Finding): string {
  return (problem?.message ?? '').replaceAll(`${path}/`, '').replace(`${path}: `, '');
}

/**
 * The checkpoints of the run in `directory` whose files are all there and as long as they should be, in
 * the order of their steps. Whether their bytes are the ones that were saved, `verify` tells.
 */
export async function listCheckpoints(directory: string): Promise<ListedCheckpoint[]> {
  const record = await readRunRecord(directory).catch(ignoreUserError);
  const listed: ListedCheckpoint[] = [];
  for (const name of await checkpointNames(directory)) {
    const manifest = await quickManifest(join(directory, name)).catch(ignoreUserError);
    if (manifest === undefined) continue;
    const { step, created } = manifest;
    listed.push({ name, step, created, best: record?.best === name, last: record?.last === name });
  }
  return listed;
}

/**
 * The checkpoint of the best step that a run tells of in `training.json`, if it is there and none of the `damaged`:
 * that which `run.json` calls the best, or else the last of the step.
 */
export async function bestOfRun(
  directory: string,
  { best }: BestStep,
  damaged: readonly string[] = [],
): Promise<string | null> {
  if (!best) return null;
  const listed = (await listCheckpoints(directory)).filter(
    ({ name, step }) => step === best.step && !damaged.includes(name),
  );
  return (listed.find((each) => each.best) ?? listed.at(-1))?.name ?? null;
}

/**
 * Hashes every file of the checkpoints that `name` means: those of a run, with its `run.json`, or one.
 *
 * Throws a UserError (`checkpoint-missing`) if there is nothing of the kind.
 */
export async function* verify(name: string | undefined): AsyncGenerator<Finding, void, undefined> {
  const run = await runOfName(name);
  if (run === undefined) {
    const path = await resolveCheckpoint(name);
    yield { name: basename(path), path, problem: await problemOf(verifyCheckpoint(path)) };
    return;
  }
  yield { name: RUN_FILE, path: join(run, RUN_FILE), problem: await problemOf(verifyRecord(run)) };
  for (const checkpoint of await checkpointNames(run)) {
    const path = join(run, checkpoint);
    const problem = await problemOf(verifyCheckpoint(path));
    // A run in training may have removed it in the meantime.
    if (problem === undefined || (await checkpointNames(run)).includes(checkpoint)) {
      yield { name: checkpoint, path, problem };
    }
  }
}

/** The names of checkpoints in `directory`, in the order of their steps. */
export async function checkpointNames(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((): string[] => []);
  return names
    .flatMap((name) => {
      const place = stepOfName(name);
      return place === undefined ? [] : [{ name, ...place }];
    })
    .sort((a, b) => a.step - b.step || a.copy - b.copy)
    .map(({ name }) => name);
}

/** The run's directory if `name` means a run and no checkpoint in it. */
async function runOfName(name: string | undefined): Promise<string | undefined> {
  if (name === undefined) return findNewestRun();
  const entries = await readdir(name).catch((): string[] => []);
  if (entries.some((entry) => CHECKPOINT_FILES.has(entry))) return undefined;
  const isRun = entries.includes(RUN_FILE) || (await checkpointNames(name)).length > 0;
  return isRun ? name : undefined;
}

/** The manifest of a checkpoint whose files are as long as it says; throws a UserError otherwise. */
export async function quickManifest(path: string): Promise<Manifest> {
  const manifest = await readManifest(path);
  for (const [name, { bytes }] of manifest.files) {
    const found = await stat(join(path, name)).catch(() => undefined);
    if (!found?.isFile() || found.size !== bytes) {
      throw damaged(join(path, name), `expected ${bytes} bytes, found something else`);
    }
  }
  return manifest;
}

async function verifyCheckpoint(path: string): Promise<void> {
  const { files } = await readManifest(path);
  for (const [name, record] of files) {
    await withCheckedFile(join(path, name), record, () => undefined);
  }
}

/** Makes sure that `run.json` is there and names checkpoints that are. */
async function verifyRecord(run: string): Promise<void> {
  const file = join(run, RUN_FILE);
  const record = await readRunRecord(run);
  if (record === undefined) throw damaged(file, 'expected a file, found none');
  const names = await checkpointNames(run);
  for (const field of ['last', 'best'] as const) {
    const name = record[field];
    if (name === null || names.includes(name)) continue;
    // Of a run in training the record may be another by now.
    if ((await readRunRecord(run))?.[field] !== name) return verifyRecord(run);
    throw badField(file, field, 'a checkpoint in the same directory', name);
  }
}

async function problemOf(check: Promise<void>): Promise<UserError | undefined> {
  try {
    await check;
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

function ignoreUserError(error: unknown): undefined {
  if (!(error instanceof UserError)) throw error;
}
