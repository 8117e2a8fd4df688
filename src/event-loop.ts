import { setImmediate } from 'node:timers/promises';

/**
 * Lets everything run that waits, handlers of signals among it. It takes two turns of the event loop:
 * what is left of the present one may not ask the system what has come. Throws the reason of `signal` if
 * that is aborted by then.
 */
export async function turnEventLoop(signal?: AbortSignal): Promise<void> {
  await setImmediate();
  await setImmediate();
  signal?.throwIfAborted();
}
