import { describe, expect, test } from 'vitest';
import { runSteps, runStepsWithPauses } from './steps.ts';

/** Counts up to `last`; each step takes a millisecond or more. */
function* counting(last: number, done: number[] = []): Generator<void, number, void> {
  for (let i = 1; i <= last; i += 1) {
    const untilMs = performance.now() + 1;
    while (performance.now() < untilMs);
    done.push(i);
    yield;
  }
  return last;
}

describe('steps', () => {
  test('come to the same at once and with pauses', async () => {
    expect(runSteps(counting(5))).toBe(5);
    expect(await runStepsWithPauses(counting(5), undefined)).toBe(5);
  });

  test('with pauses let others run, and end when the signal aborts', async () => {
    const controller = new AbortController();
    const done: number[] = [];
    const running = runStepsWithPauses(counting(100_000, done), controller.signal);
    setImmediate(() => controller.abort(new Error('stopped')));
    await expect(running).rejects.toThrow('stopped');
    expect(done.length).toBeGreaterThan(0);
    expect(done.length).toBeLessThan(100_000);
  });
});
