import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasPinnedPython } from '../../../test/support/python.ts';
import { readEvents } from '../../../test/support/tensorboard.ts';
import type { JournalEvent } from '../events.ts';
import { EventFiles, type EventFilesUse, removeOwnEvents } from './event-files.ts';

let directory: string;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'gru-lm-events-')), 'events');
});
afterEach(() => rm(join(directory, '..'), { recursive: true }));

const onFailure = (error: Error) => {
  throw error;
};

/** Numbers that float32 holds exactly. */
function step(at: number, session = 0): JournalEvent {
  return {
    ...{ type: 'step', step: at, epoch: at / 8, loss: 4 / 2 ** at, learningRate: 2 ** -at },
    ...{ gradientNorm: at + 0.5, tokensPerSecond: 1000 + session, elapsedSeconds: at, progress: 0 },
  };
}

describe.runIf(hasPinnedPython)('TensorBoard reads', () => {
  test('scalars and samples by step, whatever is in these', async () => {
    const files = await EventFiles.open(directory, { onFailure });
    const text = '# no <b>heading</b>\n\n\u001b[31mé 字\n';
    for (const event of [step(1), step(2), step(2 ** 40)]) files.add(event);
    files.add({ type: 'eval', step: 2, natsPerToken: 0, isBest: true });
    files.add({ type: 'sample', step: 2, text });
    await files.close();
    expect(await readEvents(directory)).toEqual({
      version: 2,
      scalars: {
        'loss/train': [
          [1, 2],
          [2, 1],
          [2 ** 40, 0],
        ],
        learning_rate: [
          [1, 0.5],
          [2, 0.25],
          [2 ** 40, 0],
        ],
        gradient_norm: [
          [1, 1.5],
          [2, 2.5],
          [2 ** 40, 2 ** 40],
        ],
        tokens_per_second: [
          [1, 1000],
          [2, 1000],
          [2 ** 40, 1000],
        ],
        'loss/validation': [[2, 0]],
        'perplexity/validation': [[2, 1]],
      },
      texts: { sample: [[2, `    # no <b>heading</b>\n    \n    \u001b[31mé 字\n    `]] },
      plugins: { sample: 'text' },
    });
  });

  test('each step once after a run that was killed has gone on, and has gone back', async () => {
    const first = await EventFiles.open(directory, { onFailure });
    for (const at of [1, 2, 3, 4]) first.add(step(at));
    await first.flush();
    // It is killed in the middle of a record.
    const [name] = await readdir(directory);
    await writeFile(join(directory, name as string), Buffer.alloc(20, 1), { flag: 'a' });
    const second = await EventFiles.open(directory, { resumedAtStep: 2, onFailure });
    for (const at of [3, 4, 5]) second.add(step(at, 1));
    second.add({ type: 'rollback', step: 6, toStep: 4, found: 'loss NaN', rateShare: 0.5 });
    second.add(step(5, 2));
    await second.close();
    await first.close();
    expect((await readEvents(directory)).scalars.tokens_per_second).toEqual([
      [1, 1000],
      [2, 1000],
      [3, 1001],
      [4, 1001],
      [5, 1002],
    ]);
  });
});

describe('a directory with events', () => {
  const other = 'events.out.tfevents.1700000000.host.1.0';

  test('is not for another run, unless it may take the place of one of gru-lm’s', async () => {
    const first = await EventFiles.open(directory, { onFailure });
    await first.close();
    const [old] = (await readdir(directory)) as [string];
    await expect(EventFiles.open(directory, { onFailure })).rejects.toThrow(
      `expected no events of another run in ${directory}, found ${old}`,
    );
    const second = await EventFiles.open(directory, { replaces: true, onFailure });
    // Only once the run has something to put in their place.
    expect(await readdir(directory)).toContain(old);
    await second.flush();
    const [now, ...more] = (await readdir(directory)) as [string];
    expect([more, now > old]).toEqual([[], true]);
    await second.close();
    await writeFile(join(directory, other), '');
    await expect(EventFiles.open(directory, { replaces: true, onFailure })).rejects.toMatchObject({
      code: 'tensorboard-exists',
    });
    expect(await readdir(directory)).toEqual([other, now]);
  });

  test('of several runs loses only the events of the one that is replaced', async () => {
    const write = async (use: Partial<EventFilesUse>) => {
      const before = await readdir(directory).catch((): string[] => []);
      const files = await EventFiles.open(directory, { onFailure, ...use });
      await files.flush();
      await files.close();
      return (await readdir(directory)).find((name) => !before.includes(name)) as string;
    };
    const mine = { run: 'a'.repeat(16) };
    const [first, second] = [await write(mine), await write({ ...mine, resumedAtStep: 3 })];
    const replacing = await write({ ...mine, replaces: true });
    expect(await readdir(directory)).toEqual([replacing]);
    expect(replacing > second && second > first).toBe(true);
    for (const others of [{ run: 'b'.repeat(16) }, {}]) {
      const other = await write({ ...others, resumedAtStep: 3 });
      await expect(write({ ...mine, replaces: true })).rejects.toMatchObject({
        code: 'tensorboard-exists',
        message: `expected no events of another run in ${directory}, found ${other}`,
      });
      expect(await readdir(directory)).toEqual([replacing, other]);
      await rm(join(directory, other));
    }
    // In a run's own directory, too, another may have been told to write.
    await expect(write({ replaces: true })).rejects.toMatchObject({ code: 'tensorboard-exists' });
    expect(await readdir(directory)).toEqual([replacing]);
  });

  test('that is a run’s own goes with its events, if nothing else is in it', async () => {
    await removeOwnEvents(directory);
    const own = await EventFiles.open(directory, { onFailure });
    await own.close();
    await (await EventFiles.open(directory, { resumedAtStep: 1, onFailure })).close();
    const others = await EventFiles.open(directory, {
      ...{ run: 'b'.repeat(16), resumedAtStep: 1, onFailure },
    });
    await others.close();
    const [, , name] = (await readdir(directory)) as [string, string, string];
    await writeFile(join(directory, other), '');
    await removeOwnEvents(directory);
    expect(await readdir(directory)).toEqual([other, name]);
    for (const file of [other, name]) await rm(join(directory, file));
    await removeOwnEvents(directory);
    await expect(readdir(directory)).rejects.toThrow('ENOENT');
  });

  test('keeps all else that is in it when a run leaves nothing', async () => {
    await mkdir(directory);
    await writeFile(join(directory, 'notes.txt'), 'mine');
    await (await EventFiles.open(directory, { onFailure })).discard();
    expect(await readFile(join(directory, 'notes.txt'), 'utf8')).toBe('mine');
    expect(await readdir(directory)).toEqual(['notes.txt']);
    await rm(join(directory, 'notes.txt'));
    await (await EventFiles.open(directory, { onFailure })).discard();
    await expect(readdir(directory)).rejects.toThrow('ENOENT');
  });

  test('that cannot be made is an error that says what to do', async () => {
    await writeFile(join(directory, '..', 'file'), '');
    const path = join(directory, '..', 'file', 'events');
    await expect(EventFiles.open(path, { onFailure })).rejects.toMatchObject({
      code: 'tensorboard-write',
      hint: expect.stringContaining('--tensorboard DIR'),
    });
  });
});
