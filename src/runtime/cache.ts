import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory } from '../durable-files.ts';
import { UserError } from '../errors.ts';
import { makeDirectories } from '../make-directories.ts';
import { type RuntimePart, tensorflowPart } from './part.ts';

const temporaryPrefix = 'tmp-';
const manifestName = 'manifest.json';

/** A file that a finished directory of the cache must hold, at this size. */
export interface ManifestFile {
  path: string;
  bytes: number;
}

/** What a finished directory of the cache holds; written last, so its presence means complete. */
export interface Manifest {
  format: 1;
  /** What the directory is: a line for people. */
  what: string;
  version: string;
  files: ManifestFile[];
  details: Record<string, string>;
}

/** The manifest of a complete directory; undefined if it is absent or some file is not as recorded. */
export async function readManifest(directory: string): Promise<Manifest | undefined> {
  try {
    const text = await readFile(join(directory, manifestName), 'utf8');
    const manifest = JSON.parse(text) as Manifest;
    if (manifest.format !== 1) return undefined;
    for (const file of manifest.files) {
      if ((await stat(join(directory, file.path))).size !== file.bytes) return undefined;
    }
    return manifest;
  } catch {
    return undefined;
  }
}

/**
 * Builds a directory of the cache aside and moves it into place when it is complete.
 *
 * `fill` writes into the directory that it is given and returns the manifest. Whatever happens before
 * the last rename, `directory` is either as it was or absent, and nothing else is left behind.
 */
export async function installDirectory(
  cacheDirectory: string,
  directory: string,
  fill: (temporary: string) => Promise<Manifest>,
): Promise<void> {
  const temporary = await makeTemporary(cacheDirectory);
  const building = join(temporary, 'new');
  try {
    await mkdir(building);
    const manifest = await fill(building);
    await writeSynced(join(building, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
    await mkdir(dirname(directory), { recursive: true });
    await rename(directory, join(temporary, 'old')).catch(ignoreMissing);
    await rename(building, directory);
    await syncDirectory(dirname(directory));
  } finally {
    await removeTree(temporary);
  }
}

/** Makes the cache directory; a `UserError` if that is impossible. */
export async function makeCacheDirectory(cacheDirectory: string): Promise<void> {
  try {
    await makeDirectories(cacheDirectory);
  } catch (error) {
    // A parent can only be missing where none can be made, as under /proc.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw notWritable(cacheDirectory, 'it cannot be made there (ENOENT)', tensorflowPart, error);
    }
    throw explainWriteError(error, cacheDirectory);
  }
}

/** Removes what killed runs left behind; only the holder of the cache's lock may call it. */
export async function removeDebris(cacheDirectory: string): Promise<void> {
  for (const name of await readdir(cacheDirectory)) {
    if (name.startsWith(temporaryPrefix)) await removeTree(join(cacheDirectory, name));
  }
}

/** Throws a `UserError` if the file system of the cache has less than `neededBytes` left. */
export async function requireFreeSpace(
  cacheDirectory: string,
  neededBytes: number,
  part: RuntimePart = tensorflowPart,
): Promise<void> {
  const { bavail, bsize } = await statfs(cacheDirectory);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  throw new UserError(
    'runtime-disk-full',
    `Fetching and unpacking ${part.library} needs ${formatBytes(neededBytes)} free under ${cacheDirectory}; ${formatBytes(freeBytes)} are free.`,
    'Free some space, or name a directory on a larger disk in GRU_LM_CACHE.',
  );
}

/** Turns the file system's refusals into errors that say what to do; passes others on. */
export function explainWriteError(
  error: unknown,
  cacheDirectory: string,
  part: RuntimePart = tensorflowPart,
): unknown {
  if (!(error instanceof Error) || error instanceof UserError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFullError(cacheDirectory, part, error);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return notWritable(cacheDirectory, `it is not writable (${code})`, part, error);
  }
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    return notWritable(cacheDirectory, `it cannot be a directory (${code})`, part, error);
  }
  return error;
}

/** The error of a disk that filled up while `cacheDirectory` was written. */
export function diskFullError(
  cacheDirectory: string,
  part: RuntimePart,
  cause?: unknown,
): UserError {
  return new UserError(
    'runtime-disk-full',
    `The disk filled up while ${part.library} was set up under ${cacheDirectory}; the unfinished files were removed.`,
    `Free about ${part.space}, or name a directory on a larger disk in GRU_LM_CACHE.`,
    { cause },
  );
}

/** `274 MB`, `1.2 GB`: bytes for people, in decimal units. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  if (bytes >= 1e6) return `${Math.round(bytes / 1e6)} MB`;
  if (bytes >= 1e3) return `${Math.round(bytes / 1e3)} kB`;
  return `${bytes} bytes`;
}

/** Makes a directory of this run alone; debris of a killed run is known by its name. */
export async function makeTemporary(cacheDirectory: string): Promise<string> {
  const name = `${temporaryPrefix}${process.pid}-${randomBytes(6).toString('hex')}`;
  const path = join(cacheDirectory, name);
  await mkdir(path);
  return path;
}

/** Removes a tree, if it can; what stays is debris that a later run removes. */
export async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
}

async function writeSynced(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flush: true });
}

function notWritable(
  cacheDirectory: string,
  why: string,
  part: RuntimePart,
  cause: unknown,
): UserError {
  return new UserError(
    'runtime-cache',
    `The native runtime is kept under ${cacheDirectory}; ${why}.`,
    `Name a writable directory in GRU_LM_CACHE, or ${part.instead}.`,
    { cause },
  );
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
