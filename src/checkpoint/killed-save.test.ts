import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadCheckpoint } from './load.ts';
import { openRun } from './run.ts';
import { resolveCheckpoint } from './run-directory.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gru-lm-killed-'));
});
afterAll(() => rm(directory, { recursive: true }));

/** Saves checkpoints of the run without end, a line of output after each. */
const SAVE_FOREVER = `
  const { openRun } = await import(process.argv[1]);
  const run = await openRun(process.argv[2], { resume: process.argv[3] !== '0' });
  const first = Number(process.argv[3]);
  const weights = new Map([['w', { shape: [50000], data: new Float32Array(50000).fill(first) }]]);
  const contents = {
    weights, optimizer: weights, state: new Map(), config: {}, tokenizer: {}, training: {}, history: [],
    clock: {},
  };
  for (let step = first; ; step += 1) {
    await run.save(step, contents, { best: step % 3 === 0 });
    console.log(step);
  }
`;

async function saveAndKill(run: string, firstStep: number, delayMs: number): Promise<void> {
  const module = new URL('./run.ts', import.meta.url).href;
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', SAVE_FOREVER, module, run, `${firstStep}`],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = once(child, 'exit');
  // The first line ends the start-up; the kill falls anywhere in the saves after it.
  await Promise.race([once(child.stdout, 'data'), ended]);
  child.stdout.resume();
  await sleep(delayMs);
  child.kill('SIGKILL');
  const [code, signal] = await ended;
  expect([code, signal]).toEqual([null, 'SIGKILL']);
}

it('a run whose trainer is killed in a save still loads, and goes on at once', async () => {
  const run = join(directory, 'run');
  let step = 0;
  for (const delayMs of [0, 7, 19, 33, 52]) {
    await saveAndKill(run, step, delayMs);
    const last = await loadCheckpoint(await resolveCheckpoint(run, { prefer: 'last' }));
    const best = await loadCheckpoint(await resolveCheckpoint(run, { prefer: 'best' }));
    expect(last.step).toBeGreaterThanOrEqual(step);
    expect(last.weights.get('w')!.data.length).toBe(50_000);
    expect(best.step % 3).toBe(0);
    step = last.step + 1;
  }

  const writer = await openRun(run, { resume: true });
  const { path: _, ...contents } = await loadCheckpoint(await resolveCheckpoint(run));
  await writer.save(step, contents, { best: true });
  await writer.close();
  // The second of its step, if a killed save had put the first there and not yet named it.
  expect((await readdir(run)).sort()).toEqual([
    'run.json',
    expect.stringMatching(/^step-\d{8}(-2)?$/) as unknown as string,
  ]);
});
