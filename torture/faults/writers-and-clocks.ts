/** Two writers of one run, locks of processes that are gone, and clocks that jump. */

import { strict as assert } from 'node:assert';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir, uptime } from 'node:os';
import { join } from 'node:path';
import { loadCheckpoint } from '../../src/checkpoint/load.ts';
import { LOCK_NAME } from '../../src/checkpoint/lock-file.ts';
import { openRun } from '../../src/checkpoint/run.ts';
import { resolveCheckpoint } from '../../src/checkpoint/run-directory.ts';
import type { FigureRow } from '../scenario.ts';
import { assertLast, contentsOf, refusal } from './sample-run.ts';

const YEAR_MS = 365 * 24 * 3600 * 1000;

/** Opens a run and holds it, or says why it may not. */
const HOLD = `
  const { openRun } = await import(process.argv[1]);
  await openRun(process.argv[2], { overwrite: true }).then(
    () => { console.log('held'); setInterval(() => {}, 1000); },
    (error) => console.log(error.code),
  );
`;

function holdArguments(run: string): string[] {
  const module = new URL('../../src/checkpoint/run.ts', import.meta.url).href;
  return ['--import', 'tsx', '--input-type=module', '-e', HOLD, module, run];
}

/** What another process finds that wants to write the run. */
function secondWriter(run: string): string {
  return spawnSync(process.execPath, holdArguments(run), { encoding: 'utf8' }).stdout.trim();
}

/** Leaves the lock of a process that was killed. */
async function leaveLock(run: string): Promise<void> {
  const child = spawn(process.execPath, holdArguments(run), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const [said] = await Promise.race([once(child.stdout, 'data'), ended]);
  assert.equal(String(said).trim(), 'held');
  child.kill('SIGKILL');
  await ended;
}

async function withDirectory<T>(use: (run: string) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'gru-lm-writers-'));
  try {
    return await use(join(root, 'run'));
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** A clock set back and forward by a year, between saves and beside a lock that is held. */
export function jumpClocks(): Promise<FigureRow[]> {
  return withDirectory(async (run) => {
    const writer = await openRun(run, { keep: 2 });
    const jumps = [0, -YEAR_MS, YEAR_MS, -2 * YEAR_MS];
    const created: string[] = [];
    for (const [i, jumpMs] of jumps.entries()) {
      const step = i + 1;
      await withClock(jumpMs, async () => {
        await writer.save(step, contentsOf(step), { best: false });
        assert.equal((await refusal(openRun(run, { resume: true }))).code, 'run-locked');
      });
      await assertLast(run, step);
      const path = await resolveCheckpoint(run, { prefer: 'last' });
      created.push((await loadCheckpoint(path)).created);
    }
    // The dates did go back, and what is kept went by the steps.
    assert.ok(created[1]! < created[0]! && created[3]! < created[1]!, created.join(' '));
    const kept = readdirSync(run).filter((name) => name.startsWith('step-'));
    assert.deepEqual(kept.sort(), ['step-00000003', 'step-00000004']);

    // To others the lock looks a year old, or a year ahead.
    for (const jumpMs of [-YEAR_MS, YEAR_MS]) {
      const renewed = new Date(Date.now() + jumpMs);
      utimesSync(join(run, LOCK_NAME), renewed, renewed);
      assert.equal(secondWriter(run), 'run-locked');
    }
    await writer.save(9, contentsOf(9), { best: false });
    await writer.close();
    return [
      ['clock set back by one and two years, and forward: saves', 'all load, kept by step'],
      ['the same beside a lock that is held: a second trainer', 'refused each time'],
    ];
  });
}

/** Runs `action` while the clock of this process is wrong. */
async function withClock(jumpMs: number, action: () => Promise<void>): Promise<void> {
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(value: number | string | Date = RealDate.now() + jumpMs) {
      super(value);
    }
    static override now(): number {
      return RealDate.now() + jumpMs;
    }
  } as typeof Date;
  try {
    await action();
  } finally {
    globalThis.Date = RealDate;
  }
}

/** Locks of processes that were killed, of systems that have started again, and of other machines. */
export async function recoverLocks(times: number): Promise<FigureRow[]> {
  const longestMs = { killed: 0, reboot: 0 };
  for (let i = 0; i < times; i += 1) {
    await withDirectory(async (run) => {
      await leaveLock(run);
      longestMs.killed = Math.max(longestMs.killed, await takeOver(run));
      await leaveLock(run);
      // Another start of this system, in which the process had the number that this one has now.
      rewriteLock(run, { boot: NEVER, processTable: `${NEVER} pid:[1]`, pid: process.pid });
      const before = new Date(Date.now() - (uptime() + 60) * 1000);
      utimesSync(join(run, LOCK_NAME), before, before);
      longestMs.reboot = Math.max(longestMs.reboot, await takeOver(run));
    });
  }
  await withDirectory(async (run) => {
    await leaveLock(run);
    rewriteLock(run, { host: 'elsewhere', machine: NEVER, boot: NEVER, processTable: null });
    assert.equal(secondWriter(run), 'run-locked');
  });
  return [
    [`lock of a killed process, ${times} times: taken over within`, seconds(longestMs.killed)],
    [`lock from before a restart, ${times} times: taken over within`, seconds(longestMs.reboot)],
    ['lock of another machine, renewed a moment ago', 'respected'],
  ];
}

const NEVER = '00000000-0000-0000-0000-000000000000';

function rewriteLock(run: string, changes: object): void {
  const path = join(run, LOCK_NAME);
  const owner = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeFileSync(path, JSON.stringify({ ...owner, ...changes }));
}

/** Opens the run and saves in it; returns the milliseconds that the opening took. */
async function takeOver(run: string): Promise<number> {
  const startedMs = performance.now();
  const writer = await openRun(run, { overwrite: true });
  const tookMs = performance.now() - startedMs;
  await writer.save(1, contentsOf(1), { best: true });
  await assertLast(run, 1);
  await writer.close();
  return tookMs;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

/** A second trainer of a run in the same process, and in another. */
export function refuseSecondWriter(): Promise<FigureRow[]> {
  return withDirectory(async (run) => {
    const writer = await openRun(run);
    await writer.save(1, contentsOf(1), { best: true });
    assert.equal((await refusal(openRun(run, { resume: true }))).code, 'run-locked');
    assert.equal(secondWriter(run), 'run-locked');
    await writer.save(2, contentsOf(2), { best: true });
    await assertLast(run, 2);
    await writer.close();
    return [['second trainer in the same directory', 'refused; the first goes on']];
  });
}
