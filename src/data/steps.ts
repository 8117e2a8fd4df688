/** Long work as a generator that yields between its steps, to be run in one go or with pauses. */

import { turnEventLoop } from '../event-loop.ts';

/** What must be answered meanwhile, such as a signal, waits so long at most and a step. */
const AT_ONCE_MS = 50;

/** Runs all steps at once. */
export function runSteps<Result>(steps: Generator<void, Result, void>): Result {
  for (;;) {
    const next = steps.next();
    if (next.done) return next.value;
  }
}

/** Runs the steps with pauses for other work; throws the reason of `signal` once that is aborted. */
export async function runStepsWithPauses<Result>(
  steps: Generator<void, Result, void>,
  signal: AbortSignal | undefined,
): Promise<Result> {
  for (;;) {
    const untilMs = performance.now() + AT_ONCE_MS;
    while (performance.now() < untilMs) {
      const next = steps.next();
      if (next.done) return next.value;
    }
    await turnEventLoop();
    signal?.throwIfAborted();
  }
}
