import { execFileSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CheckpointModel, openModel } from '../checkpoint/model.ts';
import type { UserError } from '../errors.ts';
import type { TextState } from '../generation/text-model.ts';
import { Random } from '../random.ts';
import {
  assertStatePath,
  readSampleState,
  type SampleState,
  stateFor,
  writeSampleState,
} from './sample-state.ts';
import { saveSmallRun } from './testing/small-run.ts';

const directory = mkdtempSync(join(tmpdir(), 'gru-lm-state-'));
afterAll(() => rmSync(directory, { recursive: true }));
const at = (name: string) => join(directory, name);

const text: TextState = {
  memory: [Float32Array.of(0.1, -2, 3e-9), Float32Array.of(1, 0, -0.25)],
  unread: [4],
  tokens: [3, 1, 4],
  held: 'ab\u0001',
};

/** A state whose generator has drawn some numbers. */
function someState(): SampleState {
  const random = new Random(5);
  random.normal();
  return { text, random, seed: 5 };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    expect((error as UserError).code).toBe('sample-state');
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

describe('a state in a file', () => {
  let model: CheckpointModel;
  beforeAll(async () => {
    await saveSmallRun(at('run'), { kind: 'char' });
    await saveSmallRun(at('words'), { kind: 'word' });
    model = await openModel(at('run'), ['weights']);
  });

  it('comes back as it was, for its checkpoint', async () => {
    const path = at('state');
    await writeSampleState(path, model, someState());
    const stored = await readSampleState(path);
    expect(stored.checkpoint).toBe(resolve(model.checkpoint.path));
    const found = await stateFor(stored, model);
    expect(found.text).toEqual(text);
    expect(found.random.state()).toEqual(someState().random.state());
    expect(found.seed).toBe(5);
    await writeSampleState(at('unread'), model, {
      ...someState(),
      text: { ...text, memory: undefined },
    });
    const unread = await stateFor(await readSampleState(at('unread')), model);
    expect(unread.text.memory).toBeUndefined();
  });

  it('is refused for another checkpoint', async () => {
    const path = at('other');
    await writeSampleState(path, model, someState());
    const words = await openModel(at('words'), ['weights']);
    expect(await refusal(stateFor(await readSampleState(path), words))).toMatch(
      /other: expected the checkpoint that the sample was made with, .*step-00000020 \(weights of SHA-256 [0-9a-f]{12}…\), found .*words.step-00000020 \([0-9a-f]{12}…\)$/,
    );
  });

  it('takes the place of no file but that which the sample went on from', async () => {
    const path = at('mine');
    writeFileSync(path, 'mine');
    const message = `--save-state: expected no file at ${path} yet, found one`;
    expect(await refusal(assertStatePath(path, undefined))).toBe(message);
    expect(await refusal(assertStatePath(path, at('state')))).toBe(message);
    expect(await refusal(writeSampleState(path, model, someState()))).toBe(message);
    expect(readFileSync(path, 'utf8')).toBe('mine');
    const again = at('again');
    await assertStatePath(again, undefined);
    await writeSampleState(again, model, someState());
    await assertStatePath(again, again);
    await writeSampleState(
      again,
      model,
      { ...someState(), seed: 6 },
      join(directory, '.', 'again'),
    );
    expect((await stateFor(await readSampleState(again), model)).seed).toBe(6);
  });

  it('takes the place of what a link leads to, and of no pipe', async () => {
    const link = at('link');
    await writeSampleState(at('linked'), model, someState());
    symlinkSync('linked', link);
    await assertStatePath(link, link);
    await writeSampleState(link, model, { ...someState(), seed: 6 }, link);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect((await stateFor(await readSampleState(at('linked')), model)).seed).toBe(6);
    rmSync(at('linked'));
    const isThere = `--save-state: expected no file at ${link} yet, found one`;
    expect(await refusal(assertStatePath(link, undefined))).toBe(isThere);
    const pipe = at('pipe');
    execFileSync('mkfifo', [pipe]);
    const isPipe = `--save-state: expected to write a file at ${pipe}, found a pipe`;
    for (const replaced of [undefined, pipe]) {
      expect(await refusal(assertStatePath(pipe, replaced))).toBe(isPipe);
      expect(await refusal(writeSampleState(pipe, model, someState(), replaced))).toBe(isPipe);
    }
    expect(lstatSync(pipe).isFIFO()).toBe(true);
  });

  it('is refused where it cannot be written', async () => {
    const path = join(directory, 'none', 'state');
    expect(await refusal(assertStatePath(path, undefined))).toContain(`expected to write ${path}`);
    expect(await refusal(writeSampleState(path, model, someState()))).toMatch(
      /^expected to write .*, could not: ENOENT/,
    );
  });

  it.each([
    ['a byte is another', (json: string) => json.replace('"seed": 5', '"seed": 6'), /"sha256"/],
    ['it is cut off', (json: string) => json.slice(0, 99), /expected JSON/],
    [
      'it is another file',
      () => '{"format": "other"}',
      /expected the state of a sample, found none/,
    ],
    [
      'it is of a later version',
      (json: string) => json.replace('"version": 1', '"version": 2'),
      /expected a state of version 1, found version 2/,
    ],
  ])('is refused where %s', async (_, change, message) => {
    const path = at('damaged');
    rmSync(path, { force: true });
    await writeSampleState(path, model, someState());
    writeFileSync(path, change(readFileSync(path, 'utf8')));
    expect(await refusal(readSampleState(path))).toMatch(message);
  });

  it('is refused where there is none', async () => {
    expect(await refusal(readSampleState(at('nothing')))).toMatch(
      /expected the file nothing, found none/,
    );
  });

  it.each([
    ['unread', { unread: [] }],
    ['unread', { unread: [99_999] }],
    ['tokens', { tokens: [-1] }],
    ['finite', { memory: { h_l0: 'AAAA', h_l1: 'AAAA' } }],
    ['finite', { memory: {} }],
    ['random', { random: { algorithm: 'none' } }],
    ['state of a sample', { held: 3 }],
  ])('with a wrong value is refused: %s', async (message, change) => {
    const path = at('wrong');
    rmSync(path, { force: true });
    await writeSampleState(path, model, someState());
    const stored = await readSampleState(path);
    const json = { ...stored.json, ...change };
    expect(await refusal(stateFor({ ...stored, json }, model))).toContain(message);
  });
});
