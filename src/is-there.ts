import { lstat } from 'node:fs/promises';

/** Whether anything has the name `path`, a link to nothing included; throws if that cannot be told. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
