/** Writes a checkpoint aside, synchronises it, renames it to its place, and only then drops others. */

import { createHash, type Hash } from 'node:crypto';
import { mkdir, rename, rm, statfs } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { byteCount } from '../byte-count.ts';
import { replaceDurably, syncDirectory, temporaryName, writeDurably } from '../durable-files.ts';
import { errorMessage, UserError } from '../errors.ts';
import { isThere } from '../is-there.ts';
import { makeDirectories } from '../make-directories.ts';
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
} from './format.ts';
import { encodeJson } from './json.ts';
import { type BestStep, bestOfRun } from './list.ts';
import { removeCheckpoint, removeOthers } from './retention.ts';
import { readRunRecord } from './run-record.ts';
import { safetensorsPieces } from './safetensors-writer.ts';

/** How much is hashed and written at once: what comes between two slices waits some 20 ms. */
const SLICE_BYTES = 32 * 2 ** 20;

export interface SaveOptions {
  /** Whether this checkpoint is the best of the run so far. */
  readonly best: boolean;
  /** How many of the last checkpoints to keep, beside the best. Default 1. */
  readonly keep?: number | undefined;
  /** Whether a new run begins with it: the checkpoints of an earlier one go. Default false. */
  readonly startsRun?: boolean | undefined;
  /** Called once the checkpoint is on the disk and before `run.json` names it. */
  readonly beforeNamed?: (() => Promise<void>) | undefined;
}

/**
 * Saves `contents` as a checkpoint of the run in `runDirectory`, which is made if it is gone, and
 * returns the checkpoint's path.
 *
 * Tensors are written from where they are: they must not change before the promise resolves. The rest
 * of the contents is encoded before the first await. Other work goes on between the slices of a file.
 *
 * Killed at any moment, it leaves a run whose `run.json` names whole checkpoints. Only one process may
 * write a run, and one checkpoint at a time (see `openRun`). Throws a UserError (`checkpoint-write`) if
 * the disk refuses, after removing what it had written: the run is then as it was before. Throws
 * TypeError or RangeError, with nothing written, for contents that the files cannot hold.
 */
export async function saveCheckpoint(
  runDirectory: string,
  step: number,
  contents: CheckpointContents,
  { best, keep = 1, startsRun = false, beforeNamed }: SaveOptions,
): Promise<string> {
  const parts = encodeParts(contents);
  const temporary = join(runDirectory, temporaryName());
  let name: string | undefined;
  let previous: RunRecord | 'none' | 'damaged';
  let record: RunRecord;
  try {
    await makeDirectories(runDirectory);
    await mkdir(temporary);
    const files = await writeParts(temporary, parts);
    const manifest = encodeManifest({ step, created: new Date().toISOString(), files });
    await writeDurably(join(temporary, MANIFEST_FILE), manifest);
    await syncDirectory(temporary);

    previous = startsRun ? 'none' : await previousRecord(runDirectory);
    const free = await freeName(runDirectory, step);
    await rename(temporary, join(runDirectory, free));
    name = free;
    await syncDirectory(runDirectory);
    await beforeNamed?.();

    const former = startsRun ? null : await bestThere(runDirectory, previous, contents);
    record = { last: name, best: best ? name : former };
    await replaceDurably(join(runDirectory, RUN_FILE), encodeRunRecord(record));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    if (name !== undefined) await removeUnnamed(runDirectory, name);
    throw error instanceof UserError ? error : await writeFailure(runDirectory, parts, error);
  }
  if (previous !== 'damaged') {
    // The checkpoint is safe: what cannot be removed now is tried again after the next save.
    await removeOthers(runDirectory, record, { keep, startsRun }).catch(() => undefined);
  }
  return join(runDirectory, name);
}

/** The pieces of each file of a checkpoint but the manifest. */
type Parts = ReadonlyMap<string, readonly Uint8Array[]>;

function encodeParts(contents: CheckpointContents): Parts {
  const parts = new Map<string, readonly Uint8Array[]>();
  for (const part of ['weights', 'optimizer', 'state'] as const) {
    parts.set(PART_FILES[part], safetensorsPieces(contents[part]));
  }
  for (const part of ['config', 'tokenizer', 'training', 'history', 'clock'] as const) {
    parts.set(PART_FILES[part], [encodeJson(contents[part], part)]);
  }
  return parts;
}

async function writeParts(directory: string, parts: Parts): Promise<Map<string, FileRecord>> {
  const files = new Map<string, FileRecord>();
  for (const [name, pieces] of parts) {
    const hash = createHash('sha256');
    await writeDurably(join(directory, name), hashedSlices(pieces, hash));
    files.set(name, { bytes: byteLength(pieces), sha256: hash.digest('hex') });
  }
  return files;
}

/** The bytes of `pieces` in slices, each hashed when it is asked for. */
function* hashedSlices(pieces: readonly Uint8Array[], hash: Hash): Generator<Uint8Array> {
  for (const piece of pieces) {
    for (let start = 0; start < piece.length; start += SLICE_BYTES) {
      const slice = piece.subarray(start, start + SLICE_BYTES);
      hash.update(slice);
      yield slice;
    }
  }
}

function byteLength(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

/**
 * The name of a checkpoint of `step` that nothing in the run has: one that stands is never replaced,
 * since `run.json` may name it.
 */
async function freeName(runDirectory: string, step: number): Promise<string> {
  for (let copy = 1; ; copy += 1) {
    const name = stepName(step, copy);
    if (!(await isThere(join(runDirectory, name)))) return name;
  }
}

/** What `run.json` says. A damaged one, which may have named any checkpoint, is no reason not to save. */
async function previousRecord(runDirectory: string): Promise<RunRecord | 'none' | 'damaged'> {
  try {
    return (await readRunRecord(runDirectory)) ?? 'none';
  } catch (error) {
    if (error instanceof UserError && error.code === 'checkpoint-damaged') return 'damaged';
    throw error;
  }
}

/**
 * The best checkpoint by a run's record, unless a user has removed it; where the record does not say, that of the
 * best step by the run's own.
 */
async function bestThere(
  runDirectory: string,
  record: RunRecord | 'none' | 'damaged',
  { training }: CheckpointContents,
): Promise<string | null> {
  if (typeof record === 'string') {
    return bestOfRun(runDirectory, (training.run ?? {}) as BestStep);
  }
  const { best } = record;
  return best !== null && (await isThere(join(runDirectory, best))) ? best : null;
}

/**
 * Removes the checkpoint `name`, which could not be put into `run.json`. It stays where that cannot be
 * told or done: it is whole, and the next one of its step takes another name.
 */
async function removeUnnamed(runDirectory: string, name: string): Promise<void> {
  try {
    const record = await readRunRecord(runDirectory);
    if (record?.last !== name) await removeCheckpoint(runDirectory, name);
  } catch {}
}

async function writeFailure(
  runDirectory: string,
  parts: Parts,
  error: unknown,
): Promise<UserError> {
  const { code, errno, path } = error as NodeJS.ErrnoException;
  const reason = getSystemErrorMap().get(errno ?? 0)?.[1] ?? errorMessage(error);
  const file = path === undefined ? '' : basename(path);
  const where = CHECKPOINT_FILES.has(file) || file === RUN_FILE ? ` while writing ${file}` : '';
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  const room = isFull ? await freeBytes(runDirectory) : undefined;
  return new UserError(
    'checkpoint-write',
    `expected to save ${byteCount(byteLength([...parts.values()].flat()))} in ${runDirectory}, ` +
      `found: ${reason}${where}${room === undefined ? '' : ` (${byteCount(room)} free)`}`,
    'Make room or check the permissions there and go on with --resume, or give another directory ' +
      'with --out.',
    { cause: error },
  );
}

/** What is left on the file system of `directory`; undefined where that cannot be told. */
async function freeBytes(directory: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
