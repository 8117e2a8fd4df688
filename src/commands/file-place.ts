/** Where a file that is to be written has its place. */
import type { Stats } from 'node:fs';
import { readlink, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { nameOfKind } from '../checkpoint/checked-file.ts';
import type { UserError } from '../errors.ts';
import { isThere } from '../is-there.ts';

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

/** What to say of a place where no file can be written. */
export interface Obstacles {
  /** Something that is no file, as messages call it; it is not replaced, whatever was asked. */
  readonly noFile: (found: string) => UserError;
  /** A file, or a link that leads to none. */
  readonly there: () => UserError;
  readonly refused: (error: unknown) => UserError;
}

/** What to do about what is no file. */
export const NAME_A_FILE = 'Give the name of a file: what is none is not replaced.';

/**
 * The file to write for `path`.
 *
 * @param replaces whether it takes the place of one that is there
 * @throws the error of what is in the way
 */
export async function placeToWrite(
  path: string,
  replaces: boolean,
  { noFile, there, refused }: Obstacles,
): Promise<string> {
  const { file, stats } = await placeOf(path).catch((error: unknown) => {
    throw refused(error);
  });
  if (stats && !stats.isFile()) throw noFile(nameOfKind(stats));
  // A link that leads to nothing is there as well.
  if (!replaces && (stats || (await isThere(path)))) throw there();
  return file;
}
