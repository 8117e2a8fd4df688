/** A run that this process writes: the lock and the rules of `--resume` and `--overwrite` in one. */

import { rmdir } from 'node:fs/promises';
import { errorMessage, UserError } from '../errors.ts';
import { makeDirectories } from '../make-directories.ts';
import type { CheckpointContents } from './format.ts';
import { lockRun, type RunLock } from './lock.ts';
import { assertFree, type RunUse } from './run-directory.ts';
import { type SaveOptions, saveCheckpoint } from './save.ts';

export interface RunWriter {
  readonly directory: string;
  /**
   * Saves a checkpoint (see `saveCheckpoint`) and returns its path; waits for one that is still being
   * saved. Until then `contents` must not change. A run that replaces another removes the other's
   * checkpoints here, once its own first one is safe. Where the directory has been removed or renamed,
   * it is made anew.
   */
  save(
    step: number,
    contents: CheckpointContents,
    options: Pick<SaveOptions, 'best' | 'beforeNamed'>,
  ): Promise<string>;
  /**
   * Gives the lock back once nothing is being saved any more; a directory that was made for the run goes
   * again if nothing was saved in it.
   */
  close(): Promise<void>;
}

/**
 * Opens `directory` for the checkpoints of one run, keeping the last `keep` (default 1) and the best.
 *
 * Throws a UserError if it is not free (see `assertFree`), in use (`run-locked`) or not writable
 * (`checkpoint-write`).
 */
export async function openRun(
  directory: string,
  { keep, ...use }: RunUse & { readonly keep?: number | undefined } = {},
): Promise<RunWriter> {
  await assertFree(directory, use);
  const { lock, isMade } = await prepareAndLock(directory);
  try {
    // Again, now that no other trainer can begin here.
    await assertFree(directory, use);
  } catch (error) {
    await lock.release();
    throw error;
  }
  let startsRun = use.resume !== true;
  let saving: Promise<unknown> = Promise.resolve();
  const saveOnce: RunWriter['save'] = async (step, contents, options) => {
    await lock.ensureHeld();
    const path = await saveCheckpoint(directory, step, contents, { ...options, keep, startsRun });
    startsRun = false;
    return path;
  };
  const saveInTurn: RunWriter['save'] = async (...checkpoint) => {
    await saving;
    return saveOnce(...checkpoint).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
      // The directory was taken away in the middle of it.
      return saveOnce(...checkpoint);
    });
  };
  return {
    directory,
    save(...checkpoint) {
      const saved = saveInTurn(...checkpoint);
      saving = saved.catch(() => undefined);
      return saved;
    },
    async close() {
      await saving;
      await lock.release();
      // One that was there may have rights that the user gave it.
      if (isMade) await rmdir(directory).catch(() => undefined);
    },
  };
}

function isMissing(error: unknown): boolean {
  const cause = error instanceof UserError ? error.cause : error;
  return (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

/** Locks the directory; `isMade`: it was not there before. */
async function prepareAndLock(
  directory: string,
): Promise<{ readonly lock: RunLock; readonly isMade: boolean }> {
  try {
    const isMade = await makeDirectories(directory);
    return { lock: await lockRun(directory), isMade };
  } catch (error) {
    if (error instanceof UserError) {
      throw error;
    }
    throw new UserError(
      'checkpoint-write',
      `expected a directory to write to, found ${directory}: ${errorMessage(error)}`,
      'Check the permissions there, or give another directory with --out.',
      { cause: error },
    );
  }
}
