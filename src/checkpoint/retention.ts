/** Which checkpoints of a run go after a save, and how they go. */

import { lstat, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isTemporaryName, temporaryName } from '../durable-files.ts';
import { CHECKPOINT_FILES, MANIFEST_FILE, type RunRecord, stepOfName } from './format.ts';

export interface RetentionOptions {
  /** How many of the last checkpoints stay, beside the best. */
  readonly keep: number;
  /** Whether a new run began with the last one, so that all others are of an earlier run. */
  readonly startsRun: boolean;
}

/**
 * Removes leftovers of writing, and the checkpoints before the last one that are neither the best nor
 * among the `keep` last.
 *
 * Those beyond the last one stay until the run has passed them: they are there because somebody went on
 * from an earlier one, or because a save ended before `run.json` was replaced, and they are whole. Only
 * directories that are named as checkpoints and hold nothing but their files are ever removed.
 */
export async function removeOthers(
  runDirectory: string,
  record: RunRecord,
  { keep, startsRun }: RetentionOptions,
): Promise<void> {
  const names = await readdir(runDirectory);
  const last = stepOfName(record.last)!;
  const checkpoints = names.flatMap((name) => {
    const place = stepOfName(name);
    return place === undefined || name === record.last ? [] : [{ name, ...place }];
  });
  const earlier = checkpoints
    .filter(({ step, copy }) => step < last.step || (step === last.step && copy < last.copy))
    .sort((a, b) => b.step - a.step || b.copy - a.copy);
  const unwanted = startsRun ? checkpoints : earlier.slice(keep - 1);
  const others = unwanted.map(({ name }) => name).filter((name) => name !== record.best);
  for (const name of [...names.filter(isTemporaryName), ...others]) {
    // What cannot be removed now is tried again after the next save.
    await removeCheckpoint(runDirectory, name).catch(() => undefined);
  }
}

/** Removes a directory that holds a checkpoint and nothing else; leaves any other as it is. */
export async function removeCheckpoint(runDirectory: string, name: string): Promise<void> {
  const path = join(runDirectory, name);
  if (!(await lstat(path)).isDirectory()) {
    if (isTemporaryName(name)) {
      await unlink(path);
    }
    return;
  }
  const files = await readdir(path);
  const isCheckpoint = isTemporaryName(name) || files.includes(MANIFEST_FILE);
  if (!isCheckpoint || files.some((file) => !CHECKPOINT_FILES.has(file))) {
    return;
  }
  // Aside first, so that no half of it can be taken for a checkpoint.
  const aside = isTemporaryName(name) ? path : join(runDirectory, temporaryName());
  if (aside !== path) {
    await rename(path, aside);
  }
  await Promise.all(files.map((file) => unlink(join(aside, file))));
  await rmdir(aside);
}
