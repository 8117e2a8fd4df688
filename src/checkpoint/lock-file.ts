/**
 * The files of a run's lock.
 *
 * The lock is the file `.lock`, which names its owner and comes to be with its content, by a hard link.
 * Who finds the owner gone may not simply remove it: by then it may be another's. The right to remove
 * the lock of nonce N is the file `.lock-N`, made in the same way. It is good only as long as `.lock` is
 * that of N still, and goes after it. Should its owner be gone too, the right to it is the file of its
 * own nonce, and so on.
 */

import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { link, lstat, open, readdir, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isTemporaryName, temporaryName, writeDurably } from '../durable-files.ts';
import { type LockOwner, parseOwner } from './lock-owner.ts';

export const LOCK_NAME = '.lock';
/** Where version 0.1 kept the owner; its lock was a directory. */
const EARLIER_OWNER_NAME = '.lock-owner.json';
const CLAIM_NAME = /^\.lock-[0-9a-f]{32}$/;
/** No owner writes more into its lock. */
const OWNER_BYTES = 4096;

/** A file of the lock that is there. */
export interface FoundLock {
  readonly name: string;
  /** Its nonce, or of a file without one what no other has: 32 hexadecimal digits. */
  readonly id: string;
  readonly owner: LockOwner | undefined;
  readonly renewedMs: number;
}

/** Whether `name` is one that a lock takes in its directory. */
export function isLockName(name: string): boolean {
  return name === LOCK_NAME || name === EARLIER_OWNER_NAME || CLAIM_NAME.test(name);
}

/** The errors of file systems without hard links. */
const NO_HARD_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);

/**
 * Makes the file `name`, at once with the owner as its content, unless it is there already.
 *
 * @returns also the time by the clock of the file system, which the times of locks are by
 */
export async function place(
  directory: string,
  name: string,
  owner: LockOwner,
): Promise<{ isPlaced: boolean; nowMs: number }> {
  const bytes = Buffer.from(`${JSON.stringify(owner)}\n`);
  const path = join(directory, name);
  const temporary = join(directory, temporaryName());
  let nowMs = Date.now();
  try {
    await writeDurably(temporary, bytes);
    try {
      nowMs = (await stat(temporary)).mtimeMs;
      await link(temporary, path);
      return { isPlaced: true, nowMs };
    } catch (error) {
      const code = codeOf(error);
      // A trainer at work here may have removed the file with its own leftovers: as good as taken.
      if (code === 'EEXIST' || code === 'ENOENT') return { isPlaced: false, nowMs };
      if (!NO_HARD_LINKS.has(code)) throw error;
    }
  } finally {
    await rm(temporary, { force: true });
  }
  try {
    // Others may see this file before its content: for a moment it has an unknown owner.
    await writeDurably(path, bytes);
    return { isPlaced: true, nowMs };
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return { isPlaced: false, nowMs };
    throw error;
  }
}

/** Removes `.lock` and the claims to it, whose owners are all gone, unless another process is at it. */
export async function removeDead(
  directory: string,
  chain: readonly FoundLock[],
  owner: LockOwner,
): Promise<void> {
  const claim = claimName(chain.at(-1)!.id);
  if (!(await place(directory, claim, owner)).isPlaced) return;
  try {
    const idsNow = (await findChain(directory)).map(({ id }) => id);
    if (idsNow.join() !== [...chain.map(({ id }) => id), owner.nonce].join()) return;
    // The lock goes first, so that a claim to it is never missing while it stands.
    for (const { name } of chain) await removeLock(join(directory, name));
  } finally {
    await rm(join(directory, claim), { force: true });
  }
}

async function removeLock(path: string): Promise<void> {
  try {
    const isDirectory = (await lstat(path)).isDirectory();
    await (isDirectory ? rmdir(path) : rm(path));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** The lock, the claim to remove it, the claim to remove that one, and so on. */
export async function findChain(directory: string): Promise<FoundLock[]> {
  const chain = new Map<string, FoundLock>();
  let found = await findLock(directory, LOCK_NAME);
  // Files that no process wrote may lead in a circle.
  while (found !== undefined && !chain.has(found.id)) {
    chain.set(found.id, found);
    found = await findLock(directory, claimName(found.id));
  }
  return [...chain.values()];
}

function claimName(id: string): string {
  return `${LOCK_NAME}-${id}`;
}

/** The lock or claim `name`; undefined if there is none. */
export async function findLock(directory: string, name: string): Promise<FoundLock | undefined> {
  const path = join(directory, name);
  try {
    const stats = await lstat(path);
    const owner = stats.isFile() ? parseOwner(await readOwner(path)) : undefined;
    const id =
      owner?.nonce ??
      createHash('sha256').update(`${stats.ino} ${stats.mtimeMs}`).digest('hex').slice(0, 32);
    return { name, id, owner, renewedMs: stats.mtimeMs };
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

async function readOwner(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(OWNER_BYTES), 0, OWNER_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Gives a sign of life. The lock is written to, so that its time is by the file system's clock. */
export async function renew(directory: string, { nonce }: LockOwner): Promise<void> {
  const path = join(directory, LOCK_NAME);
  if ((await findLock(directory, LOCK_NAME))?.id !== nonce) return;
  const file = await open(path, 'r+');
  try {
    await file.write('{', 0);
  } finally {
    await file.close();
  }
}

/** Removes `.lock` if it is the owner's own. */
export async function removeOwn(directory: string, { nonce }: LockOwner): Promise<void> {
  if ((await findLock(directory, LOCK_NAME))?.id === nonce) {
    await rm(join(directory, LOCK_NAME), { force: true });
  }
}

/** The same, for a process that has no more time. */
export function removeOwnNow(directory: string, { nonce }: LockOwner): void {
  const path = join(directory, LOCK_NAME);
  if (parseOwner(readFileSync(path, 'utf8'))?.nonce === nonce) rmSync(path);
}

/** Removes what processes left that were killed while they took this lock, or took over an earlier one. */
export async function removeLeftovers(directory: string, { nonce }: LockOwner): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    // A claim to this lock itself is another's business.
    const isEarlier = CLAIM_NAME.test(name) && name !== claimName(nonce);
    if (isEarlier || name === EARLIER_OWNER_NAME) await rm(path, { force: true });
    // Whoever is at work with such a file finds it gone, and this lock. Directories are left by saves.
    if (isTemporaryName(name)) await unlink(path).catch(() => undefined);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
