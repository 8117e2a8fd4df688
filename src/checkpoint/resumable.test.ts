import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { saveSmallRun } from '../commands/testing/small-run.ts';
import { UserError } from '../errors.ts';
import type { JsonObject } from './json.ts';
import { type Finding, listCheckpoints, verify } from './list.ts';
import { openModel } from './model.ts';
import {
  ALL_PARTS,
  assertUnchanged,
  openResumable,
  setAsideSkipped,
  skippedNotices,
} from './resumable.ts';
import { readRunRecord } from './run-record.ts';
import { encodeSealed } from './sealed-json.ts';

/** What happens as soon as a checkpoint is about to be read, once. */
const meanwhile = vi.hoisted(() => ({ happens: [] as (() => Promise<unknown>)[] }));

vi.mock('./load.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('./load.ts')>();
  const readManifest: typeof original.readManifest = async (path) => {
    await meanwhile.happens.shift()?.();
    return original.readManifest(path);
  };
  return { ...original, readManifest };
});

let run: string;

/** A run of steps 10, 20 and 30; 10 is the best. */
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'gru-lm-resumable-'));
  await saveSmallRun(run, { steps: [10, 20, 30] });
});
afterEach(async () => {
  await rm(run, { recursive: true });
  expect(meanwhile.happens).toEqual([]);
});

async function damage(...path: string[]): Promise<void> {
  const file = join(run, ...path);
  const bytes = await readFile(file);
  bytes[bytes.length - 3]! ^= 4;
  await writeFile(file, bytes);
}

async function failure(promise: Promise<unknown>): Promise<UserError> {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

async function opened(): Promise<{ from: string; skipped: string[] }> {
  const { model, skipped } = await openResumable(run);
  return { from: basename(model.checkpoint.path), skipped: skipped.map(({ name }) => name) };
}

describe('a run to go on with', () => {
  it('goes on from its last checkpoint, even where later ones lie', async () => {
    expect(await opened()).toEqual({ from: 'step-00000030', skipped: [] });
    await rename(join(run, 'step-00000010'), join(run, 'step-00000040'));
    expect(await opened()).toEqual({ from: 'step-00000030', skipped: [] });
  });

  it.each([
    ['weights.safetensors', 'weights.safetensors: expected SHA-256 '],
    ['training.json', 'training.json: expected SHA-256 '],
    ['manifest.json', 'manifest.json: expected '],
  ])('goes on from the one before if the last one’s %s is damaged', async (file, why) => {
    await damage('step-00000030', file);
    expect(await opened()).toEqual({ from: 'step-00000020', skipped: ['step-00000030'] });
    const [notice] = skippedNotices(await openResumable(run));
    expect(notice).toContain(`step-00000030 is damaged (${why}`);
    expect(notice).toMatch(/\): going on from step-00000020$/);
  });

  it('is not gone on with if another process did so in the meantime', async () => {
    const resumable = await openResumable(run);
    await assertUnchanged(run, resumable);
    await saveSmallRun(run, { steps: [40] });
    const error = await failure(assertUnchanged(run, resumable));
    expect(error.code).toBe('run-changed');
    expect(error.message).toContain('found that another process has saved step-00000040');
    await rm(join(run, 'run.json'));
    await assertUnchanged(run, await openResumable(run));
  });

  it('is not called damaged if another process removes what is being read', async () => {
    meanwhile.happens.push(() => saveSmallRun(run, { steps: [40] }));
    const error = await failure(openResumable(run));
    expect(error.code).toBe('run-changed');
    expect(error.message).toContain('found that another process has saved step-00000040');
    expect((await opened()).from).toBe('step-00000040');
  });

  it('goes on from an earlier one if several are damaged or gone', async () => {
    await rm(join(run, 'step-00000030'), { recursive: true });
    await rm(join(run, 'step-00000020', 'state.safetensors'));
    expect(await opened()).toEqual({
      from: 'step-00000010',
      skipped: ['step-00000030', 'step-00000020'],
    });
  });

  it.each(['damaged', 'gone'])('looks for its checkpoints if run.json is %s', async (state) => {
    if (state === 'gone') await rm(join(run, 'run.json'));
    else await damage('run.json');
    await damage('step-00000030', 'history.json');
    expect((await opened()).from).toBe('step-00000020');
  });

  it('takes a later one only if nothing else is whole', async () => {
    await rename(join(run, 'step-00000010'), join(run, 'step-00000040'));
    await damage('step-00000030', 'config.json');
    expect((await opened()).from).toBe('step-00000020');
    await damage('step-00000020', 'config.json');
    expect((await opened()).from).toBe('step-00000040');
  });

  it('says what is wrong with the last one if nothing is whole', async () => {
    for (const name of ['step-00000010', 'step-00000020', 'step-00000030']) {
      await damage(name, 'state.safetensors');
    }
    const error = await failure(openResumable(run));
    expect(error.message).toContain(join(run, 'step-00000030', 'state.safetensors'));
    expect(error.message).toMatch(/, and 2 more that are damaged$/);
    expect(error.hint).toContain(`gru-lm info --verify ${run}`);
    await rm(run, { recursive: true });
    await mkdir(run);
    expect((await failure(openResumable(run))).code).toBe('run-missing');
  });

  it('does not pass over what a newer gru-lm wrote, but over what seems to be by a flipped bit', async () => {
    const file = join(run, 'step-00000030', 'manifest.json');
    const text = (await readFile(file, 'utf8')).replace('"version": 2', '"version": 3');
    await writeFile(file, text);
    expect((await opened()).from).toBe('step-00000020');
    const { sha256: _, ...json } = JSON.parse(text) as JsonObject;
    await writeFile(file, encodeSealed(json, file));
    expect((await failure(openResumable(run))).code).toBe('checkpoint-version');
  });
});

describe('what was skipped', () => {
  const names = async () => (await readdir(run)).sort();

  it('is set aside, and the run names what is gone on from', async () => {
    await damage('step-00000030', 'weights.safetensors');
    await setAsideSkipped(run, await openResumable(run));
    expect(await names()).toEqual([
      'damaged-step-00000030',
      'run.json',
      'step-00000010',
      'step-00000020',
    ]);
    expect(await readRunRecord(run)).toEqual({ last: 'step-00000020', best: 'step-00000010' });
    expect(await opened()).toEqual({ from: 'step-00000020', skipped: [] });
  });

  it('never takes the place of what was set aside before', async () => {
    await mkdir(join(run, 'damaged-step-00000030'));
    await damage('step-00000030', 'weights.safetensors');
    await setAsideSkipped(run, await openResumable(run));
    expect(await names()).toContain('damaged-step-00000030-2');
  });

  it('is no longer named as the best', async () => {
    await damage('step-00000010', 'weights.safetensors');
    await damage('step-00000030', 'weights.safetensors');
    await damage('run.json');
    await setAsideSkipped(run, await openResumable(run));
    // Not looked into, since a later one is whole, and as long as it should be.
    expect(await readRunRecord(run)).toEqual({ last: 'step-00000020', best: 'step-00000010' });
    await rm(join(run, 'step-00000010'), { recursive: true });
    await damage('run.json');
    await setAsideSkipped(run, await openResumable(run));
    expect(await readRunRecord(run)).toEqual({ last: 'step-00000020', best: null });
  });

  it('is found again where run.json is gone: the last one, and the best', async () => {
    await rm(join(run, 'run.json'));
    await setAsideSkipped(run, await openResumable(run));
    expect(await readRunRecord(run)).toEqual({ last: 'step-00000030', best: 'step-00000010' });
    expect(await opened()).toEqual({ from: 'step-00000030', skipped: [] });
  });

  it('is left as it is where nothing was', async () => {
    const before = await readFile(join(run, 'run.json'));
    await setAsideSkipped(run, await openResumable(run));
    expect(await readFile(join(run, 'run.json'))).toEqual(before);
  });
});

describe('a run in training', () => {
  const saves = (step: number) => () => saveSmallRun(run, { steps: [step] });

  it('gives the model that took the place of the one being read', async () => {
    meanwhile.happens.push(saves(40), saves(50));
    const { checkpoint } = await openModel(run, [], 'last');
    expect(basename(checkpoint.path)).toBe('step-00000050');
  });

  it('is verified without what it removes meanwhile', async () => {
    meanwhile.happens.push(saves(40));
    const findings: Finding[] = [];
    for await (const finding of verify(run)) findings.push(finding);
    expect(findings.map(({ name, problem }) => [name, problem])).toEqual([['run.json', undefined]]);
  });

  it('does not go round for ever where the model is damaged indeed', async () => {
    await damage('step-00000030', 'config.json');
    expect((await failure(openModel(run, [], 'last'))).code).toBe('checkpoint-damaged');
  });
});

describe('the checkpoints of a run', () => {
  it('are listed in the order of their steps, but for those that lack something', async () => {
    const listed = await listCheckpoints(run);
    expect(listed).toEqual([
      { name: 'step-00000010', step: 10, created: expect.any(String), best: true, last: false },
      { name: 'step-00000020', step: 20, created: expect.any(String), best: false, last: false },
      { name: 'step-00000030', step: 30, created: expect.any(String), best: false, last: true },
    ]);
    await rm(join(run, 'step-00000010', 'clock.json'));
    await writeFile(join(run, 'step-00000020', 'config.json'), '{}');
    expect((await listCheckpoints(run)).map(({ name }) => name)).toEqual(['step-00000030']);
  });

  it('are verified with run.json, each by itself', async () => {
    const found = async (name?: string) => {
      const findings: [string, string | undefined][] = [];
      for await (const { name: file, problem } of verify(name)) {
        findings.push([file, problem?.message]);
      }
      return findings;
    };
    const whole = (name: string) => [name, undefined];
    const all = ['run.json', 'step-00000010', 'step-00000020', 'step-00000030'];
    expect(await found(run)).toEqual(all.map(whole));
    await damage('step-00000020', 'optimizer.safetensors');
    expect(await found(run)).toEqual([
      ...all.slice(0, 2).map(whole),
      ['step-00000020', expect.stringContaining('optimizer.safetensors: expected SHA-256')],
      whole('step-00000030'),
    ]);
    expect(await found(join(run, 'best'))).toEqual([whole('step-00000010')]);
    expect(await found(join(run, 'step-00000020'))).toHaveLength(1);
    await rm(join(run, 'run.json'));
    expect((await found(run))[0]).toEqual(['run.json', expect.stringContaining('found none')]);
  });
});

describe('a damaged checkpoint that was asked for', () => {
  it('is refused with the name of one that looks whole', async () => {
    await damage('step-00000010', 'weights.safetensors');
    const error = await failure(openModel(run, ALL_PARTS));
    expect(error.message).toContain('step-00000010/weights.safetensors: expected SHA-256');
    expect(error.hint).toBe(
      `gru-lm info --verify ${run} says what is damaged; ${join(run, 'step-00000030')} looks whole and can be named.`,
    );
    await damage('run.json');
    const other = await failure(openModel(run, ALL_PARTS));
    expect(other.message).toContain(`${join(run, 'run.json')}: expected `);
    expect(other.hint).toContain('looks whole');
  });
});
