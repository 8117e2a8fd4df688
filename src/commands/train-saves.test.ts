import { describe, expect, test } from 'vitest';
import type { RunSnapshot } from '../training/run-snapshot.ts';
import { BackgroundSaves } from './train-saves.ts';

type SaveEvent = Parameters<BackgroundSaves['begin']>[0];

const saveOf = (step: number, isBest = false): SaveEvent => ({
  type: 'save',
  step,
  isBest,
  snapshot: { progress: { step } } as RunSnapshot,
});

/** Saves that are under the test's hand: each waits until it is told how it ends. */
function setUp({ isPeriodic = true, savedPath = undefined as string | undefined } = {}) {
  const clock = { ms: 0 };
  const waiting: { step: number; end: (error?: Error) => Promise<void> }[] = [];
  const log: string[] = [];
  const saves = new BackgroundSaves({
    save: ({ step }) =>
      new Promise((resolve, reject) => {
        log.push(`begin ${step}`);
        waiting.push({
          step,
          end: async (error) => {
            log.push(`${error ? 'fail' : 'end'} ${step}`);
            if (error) reject(error);
            else resolve(`run/step-${step}`);
            await new Promise(setImmediate);
          },
        });
      }),
    load: async (path) => ({ path }) as unknown as RunSnapshot,
    savedPath,
    isPeriodic,
    onFailure: (error, { step }) => log.push(`${(error as Error).message} ${step}`),
    now: () => clock.ms,
  });
  return { saves, clock, waiting, log };
}

describe('a save', () => {
  test('runs while its caller goes on, and the next waits for it', async () => {
    const { saves, waiting, log } = setUp();
    await saves.idle();
    saves.begin(saveOf(1));
    expect(log).toEqual(['begin 1']);
    const next = saves.idle().then(() => saves.begin(saveOf(2)));
    await new Promise(setImmediate);
    expect(log).toEqual(['begin 1']);
    await waiting[0]!.end();
    await next;
    expect(log).toEqual(['begin 1', 'end 1', 'begin 2']);
    const done = saves.finish().then(() => log.push('done'));
    await waiting[1]!.end();
    await done;
    expect(log.slice(-2)).toEqual(['end 2', 'done']);
  });

  test('gets a share of the time between two steps, and no more than it needs', async () => {
    const { saves, clock, waiting, log } = setUp();
    await saves.giveWay();
    await saves.idle();
    saves.begin(saveOf(1));
    clock.ms += 100;
    // Nothing ends the save: it is waited for a millisecond.
    await saves.giveWay();
    expect(log).toEqual(['begin 1']);
    clock.ms += 60_000;
    const given = saves.giveWay();
    await waiting[0]!.end();
    await given;
    expect(log).toEqual(['begin 1', 'end 1']);
  });

  test('is due when a minute has passed since the last, and not while one is at work', async () => {
    const { saves, clock, waiting } = setUp();
    clock.ms = 59_999;
    expect(saves.isSaveDue()).toBe(false);
    clock.ms = 60_000;
    expect(saves.isSaveDue()).toBe(true);
    await saves.idle();
    saves.begin(saveOf(1));
    clock.ms = 600_000;
    expect(saves.isSaveDue()).toBe(false);
    await waiting[0]!.end();
    expect(saves.isSaveDue()).toBe(true);
  });

  test('is due less often where it takes more than a hundredth of the time', async () => {
    const { saves, clock, waiting } = setUp();
    await saves.idle();
    // Copying takes two seconds, and the rest about as long.
    clock.ms += 2000;
    saves.begin(saveOf(1));
    await waiting[0]!.end();
    clock.ms = 399_999;
    expect(saves.isSaveDue()).toBe(false);
    clock.ms = 400_000;
    expect(saves.isSaveDue()).toBe(true);
  });

  test('that failed is reported and due again after a minute, even where steps say when', async () => {
    const { saves, clock, waiting, log } = setUp({ isPeriodic: false, savedPath: 'run/step-0' });
    clock.ms = 1e9;
    expect(saves.isSaveDue()).toBe(false);
    await saves.idle();
    saves.begin(saveOf(1));
    await waiting[0]!.end(new Error('no room'));
    expect(log.at(-1)).toBe('no room 1');
    expect((await saves.lastSaved())?.path).toBe('run/step-0');
    clock.ms += 59_999;
    expect(saves.isSaveDue()).toBe(false);
    clock.ms += 1;
    expect(saves.isSaveDue()).toBe(true);
    await saves.idle();
    saves.begin(saveOf(2));
    await waiting[1]!.end();
    expect((await saves.lastSaved())?.path).toBe('run/step-2');
    clock.ms += 60_000;
    expect(saves.isSaveDue()).toBe(false);
    await saves.finish();
  });

  test('that failed as the last one ends the run', async () => {
    const { saves, waiting } = setUp();
    await saves.idle();
    saves.begin(saveOf(1));
    const finished = saves.finish();
    const failure = expect(finished).rejects.toThrow('no room');
    await waiting[0]!.end(new Error('no room'));
    await failure;
  });

  test('of the best that failed is made before the next', async () => {
    const { saves, waiting, log } = setUp();
    await saves.idle();
    saves.begin(saveOf(1, true));
    await waiting[0]!.end(new Error('no room'));
    await saves.idle();
    saves.begin(saveOf(2));
    await waiting[1]!.end();
    await waiting[2]!.end();
    expect(log.slice(3)).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2']);
    expect((await saves.lastSaved())?.path).toBe('run/step-2');
  });

  test('of the best that failed is forgotten where a better one comes, or the run goes back', async () => {
    const { saves, waiting, log } = setUp({ savedPath: 'run/step-0' });
    await saves.idle();
    saves.begin(saveOf(1, true));
    await waiting[0]!.end(new Error('no room'));
    await saves.idle();
    saves.begin(saveOf(2, true));
    await waiting[1]!.end(new Error('no room'));
    expect(log).not.toContain('end 1');
    expect(await (await saves.lastSaved())?.load()).toEqual({ path: 'run/step-0' });
    await saves.idle();
    saves.begin(saveOf(3));
    await waiting[2]!.end();
    expect(log.filter((line) => line.startsWith('begin'))).toEqual([
      'begin 1',
      'begin 2',
      'begin 3',
    ]);
  });
});

test('what is there to go back to: nothing, or what was saved before, until something is saved', async () => {
  expect(await setUp().saves.lastSaved()).toBe(undefined);
  const { saves, waiting } = setUp({ savedPath: 'run/step-7' });
  expect(await (await saves.lastSaved())?.load()).toEqual({ path: 'run/step-7' });
  saves.begin(saveOf(9));
  const last = saves.lastSaved();
  await waiting[0]!.end();
  expect((await last)?.path).toBe('run/step-9');
});
