/**
 * Keeps two trainers from writing one run.
 *
 * What is known of the lock's owner decides whether it is held (see `fateOf`). Where nothing can be
 * proven, as of another machine, the time of the file does, which the owner renews.
 */

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, UserError } from '../errors.ts';
import { makeDirectories } from '../make-directories.ts';
import {
  type FoundLock,
  findChain,
  findLock,
  LOCK_NAME,
  place,
  removeDead,
  removeLeftovers,
  removeOwn,
  removeOwnNow,
  renew,
} from './lock-file.ts';
import { type Fate, fateOf, type LockOwner, thisProcess } from './lock-owner.ts';

/** What decides on owners of which nothing can be proven. */
export interface LockTiming {
  /** How often the owner renews the lock. A long step of training makes it late. */
  readonly renewMs: number;
  /** After this long without renewal the owner is taken for dead, */
  readonly staleMs: number;
  /** if there is none in this time either: the clock may have been set forward. */
  readonly watchMs: number;
}

const TIMING: LockTiming = { renewMs: 5_000, staleMs: 120_000, watchMs: 12_000 };
/** More than any number of processes that want the same lock needs. */
const ATTEMPTS = 100;

export interface RunLock {
  /**
   * Makes sure that the lock is this process's still; one that has vanished is taken anew.
   *
   * Throws a UserError: `run-lock-lost` if another process has taken it, `checkpoint-write` if the
   * directory cannot be read or written.
   */
  ensureHeld(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Locks the run in `directory`, which is made if need be. A lock whose owner is gone is taken over.
 *
 * Throws a UserError: `run-locked` if another process holds it, or may hold it, `checkpoint-write` if
 * the directory cannot be written.
 */
export async function lockRun(directory: string, timing = TIMING): Promise<RunLock> {
  const nonce = randomBytes(16).toString('hex');
  const owner = { ...thisProcess(), nonce, since: new Date().toISOString() };
  await acquire(directory, owner, timing);
  // What fails here and at the exit is found by `ensureHeld`, or by the next process.
  const timer = setInterval(() => renew(directory, owner).catch(() => undefined), timing.renewMs);
  timer.unref();
  const onExit = () => {
    try {
      removeOwnNow(directory, owner);
    } catch {}
  };
  process.once('exit', onExit);
  return {
    async ensureHeld() {
      const found = await findLock(directory, LOCK_NAME).catch((error: unknown) => {
        throw unusable(directory, error);
      });
      if (found?.id === nonce) return;
      if (found !== undefined) throw lostError(directory, `taken by ${describeOwner(found)}`);
      await acquire(directory, owner, timing).catch((error: unknown) => {
        const isTaken = error instanceof UserError && error.code === 'run-locked';
        throw isTaken ? lostError(directory, `gone: ${error.message}`, error) : error;
      });
    },
    async release() {
      clearInterval(timer);
      process.off('exit', onExit);
      // What cannot be removed is found to be a dead process's by the next one.
      await removeOwn(directory, owner).catch(() => undefined);
    },
  };
}

/**
 * Throws a UserError (`run-locked`) if a process that is known to be alive writes the run in `directory`.
 * Changes nothing; where nothing can be proven, `lockRun` will tell.
 */
export async function assertNotLocked(directory: string): Promise<void> {
  const lock = (await findChain(directory).catch(() => [])).at(-1);
  if (lock?.owner === undefined) return;
  const fate = fateOf(lock.owner, Date.now() - lock.renewedMs);
  if (fate === 'alive') throw lockedError(directory, lock, fate);
}

/** Whether a process writes the run in `directory` that is alive, or of which nothing else is known. */
export async function isWritten(directory: string): Promise<boolean> {
  const lock = (await findChain(directory).catch(() => [])).at(-1);
  if (lock === undefined) return false;
  const agoMs = Date.now() - lock.renewedMs;
  const fate = lock.owner === undefined ? 'unknown' : fateOf(lock.owner, agoMs);
  return fate === 'alive' || (fate === 'unknown' && agoMs < TIMING.staleMs);
}

async function acquire(directory: string, owner: LockOwner, timing: LockTiming): Promise<void> {
  try {
    await makeDirectories(directory);
    await take(directory, owner, timing);
    await removeLeftovers(directory, owner);
  } catch (error) {
    throw error instanceof UserError ? error : unusable(directory, error);
  }
}

async function take(directory: string, owner: LockOwner, timing: LockTiming): Promise<void> {
  let last: FoundLock | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { isPlaced, nowMs } = await place(directory, LOCK_NAME, owner);
    if (isPlaced) return;
    const chain = await findChain(directory);
    // A network file system may deny what it has just done.
    if (chain[0]?.id === owner.nonce) return;
    last = chain.at(-1);
    // Otherwise it has been released in the meantime.
    if (last !== undefined) {
      await assertGone(directory, last, nowMs, timing);
      await removeDead(directory, chain, owner);
    }
  }
  throw lockedError(directory, last, 'unknown');
}

/** Throws a UserError (`run-locked`) unless the lock's owner is gone, or silent for too long. */
async function assertGone(
  directory: string,
  lock: FoundLock,
  nowMs: number,
  { staleMs, watchMs }: LockTiming,
): Promise<void> {
  const agoMs = nowMs - lock.renewedMs;
  const fate = lock.owner === undefined ? 'unknown' : fateOf(lock.owner, agoMs);
  const isGone =
    fate === 'gone' ||
    (fate === 'unknown' && agoMs > staleMs && !(await isRenewed(directory, lock, watchMs)));
  if (!isGone) throw lockedError(directory, lock, fate, agoMs);
}

/** Whether a lock is renewed within `watchMs`. */
async function isRenewed(
  directory: string,
  { name, renewedMs }: FoundLock,
  watchMs: number,
): Promise<boolean> {
  const endMs = performance.now() + watchMs;
  do {
    await sleep(watchMs / 20);
    const found = await findLock(directory, name);
    if (found?.renewedMs !== renewedMs) return found !== undefined;
  } while (performance.now() < endMs);
  return false;
}

function describeOwner({ owner }: FoundLock): string {
  if (owner === undefined) return 'another process';
  return `process ${owner.pid} on ${owner.host} since ${owner.since}`;
}

function lockedError(
  directory: string,
  lock: FoundLock | undefined,
  fate: Fate,
  agoMs = Number.NaN,
): UserError {
  const isAlive = fate === 'alive';
  const ago = agoMs >= 0 ? `, last heard of ${Math.round(agoMs / 1000)} s ago` : '';
  return new UserError(
    'run-locked',
    `expected a run that nothing else writes, found ${directory} in use by ` +
      `${lock === undefined ? 'another process' : describeOwner(lock)}${isAlive ? '' : ago}`,
    `Wait until it ends, stop it, or give another directory with --out.${
      isAlive
        ? ''
        : ` If it is known to be gone, remove ${join(directory, lock?.name ?? LOCK_NAME)}.`
    }`,
  );
}

function lostError(directory: string, what: string, cause?: UserError): UserError {
  return new UserError(
    'run-lock-lost',
    `expected to be the only writer of ${directory}, found its lock ${what}`,
    'Stop the other process and go on with --resume, or leave the run to it.',
    { cause },
  );
}

function unusable(directory: string, error: unknown): UserError {
  return new UserError(
    'checkpoint-write',
    `expected a directory to write to, found ${directory}: ${errorMessage(error)}`,
    'Check the permissions there, or give another directory with --out.',
    { cause: error },
  );
}
