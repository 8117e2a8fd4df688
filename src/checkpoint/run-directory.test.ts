import { mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { HISTORY_HEADER } from '../journal/history-rows.ts';
import type { CheckpointContents } from './format.ts';
import type { JsonObject } from './json.ts';
import { openRun } from './run.ts';
import { assertFree, resolveCheckpoint } from './run-directory.ts';
import { saveCheckpoint } from './save.ts';
import { encodeSealed } from './sealed-json.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gru-lm-runs-'));
});
afterEach(() => rm(root, { recursive: true }));

const CONTENTS: CheckpointContents = {
  weights: new Map(),
  optimizer: new Map(),
  state: new Map(),
  config: {},
  tokenizer: {},
  training: {},
  history: [],
  clock: {},
};

/** A run of two checkpoints: step 1 is the best, step 2 the last. */
async function makeRun(name: string): Promise<string> {
  const run = join(root, name);
  await saveCheckpoint(run, 1, CONTENTS, { best: true });
  await saveCheckpoint(run, 2, CONTENTS, { best: false });
  return run;
}

async function failure(promise: Promise<unknown>): Promise<UserError> {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

describe('resolveCheckpoint', () => {
  it('takes a run, a checkpoint in it, or the run with best or last', async () => {
    const run = await makeRun('a');
    const best = join(run, 'step-00000001');
    const last = join(run, 'step-00000002');
    expect(await resolveCheckpoint(run)).toBe(best);
    expect(await resolveCheckpoint(run, { prefer: 'last' })).toBe(last);
    expect(await resolveCheckpoint(join(run, 'best'))).toBe(best);
    expect(await resolveCheckpoint(join(run, 'last'))).toBe(last);
    expect(await resolveCheckpoint(last)).toBe(last);
  });

  it('takes the last checkpoint of a run that has no best one yet', async () => {
    const run = join(root, 'a');
    const only = await saveCheckpoint(run, 1, CONTENTS, { best: false });
    expect(await resolveCheckpoint(run)).toBe(only);
  });

  it('takes the run that was saved last where there is no name', async () => {
    const older = await makeRun('z');
    const newer = await makeRun('a');
    await mkdir(join(root, 'empty'));
    await writeFile(join(root, 'README.md'), '');
    await utimes(join(older, 'run.json'), 1000, 1000);
    const resolve = () => resolveCheckpoint(undefined, { runsDirectory: root });
    expect(await resolve()).toBe(join(newer, 'step-00000001'));
    await utimes(join(newer, 'run.json'), 999, 999);
    expect(await resolve()).toBe(join(older, 'step-00000001'));
    // A clock that was wrong, or that of another machine.
    const future = new Date(Date.now() + 1e10);
    await utimes(join(newer, 'run.json'), future, future);
    expect(await resolve()).toBe(join(newer, 'step-00000001'));
  });

  it('takes the first by name of runs that were saved at once, and knows a run by any name', async () => {
    for (const name of ['m', 'a', 'z']) {
      await utimes(join(await makeRun(name), 'run.json'), 1000, 1000);
    }
    const resolve = () => resolveCheckpoint(undefined, { runsDirectory: root });
    expect(await resolve()).toBe(join(root, 'a', 'step-00000001'));
    await rename(join(root, 'a'), join(root, 'renamed'));
    expect(await resolve()).toBe(join(root, 'm', 'step-00000001'));
    await utimes(join(root, 'renamed', 'run.json'), 1001, 1001);
    expect(await resolve()).toBe(join(root, 'renamed', 'step-00000001'));
  });

  it('says what to do where there is nothing', async () => {
    for (const runsDirectory of [root, join(root, 'none')]) {
      const error = await failure(resolveCheckpoint(undefined, { runsDirectory }));
      expect(error.code).toBe('checkpoint-missing');
      expect(error.message).toBe(`expected a run under ${runsDirectory}, found none`);
      expect(error.hint).toBe('Train one first: gru-lm train <corpus>');
    }
    const nowhere = await failure(resolveCheckpoint(join(root, 'best')));
    expect(nowhere.message).toBe(
      `expected a run or a checkpoint, found no directory at ${join(root, 'best')}`,
    );
    expect((await failure(resolveCheckpoint(root))).message).toContain('found neither at');
  });

  it('names the file and the field of a broken run.json', async () => {
    const run = await makeRun('a');
    const file = join(run, 'run.json');
    const { sha256: _, ...original } = JSON.parse(await readFile(file, 'utf8')) as JsonObject;
    for (const [change, message] of [
      [{ last: '../../elsewhere' }, '"last" to be the name of a checkpoint'],
      [{ best: 7 }, '"best" to be the name of a checkpoint or null, found 7'],
      [{ format: 'other' }, '"format" to be "gru-lm-run"'],
      [{ version: 9 }, 'expected format version 2 or older, found 9'],
      [{ best: 'step-00000009' }, '"best" to be a checkpoint in the same directory'],
    ] as const) {
      await writeFile(file, encodeSealed({ ...original, ...change }, file));
      const error = await failure(resolveCheckpoint(run));
      expect(error.message).toContain(`${file}: expected `);
      expect(error.message).toContain(message);
    }
  });
});

describe('assertFree', () => {
  it('allows a new and an empty directory, and one with leftovers of a killed start', async () => {
    await assertFree(join(root, 'new'), {});
    await assertFree(root, { overwrite: true });
    await mkdir(join(root, '.tmp-123-0a1b'));
    await mkdir(join(root, '.lock'));
    await assertFree(root, {});
  });

  it('asks for --resume or --overwrite where a run is', async () => {
    const run = await makeRun('a');
    const error = await failure(assertFree(run, {}));
    expect(error.code).toBe('run-exists');
    expect(error.message).toBe(`expected a new directory for the run, found a run in ${run}`);
    expect(error.hint).toContain('--resume');
    expect(error.hint).toContain('--overwrite');
    await assertFree(run, { resume: true });
    await assertFree(run, { overwrite: true });
    expect((await failure(assertFree(run, { resume: true, overwrite: true }))).exitCode).toBe(2);
  });

  it('takes one with what TensorBoard reads, which a killed run may leave', async () => {
    await mkdir(join(root, 'tensorboard'));
    await assertFree(root, {});
    await writeFile(join(root, 'thesis.txt'), 'work of years');
    expect((await failure(assertFree(root, {}))).code).toBe('run-foreign');
  });

  it('takes one with the history of a run that could not save, which it has nothing to resume of', async () => {
    const history = join(root, 'history.csv');
    await writeFile(history, `${HISTORY_HEADER}1,0.5,2.5,,,0.01,,,\r\n`);
    await mkdir(join(root, 'tensorboard'));
    await assertFree(root, {});
    await assertFree(root, { overwrite: true });
    expect((await failure(assertFree(root, { resume: true }))).code).toBe('run-missing');
    await writeFile(join(root, 'thesis.txt'), 'work of years');
    expect((await failure(assertFree(root, {}))).code).toBe('run-foreign');
    await rm(join(root, 'thesis.txt'));
    await writeFile(history, 'year,event\r\n1066,Hastings\r\n');
    expect((await failure(assertFree(root, { overwrite: true }))).code).toBe('run-foreign');
  });

  it('refuses a directory of other files, whatever is asked', async () => {
    await writeFile(join(root, 'thesis.txt'), 'work of years');
    for (const use of [{}, { overwrite: true }, { resume: true }]) {
      const error = await failure(assertFree(root, use));
      expect(error.code).toBe('run-foreign');
      expect(error.message).toContain('thesis.txt');
    }
    expect((await failure(assertFree(join(root, 'thesis.txt'), {}))).code).toBe('run-foreign');
  });

  it('has nothing to resume in a new directory', async () => {
    const error = await failure(assertFree(join(root, 'new'), { resume: true }));
    expect(error.code).toBe('run-missing');
    expect(error.hint).toContain('Leave out --resume');
  });
});

describe('openRun', () => {
  it('keeps the old run until the new one has saved', async () => {
    const run = await makeRun('a');
    await writeFile(join(run, 'notes.txt'), 'mine');
    const writer = await openRun(run, { overwrite: true });
    expect(await resolveCheckpoint(run)).toBe(join(run, 'step-00000001'));
    const first = await writer.save(1, CONTENTS, { best: false });
    expect(first).toBe(join(run, 'step-00000001-2'));
    expect(await resolveCheckpoint(run)).toBe(first);
    await writer.save(5, CONTENTS, { best: true });
    await writer.close();
    expect((await readdir(run)).sort()).toEqual(['notes.txt', 'run.json', 'step-00000005']);
  });

  it('goes on with a run, its best checkpoint kept', async () => {
    const run = await makeRun('a');
    const writer = await openRun(run, { resume: true, keep: 2 });
    await writer.save(3, CONTENTS, { best: false });
    await writer.close();
    expect((await readdir(run)).sort()).toEqual([
      'run.json',
      'step-00000001',
      'step-00000002',
      'step-00000003',
    ]);
  });

  it('is refused while another writes the run, and allowed after it has closed', async () => {
    const run = join(root, 'a');
    const writer = await openRun(run);
    const error = await failure(openRun(run));
    expect(error.code).toBe('run-locked');
    expect(error.message).toContain(`found ${run} in use by process ${process.pid} on `);
    await writer.close();
    expect(await readdir(root)).toEqual([]);
    await (await openRun(run)).close();
  });

  it('does not take the lock of a directory that it may not use', async () => {
    await writeFile(join(root, 'thesis.txt'), '');
    expect((await failure(openRun(root, { overwrite: true }))).code).toBe('run-foreign');
    expect(await readdir(root)).toEqual(['thesis.txt']);
  });
});
