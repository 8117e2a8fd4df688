/**
 * A directory of entries that several processes share without locks: an entry is a directory that is
 * made under a temporary name and renamed to its own when it is whole.
 */

import { createHash, randomBytes } from 'node:crypto';
import { readlinkSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { syncDirectory } from '../durable-files.ts';
import { makeDirectories } from '../make-directories.ts';

/** The host, the process on it, and a number. */
const TEMPORARY_NAME = /^\.tmp-([0-9a-f]{8})-(\d+)-[0-9a-f]{12}$/;
const DAY_MS = 24 * 60 * 60 * 1000;

/** A new directory to make an entry in; it is removed when the process exits. */
export interface TemporaryDirectory {
  readonly path: string;
  /** Whether it lies in the store, so that it can become an entry. */
  readonly isInStore: boolean;
  remove(): Promise<void>;
}

/**
 * Makes a temporary directory in `store`, or, where that cannot be written, in the system's place for
 * temporary files. Removes what killed processes left in `store`.
 */
export async function makeTemporary(store: string): Promise<TemporaryDirectory> {
  const path = join(store, temporaryName());
  try {
    await makeDirectories(store);
    await removeLeftovers(store);
    await mkdir(path);
    return temporary(path, true);
  } catch (error) {
    if (!NOT_WRITABLE.has(codeOf(error))) {
      throw error;
    }
    return temporary(await mkdtemp(join(tmpdir(), 'gru-lm-tokens-')), false);
  }
}

/** What comes of a directory that may not be written, or that cannot be one. */
const NOT_WRITABLE = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOENT']);

function temporary(path: string, isInStore: boolean): TemporaryDirectory {
  const removeNow = () => rmSync(path, { recursive: true, force: true });
  process.on('exit', removeNow);
  return {
    path,
    isInStore,
    async remove() {
      process.off('exit', removeNow);
      await removeTree(path);
    },
  };
}

/**
 * Makes `path`, a whole directory, the entry at `entry`, unless another process was first: then that
 * one's stays, if it `isWhole`. Leaves `path` where it is if what is at `entry` cannot be replaced.
 */
export async function install(
  path: string,
  entry: string,
  isWhole: () => Promise<boolean>,
): Promise<void> {
  // Whatever is in the way: another process may put its own there each time it was moved.
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      await rename(path, entry);
      await syncDirectory(dirname(entry));
      return;
    } catch (error) {
      if (!IN_THE_WAY.has(codeOf(error))) {
        throw error;
      }
    }
    if (await isWhole()) {
      return;
    }
    await removeEntry(entry);
  }
}

/** What renaming a directory to a name that something has comes to. */
const IN_THE_WAY = new Set(['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EPERM', 'EACCES', 'EBUSY']);

/**
 * Moves an entry aside, so that nobody finds half of it, and removes it. Returns whether it is gone.
 */
export async function removeEntry(entry: string): Promise<boolean> {
  const aside = join(dirname(entry), temporaryName());
  try {
    await rename(entry, aside);
  } catch {
    return false;
  }
  await removeTree(aside);
  return true;
}

/** An entry as those that are pruned are chosen. */
export interface EntryUse {
  readonly name: string;
  readonly bytes: number;
  readonly usedMs: number;
}

/** Removes the entries that were not used for longest until the others keep to `limitBytes`. */
export async function pruneEntries(
  store: string,
  entries: readonly EntryUse[],
  limitBytes: number,
  inUse: string,
): Promise<void> {
  let bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  for (const entry of [...entries].sort((a, b) => a.usedMs - b.usedMs)) {
    if (bytes <= limitBytes) {
      return;
    }
    if (entry.name !== inUse && (await removeEntry(join(store, entry.name)))) {
      bytes -= entry.bytes;
    }
  }
}

/** Removes the temporary directories of processes that are no more. */
async function removeLeftovers(store: string): Promise<void> {
  for (const name of await readdir(store)) {
    const [, host, pid] = TEMPORARY_NAME.exec(name) ?? [];
    if (host === undefined) {
      continue;
    }
    const path = join(store, name);
    const isDead = host === thisHost() && !isAlive(Number(pid));
    if (isDead || Date.now() - (await lastChangeMs(path)) > DAY_MS) {
      await removeTree(path);
    }
  }
}

/** When something was last written in a directory of files. */
async function lastChangeMs(path: string): Promise<number> {
  try {
    const paths = [path, ...(await readdir(path)).map((name) => join(path, name))];
    const times = await Promise.all(paths.map(async (each) => (await stat(each)).mtimeMs));
    return Math.max(...times);
  } catch {
    return Date.now(); // it is being removed, or nothing that can be told
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

function temporaryName(): string {
  return `.tmp-${thisHost()}-${process.pid}-${randomBytes(6).toString('hex')}`;
}

/** Where the ids of processes mean what they mean here: a container has its own. */
function thisHost(): string {
  let namespace = '';
  try {
    namespace = readlinkSync('/proc/self/ns/pid');
  } catch {
    // Only Linux has it.
  }
  return createHash('sha256').update(`${hostname()}\n${namespace}`).digest('hex').slice(0, 8);
}

async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
