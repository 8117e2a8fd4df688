import { setTimeout as sleep } from 'node:timers/promises';
import lockfile from 'proper-lockfile';
import { UserError } from '../errors.ts';
import { explainWriteError, makeCacheDirectory, removeDebris } from './cache.ts';
import type { RuntimeContext } from './context.ts';

/** After this long without a sign of life a holder counts as dead. */
const staleMs = 6000;
const renewMs = 1500;
const pollMs = 200;

/**
 * Does `work` while holding the cache's one lock, or waits until another process has done it.
 *
 * What `findDone` returns, if anything, is the result: it is asked at first and under the lock. A
 * holder that was killed stops renewing the lock; the next one takes it over and removes its debris.
 */
export async function withCacheLock<T>(
  context: RuntimeContext,
  findDone: () => Promise<T | undefined>,
  work: (context: RuntimeContext) => Promise<T>,
): Promise<T> {
  const { cacheDirectory, onEvent, signal } = context;
  const doneBefore = await findDone();
  if (doneBefore !== undefined) return doneBefore;
  await makeCacheDirectory(cacheDirectory);
  const lost = new AbortController();
  let hasSaidWaiting = false;
  while (true) {
    signal?.throwIfAborted();
    const release = await tryLock(cacheDirectory, lost);
    if (release !== undefined) {
      const signals = signal === undefined ? [lost.signal] : [signal, lost.signal];
      const locked = { ...context, signal: AbortSignal.any(signals) };
      try {
        const doneMeanwhile = await findDone();
        if (doneMeanwhile !== undefined) return doneMeanwhile;
        await removeDebris(cacheDirectory);
        return await work(locked);
      } catch (error) {
        locked.signal.throwIfAborted();
        throw explainWriteError(error, cacheDirectory);
      } finally {
        await release().catch(() => {});
      }
    }
    if (!hasSaidWaiting) {
      onEvent({
        type: 'wait',
        message: 'waiting for another gru-lm that is setting up TensorFlow',
      });
      hasSaidWaiting = true;
    }
    await sleep(pollMs);
  }
}

async function tryLock(
  cacheDirectory: string,
  lost: AbortController,
): Promise<(() => Promise<void>) | undefined> {
  try {
    return await lockfile.lock(cacheDirectory, {
      stale: staleMs,
      update: renewMs,
      lockfilePath: `${cacheDirectory}/lock`,
      onCompromised: (error) => lost.abort(lostLockError(cacheDirectory, error)),
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ELOCKED') return undefined;
    throw explainWriteError(error, cacheDirectory);
  }
}

function lostLockError(cacheDirectory: string, cause: Error): UserError {
  return new UserError(
    'runtime-lock',
    `Another process took over the setup under ${cacheDirectory}, because this one had stood still.`,
    'Run the command again.',
    { cause },
  );
}
