import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CheckpointContents } from './format.ts';
import { loadCheckpoint } from './load.ts';
import { openRun } from './run.ts';
import { readRunRecord } from './run-record.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gru-lm-run-'));
});
afterEach(() => rm(root, { recursive: true }));

function contents(value: number): CheckpointContents {
  return {
    weights: new Map([['w', { shape: [1], data: Float32Array.of(value) }]]),
    optimizer: new Map(),
    state: new Map(),
    config: {},
    tokenizer: {},
    training: { value },
    history: [],
    clock: {},
  };
}

describe('a run that is written', () => {
  it('saves one checkpoint after another, also those that are asked for at once', async () => {
    const run = join(root, 'new', 'run');
    const writer = await openRun(run, { keep: 9 });
    const order: string[] = [];
    const saves = [1, 2, 3].map(async (step) => {
      const path = await writer.save(step, contents(step), { best: false });
      order.push(path);
      expect((await readRunRecord(run))?.last).toBe(`step-0000000${step}`);
    });
    await Promise.all(saves);
    expect(order).toEqual([1, 2, 3].map((step) => join(run, `step-0000000${step}`)));
    await writer.close();
  });

  it('goes on after a save that failed', async () => {
    const writer = await openRun(join(root, 'run'));
    const bad = { ...contents(1), training: { loss: Number.NaN } };
    const saves = [
      writer.save(1, bad, { best: true }),
      writer.save(2, contents(2), { best: true }),
    ];
    await expect(saves[0]).rejects.toThrow('training.loss');
    expect((await loadCheckpoint(await saves[1]!)).step).toBe(2);
    await writer.close();
  });

  it('is closed when the checkpoint at work is saved', async () => {
    const run = join(root, 'run');
    const writer = await openRun(run);
    const saving = writer.save(1, contents(1), { best: true });
    await writer.close();
    expect((await readdir(run)).sort()).toEqual(['run.json', 'step-00000001']);
    await saving;
  });

  it('takes away the directory that it made if nothing was saved, and none that was there', async () => {
    const mine = join(root, 'mine');
    await mkdir(mine);
    // Not by mkdir, of which the mask of the process takes bits away.
    await chmod(mine, 0o2770);
    for (const run of [mine, join(root, 'parent', 'new')]) await (await openRun(run)).close();
    expect((await readdir(root, { recursive: true })).sort()).toEqual(['mine', 'parent']);
    expect((await stat(mine)).mode & 0o7777).toBe(0o2770);
  });

  it('is made anew where its directory is gone, with its lock', async () => {
    const run = join(root, 'run');
    const writer = await openRun(run);
    await writer.save(1, contents(1), { best: true });
    await rename(run, join(root, 'moved'));
    const path = await writer.save(2, contents(2), { best: false });
    expect((await loadCheckpoint(path)).training).toEqual({ value: 2 });
    expect(await readRunRecord(run)).toEqual({ last: 'step-00000002', best: null });
    expect((await readRunRecord(join(root, 'moved')))?.last).toBe('step-00000001');
    await expect(openRun(run, { resume: true })).rejects.toMatchObject({ code: 'run-locked' });
    await writer.close();
  });
});
