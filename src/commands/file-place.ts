/** Where a file that is to be written has its place. */
import type { Stats } from 'node:fs';
import { readlink, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

export interface FilePlace {
  /** What a name means: where it leads, if it is a link. */
  readonly file: string;
  /** What is there; undefined: nothing yet. */
  readonly stats: Stats | undefined;
}

/**
 * The place that `path` means. To rename a file to a link's own name would replace the link, and leave what it
 * leads to as it was.
 */
export async function placeOf(path: string): Promise<FilePlace> {
  try {
    const file = await realpath(path);
    return { file, stats: await stat(file) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const target = await readlink(path).catch(() => undefined);
    if (target === undefined) return { file: path, stats: undefined };
    return placeOf(resolve(await realpath(dirname(path)), target));
  }
}
