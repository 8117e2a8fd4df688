import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory } from './durable-files.ts';

/**
 * Makes a directory and its parents, durably. Node's own recursive `mkdir` never returns under /proc,
 * and reports a read-only file system as a missing file.
 *
 * @param mode of those that are made
 * @returns whether `path` was made, and not there already
 */
export async function makeDirectories(path: string, mode?: number): Promise<boolean> {
  const parent = dirname(path);
  let isMade = true;
  try {
    await mkdir(path, mode);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return false;
    if (code !== 'ENOENT' || parent === path) throw error;
    await makeDirectories(parent, mode);
    await mkdir(path, mode).catch((again: unknown) => {
      if (codeOf(again) !== 'EEXIST') throw again;
      isMade = false;
    });
  }
  await syncDirectory(parent);
  return isMade;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
