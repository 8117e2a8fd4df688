/** A run's directory that goes while the run is being written. */

import { strict as assert } from 'node:assert';
import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { loadCheckpoint } from '../../src/checkpoint/load.ts';
import { LOCK_NAME } from '../../src/checkpoint/lock-file.ts';
import { openRun, type RunWriter } from '../../src/checkpoint/run.ts';
import { isTemporaryName } from '../../src/durable-files.ts';
import type { FigureRow } from '../scenario.ts';
import { assertLast, contentsOf, refusal } from './sample-run.ts';

async function withRun(use: (run: string, writer: RunWriter) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'gru-lm-lost-'));
  try {
    const run = join(root, 'checkpoints', 'run');
    const writer = await openRun(run, { keep: 2 });
    await writer.save(1, contentsOf(1), { best: true });
    await use(run, writer);
    // Locked as before.
    assert.equal((await refusal(openRun(run, { resume: true }))).code, 'run-locked');
    await writer.save(4, contentsOf(4), { best: true });
    await assertLast(run, 4);
    await writer.close();
    await (await openRun(run, { resume: true })).close();
  } finally {
    rmSync(root, { recursive: true });
  }
}

export async function removeAndRename(): Promise<FigureRow[]> {
  await withRun(async (run, writer) => {
    rmSync(join(run, '..'), { recursive: true });
    await writer.save(2, contentsOf(2), { best: false });
    await assertLast(run, 2);
  });
  await withRun(async (run, writer) => {
    renameSync(run, `${run}-moved`);
    await writer.save(2, contentsOf(2), { best: false });
    await assertLast(run, 2);
    await assertGoesOn(`${run}-moved`, 1);
  });
  return [
    ['run directory removed between saves', 'made anew, with lock, checkpoint and run.json'],
    ['run directory renamed between saves', 'made anew; the other one loads and goes on'],
  ];
}

/** Renames the directory when `files` files of a checkpoint are there, `times` times. */
export async function renameDuringSaves(times: number): Promise<FigureRow[]> {
  for (let files = 0; files < times; files += 1) {
    await withRun(async (run, writer) => {
      const saving = writer.save(2, contentsOf(2), { best: false });
      while (filesAside(run) < files % 10) await setImmediate();
      renameSync(run, `${run}-moved`);
      const path = await saving;
      await assertGoesOn(`${run}-moved`, undefined);
      // Had the save ended before, it would be in the other directory, whole as well.
      const isThere = readdirSync(join(run, '..')).includes('run');
      if (isThere) await loadCheckpoint(path);
      await writer.save(3, contentsOf(3), { best: false });
      await assertLast(run, 3);
    });
  }
  return [['run directory renamed in the middle of a save', `${times} times, saved anew`]];
}

/** How many files of the checkpoint that is being written are there; the most if it has its place. */
function filesAside(run: string): number {
  const names = readdirSync(run);
  const aside = names.find(isTemporaryName);
  if (aside === undefined) return names.includes('step-00000002') ? Number.POSITIVE_INFINITY : -1;
  try {
    return readdirSync(join(run, aside)).length;
  } catch {
    return -1;
  }
}

/** Throws unless a directory that was taken away loads and takes the next checkpoint. */
async function assertGoesOn(run: string, step: number | undefined): Promise<void> {
  // It is locked as long as this process lives.
  rmSync(join(run, LOCK_NAME));
  if (step !== undefined) await assertLast(run, step);
  const writer = await openRun(run, { resume: true });
  await writer.save(9, contentsOf(9), { best: false });
  await assertLast(run, 9);
  await writer.close();
}
