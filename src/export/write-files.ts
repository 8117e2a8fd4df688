/** Puts the files of an export into a directory: each of them whole, and of a new directory all or none. */
import { access, lstat, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isTemporaryName, syncDirectory, temporaryName, writeDurably } from '../durable-files.ts';
import { errorMessage, UserError } from '../errors.ts';
import { makeDirectories } from '../make-directories.ts';
import type { ExportedFile } from './exporter.ts';

/** A file that was written. */
export interface WrittenFile {
  readonly name: string;
  readonly bytes: number;
}

/**
 * Makes sure that files may be written into `directory`. Changes nothing.
 *
 * @throws UserError `export-exists` if it has files and `overwrite` is not set, or if it is none
 */
export async function assertWritable(directory: string, overwrite: boolean): Promise<void> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new UserError(
      'export-exists',
      `expected a directory for the export, found something else at ${directory}`,
      'Give another directory with --out.',
      { cause: error },
    );
  }
  const found = names.filter((name) => !isTemporaryName(name));
  if (overwrite || found.length === 0) return;
  throw new UserError(
    'export-exists',
    `expected a new or empty directory for the export, found files in ${directory}: ` +
      `${found.slice(0, 3).join(', ')}${found.length > 3 ? ', …' : ''}`,
    'Give another directory with --out, or --overwrite to replace files of the same names there.',
  );
}

/**
 * Writes `files` aside, then moves them to their places in `directory`, which is made where it is missing.
 * What else is there stays. A directory that is there may be on a disk of its own, and its parent read-only:
 * "aside" is within it then.
 *
 * @throws UserError as `assertWritable`, or `export-write` where the disk refuses; nothing new is left then
 */
export async function writeFiles(
  directory: string,
  files: readonly ExportedFile[],
  overwrite: boolean,
  signal: AbortSignal,
): Promise<WrittenFile[]> {
  const target = resolve(directory);
  await assertWritable(target, overwrite);
  const base = (await isThere(target)) ? target : dirname(target);
  const aside = join(base, temporaryName());
  try {
    await makeDirectories(base);
    await mkdir(aside);
    const written: WrittenFile[] = [];
    for (const { name, content } of files) {
      signal.throwIfAborted();
      await makeDirectories(join(aside, dirname(name)));
      const counted = new CountedPieces(content);
      await writeDurably(join(aside, name), counted);
      written.push({ name, bytes: counted.bytes });
    }
    await syncDirectory(aside);
    await moveInto(target, aside, files, overwrite);
    return written;
  } catch (error) {
    if (error instanceof UserError || signal.aborted) throw error;
    throw new UserError(
      'export-write',
      `expected to write ${files.length} files into ${directory}, could not: ${errorMessage(error)}`,
      'Check the permissions there and whether the disk is full, or give another directory with --out.',
      { cause: error },
    );
  } finally {
    await rm(aside, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function moveInto(
  target: string,
  aside: string,
  files: readonly ExportedFile[],
  overwrite: boolean,
): Promise<void> {
  if (!(await isThere(target))) {
    await rename(aside, target);
    await syncDirectory(dirname(target));
    return;
  }
  // A directory that is there stays what it is: it may be where the user's shell stands.
  await assertWritable(target, overwrite);
  const added: string[] = [];
  try {
    for (const { name } of files) {
      added.push(...(await missingPaths(target, name)));
      await makeDirectories(join(target, dirname(name)));
      await rename(join(aside, name), join(target, name));
    }
    const directories = new Set(files.map(({ name }) => dirname(join(target, name))));
    for (const each of directories) await syncDirectory(each);
  } catch (error) {
    for (const path of added.reverse()) {
      await rm(path)
        .catch(() => rmdir(path))
        .catch(() => undefined);
    }
    throw error;
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Of a file in `target` and the directories that it needs there, the paths that nothing has yet; outer ones first. */
async function missingPaths(target: string, name: string): Promise<string[]> {
  const missing: string[] = [];
  for (let path = join(target, name); path !== target; path = dirname(path)) {
    if (await lstat(path).catch(() => undefined)) break;
    missing.unshift(path);
  }
  return missing;
}

/** The pieces of a file, and how many bytes were asked for. */
class CountedPieces implements Iterable<Uint8Array> {
  bytes = 0;
  readonly #pieces: Iterable<Uint8Array>;

  constructor(content: ExportedFile['content']) {
    this.#pieces = content instanceof Uint8Array ? [content] : content;
  }

  *[Symbol.iterator](): Iterator<Uint8Array> {
    for (const piece of this.#pieces) {
      this.bytes += piece.length;
      yield piece;
    }
  }
}
