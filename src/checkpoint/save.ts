/** Writes a checkpoint aside, synchronises it, renames it to its place, and only then drops others. */

import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, rename, rm, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  isTemporaryName,
  replaceDurably,
  syncDirectory,
  temporaryName,
  writeDurably,
} from '../durable-files.ts';
import { errorMessage, UserError } from '../errors.ts';
import {
  CHECKPOINT_FILES,
  type CheckpointContents,
  encodeManifest,
  encodeRunRecord,
  type FileRecord,
  MANIFEST_FILE,
  PART_FILES,
  RUN_FILE,
  type RunRecord,
  stepName,
  stepOfName,
} from './format.ts';
import { encodeJson } from './json.ts';
import { readRunRecord } from './run-record.ts';
import { encodeSafetensors } from './safetensors-writer.ts';

export interface SaveOptions {
  /** Whether this checkpoint is the best of the run so far. */
  readonly best: boolean;
  /** How many of the last checkpoints to keep, beside the best. Default 1. */
  readonly keep?: number | undefined;
  /** Whether a new run begins with it: the checkpoints of an earlier one go. Default false. */
  readonly startsRun?: boolean | undefined;
}

/**
 * Saves `contents` as a checkpoint of the run in `runDirectory` and returns the checkpoint's path.
 *
 * The contents are copied before the first await, so that the caller may go on changing them. Killed
 * at any moment, it leaves a run whose `run.json` names whole checkpoints. Only one process may write
 * a run (see `openRun`). Throws a UserError (`checkpoint-write`) if the disk refuses, after removing
 * what it had written, and TypeError or RangeError for contents that the files cannot hold.
 */
export async function saveCheckpoint(
  runDirectory: string,
  step: number,
  contents: CheckpointContents,
  { best, keep = 1, startsRun = false }: SaveOptions,
): Promise<string> {
  const files = encodeFiles(step, contents);
  const temporary = join(runDirectory, temporaryName());
  try {
    await mkdir(temporary, { recursive: true });
    for (const [name, bytes] of files) {
      await writeDurably(join(temporary, name), bytes);
    }
    await syncDirectory(temporary);
    const name = await freeName(runDirectory, step);
    const path = join(runDirectory, name);
    await rename(temporary, path);
    await syncDirectory(runDirectory);

    const previous = startsRun ? undefined : await readRunRecord(runDirectory);
    const record: RunRecord = { last: name, best: best ? name : (previous?.best ?? null) };
    await replaceDurably(join(runDirectory, RUN_FILE), encodeRunRecord(record));
    await removeOthers(runDirectory, record, startsRun ? 1 : keep);
    return path;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw error instanceof UserError ? error : writeFailure(runDirectory, error);
  }
}

/** The bytes of every file of a checkpoint, the manifest last. */
function encodeFiles(step: number, contents: CheckpointContents): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const part of ['weights', 'optimizer', 'state'] as const) {
    files.set(PART_FILES[part], encodeSafetensors(contents[part]));
  }
  for (const part of ['config', 'tokenizer', 'training', 'history', 'clock'] as const) {
    files.set(PART_FILES[part], encodeJson(contents[part], part));
  }
  const records = new Map<string, FileRecord>();
  for (const [name, bytes] of files) {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    records.set(name, { bytes: bytes.length, sha256 });
  }
  const created = new Date().toISOString();
  files.set(MANIFEST_FILE, encodeManifest({ step, created, files: records }));
  return files;
}

/**
 * The name of a checkpoint of `step` that nothing in the run has: one that stands is never replaced,
 * since `run.json` may name it.
 */
async function freeName(runDirectory: string, step: number): Promise<string> {
  for (let copy = 1; ; copy += 1) {
    const name = stepName(step, copy);
    try {
      await lstat(join(runDirectory, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        return name;
      }
      throw error;
    }
  }
}

/** Removes leftovers and all checkpoints but those that `record` names and the `keep` last ones. */
async function removeOthers(runDirectory: string, record: RunRecord, keep: number): Promise<void> {
  const names = await readdir(runDirectory);
  const last = stepOfName(record.last)!;
  const earlier = names
    .map((name) => ({ name, ...(stepOfName(name) ?? { step: Number.NaN, copy: 0 }) }))
    // What lies beyond the last checkpoint was left by a save that never ended.
    .filter(({ step, copy }) => step < last.step || (step === last.step && copy < last.copy))
    .sort((a, b) => b.step - a.step || b.copy - a.copy)
    .map(({ name }) => name);
  const kept = new Set([record.last, record.best, ...earlier.slice(0, keep - 1)]);
  for (const name of names) {
    if (isTemporaryName(name) || (stepOfName(name) !== undefined && !kept.has(name))) {
      // The checkpoint is saved: what cannot be removed now is tried again after the next save.
      await removeCheckpoint(runDirectory, name).catch(() => undefined);
    }
  }
}

/** Removes a directory that holds nothing but a checkpoint's files; leaves any other as it is. */
async function removeCheckpoint(runDirectory: string, name: string): Promise<void> {
  const path = join(runDirectory, name);
  if (!(await lstat(path)).isDirectory()) {
    if (isTemporaryName(name)) {
      await unlink(path);
    }
    return;
  }
  const files = await readdir(path);
  if (files.some((file) => !CHECKPOINT_FILES.has(file))) {
    return;
  }
  // Aside first, so that no half of it can be taken for a checkpoint.
  const aside = isTemporaryName(name) ? path : join(runDirectory, temporaryName());
  if (aside !== path) {
    await rename(path, aside);
  }
  for (const file of files) {
    await unlink(join(aside, file));
  }
  await rmdir(aside);
}

function writeFailure(runDirectory: string, error: unknown): UserError {
  return new UserError(
    'checkpoint-write',
    `expected to save a checkpoint in ${runDirectory}, found: ${errorMessage(error)}`,
    'Make room or check the permissions there, or give another directory with --out.',
    { cause: error },
  );
}
