import { describe, expect, test } from 'vitest';
import { untilAborted } from './until-aborted.ts';

describe('untilAborted', () => {
  test('gives what the work gives, or throws what it throws', async () => {
    const { signal } = new AbortController();
    expect(await untilAborted(Promise.resolve(1), signal)).toBe(1);
    await expect(untilAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
  });

  test('throws when the signal aborts, though the work never ends', async () => {
    const controller = new AbortController();
    const waiting = untilAborted(new Promise(() => undefined), controller.signal);
    controller.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
  });

  test('throws at once for a signal that has aborted', async () => {
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(untilAborted(new Promise(() => undefined), signal)).rejects.toThrow('stopped');
  });
});
