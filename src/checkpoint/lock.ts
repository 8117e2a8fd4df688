/** Keeps two trainers from writing one run. */

import { readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { lock } from 'proper-lockfile';
import { UserError } from '../errors.ts';

const LOCK_NAME = '.lock';
const OWNER_NAME = '.lock-owner.json';
/** The names that a lock takes in the directory. */
export const LOCK_FILES: readonly string[] = [LOCK_NAME, OWNER_NAME];

// The holder touches the lock every few seconds; one that has long stopped is taken for dead. A step
// of training may hold the event loop for a while.
const STALE_MS = 60_000;
const UPDATE_MS = 5_000;

const STARTED_MS = performance.timeOrigin;

export interface RunLock {
  /** Throws a UserError (`run-lock-lost`) if another process has taken the lock. */
  assertHeld(): void;
  release(): Promise<void>;
}

/** Who holds a lock, beside the lock itself. */
interface LockOwner {
  readonly pid: number;
  readonly host: string;
  /** When the process began: after a restart of a container, another one may have its id. */
  readonly startedMs: number;
  /** The inode of the lock, without which this could be about an earlier holder. */
  readonly inode: number;
}

/** Locks the run in `directory`; throws a UserError (`run-locked`) if a live process holds it. */
export async function lockRun(directory: string): Promise<RunLock> {
  let lost: Error | undefined;
  const acquire = () =>
    lock(directory, {
      lockfilePath: join(directory, LOCK_NAME),
      stale: STALE_MS,
      update: UPDATE_MS,
      onCompromised: (error) => {
        lost = error;
      },
    });
  const release = await acquire().catch(async (error: unknown) => {
    const owner = await readOwner(directory);
    if (!isLocked(error) || owner === undefined || !isGone(owner)) {
      throw isLocked(error) ? lockedError(directory, owner) : error;
    }
    // A killed process cannot remove its lock: no need to wait until it is stale.
    await rmdir(join(directory, LOCK_NAME)).catch(() => undefined);
    return acquire().catch((again: unknown) => {
      throw isLocked(again) ? lockedError(directory, undefined) : again;
    });
  });
  await writeOwner(directory);
  return {
    assertHeld() {
      if (lost !== undefined) {
        throw new UserError(
          'run-lock-lost',
          `expected to be the only writer of ${directory}, found its lock gone: ${lost.message}`,
          'Stop the other process and go on with --resume.',
          { cause: lost },
        );
      }
    },
    async release() {
      if (lost === undefined) {
        await rm(join(directory, OWNER_NAME), { force: true });
        await release();
      }
    },
  };
}

async function writeOwner(directory: string): Promise<void> {
  const { ino: inode } = await stat(join(directory, LOCK_NAME));
  const owner: LockOwner = { pid: process.pid, host: hostname(), startedMs: STARTED_MS, inode };
  await writeFile(join(directory, OWNER_NAME), JSON.stringify(owner));
}

/** The owner of the lock that is there now, as far as it is known. */
async function readOwner(directory: string): Promise<LockOwner | undefined> {
  try {
    const { ino } = await stat(join(directory, LOCK_NAME));
    const owner = JSON.parse(await readFile(join(directory, OWNER_NAME), 'utf8')) as LockOwner;
    return owner.inode === ino && Number.isSafeInteger(owner.pid) ? owner : undefined;
  } catch {
    return undefined;
  }
}

function isGone({ pid, host, startedMs }: LockOwner): boolean {
  if (host !== hostname()) {
    return false;
  }
  if (pid === process.pid) {
    return startedMs !== STARTED_MS;
  }
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function isLocked(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ELOCKED';
}

function lockedError(directory: string, owner: LockOwner | undefined): UserError {
  const by = owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}`;
  return new UserError(
    'run-locked',
    `expected a run that nothing else writes, found ${directory} in use by ${by}`,
    'Wait until it ends, stop it, or give another directory with --out.',
  );
}
