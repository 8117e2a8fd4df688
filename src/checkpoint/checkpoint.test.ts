import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StatefulBatches } from '../data/batches.ts';
import { TokenArray } from '../data/token-sequence.ts';
import { trainTokenizer } from '../data/tokenizer.ts';
import { UserError } from '../errors.ts';
import { Random } from '../random.ts';
import { CHECKPOINT_FILES, type CheckpointContents, encodeRunRecord } from './format.ts';
import type { JsonObject } from './json.ts';
import { loadCheckpoint } from './load.ts';
import { saveCheckpoint } from './save.ts';
import { encodeSealed } from './sealed-json.ts';

let run: string;

beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'gru-lm-checkpoint-'));
});
afterEach(() => rm(run, { recursive: true }));

function contents(value = 1): CheckpointContents {
  const tensors = (name: string) =>
    new Map([[name, { shape: [2, 2], data: Float32Array.of(value, -0, 0.1, 1e-40) }]]);
  const tokens = new TokenArray(new Int32Array(20));
  const batches = new StatefulBatches(tokens, { batchSize: 2, steps: 3 });
  return {
    weights: tensors('embedding'),
    optimizer: tensors('embedding.m'),
    state: tensors('layer0.h'),
    config: { hidden: 512, tied: false },
    tokenizer: trainTokenizer('héllo 😀', { kind: 'char' }).toJSON(),
    training: { step: 7, cursor: batches.cursor(), random: new Random(1).state(), best: null },
    history: [{ step: 1, loss: 4.17 }],
    clock: { elapsedSeconds: 0.1 },
  };
}

async function failure(path: string): Promise<UserError> {
  const error: unknown = await loadCheckpoint(path).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

async function editManifest(path: string, edit: (json: Record<string, unknown>) => void) {
  const file = join(path, 'manifest.json');
  const { sha256: _, ...json } = JSON.parse(await readFile(file, 'utf8')) as JsonObject;
  edit(json);
  await writeFile(file, encodeSealed(json, file));
}

async function readRun(): Promise<unknown> {
  return JSON.parse(await readFile(join(run, 'run.json'), 'utf8'));
}

describe('a checkpoint', () => {
  it('comes back as it was saved, bit for bit', async () => {
    const path = await saveCheckpoint(run, 500, contents(), { best: true });
    expect(path).toBe(join(run, 'step-00000500'));
    expect(new Set(await readdir(path))).toEqual(CHECKPOINT_FILES);
    const { path: from, step, created, ...loaded } = await loadCheckpoint(path);
    expect(loaded).toEqual(contents());
    expect(Object.is(loaded.weights.get('embedding')!.data[1], -0)).toBe(true);
    expect([from, step]).toEqual([path, 500]);
    expect(new Date(created).toISOString()).toBe(created);
  });

  it('is loaded in part where no more is asked for', async () => {
    const path = await saveCheckpoint(run, 500, contents(), { best: true });
    await rm(join(path, 'optimizer.safetensors'));
    const { weights, optimizer, state, history, config } = await loadCheckpoint(path, {
      parts: ['weights'],
    });
    expect(weights).toEqual(contents().weights);
    expect([optimizer.size, state.size, history]).toEqual([0, 0, []]);
    expect(config).toEqual(contents().config);
  });

  it('holds tensors that are written in several slices', async () => {
    const data = Float32Array.from({ length: 2 ** 23 + 3 }, (_, i) => i);
    const weights = new Map([
      ['large', { shape: [data.length], data }],
      ['none', { shape: [0, 4], data: new Float32Array() }],
      ['view', { shape: [2], data: data.subarray(5, 7) }],
    ]);
    const path = await saveCheckpoint(run, 1, { ...contents(), weights }, { best: true });
    const loaded = await loadCheckpoint(path, { parts: ['weights'] });
    expect(Buffer.compare(bytesOf(loaded.weights.get('large')!.data), bytesOf(data))).toBe(0);
    expect(loaded.weights.get('none')).toEqual(weights.get('none'));
    expect([...loaded.weights.get('view')!.data]).toEqual([5, 6]);
  });

  it('refuses contents that would read back as others, and writes nothing', async () => {
    const broken = { ...contents(), training: { best: Number.POSITIVE_INFINITY } };
    await expect(saveCheckpoint(run, 1, broken, { best: true })).rejects.toThrow('training.best');
    expect(await readdir(run)).toEqual([]);
  });

  it('explains a directory that cannot be written, and leaves nothing behind', async () => {
    const blocked = join(run, 'file');
    await writeFile(blocked, '');
    const saving = saveCheckpoint(blocked, 1, contents(), { best: true });
    await expect(saving).rejects.toMatchObject({
      code: 'checkpoint-write',
      message: expect.stringMatching(
        /^expected to save \d+ B in (.*), found: file already exists$/,
      ),
    });
    await expect(saving).rejects.toThrow(` in ${blocked}, found: `);
    expect(await readdir(run)).toEqual(['file']);
  });
});

describe('a damaged checkpoint', () => {
  let path: string;
  beforeEach(async () => {
    path = await saveCheckpoint(run, 3, contents(), { best: true });
  });

  it.each([...CHECKPOINT_FILES])('is refused without its %s, which is named', async (name) => {
    await rm(join(path, name));
    const error = await failure(path);
    expect(error.code).toBe('checkpoint-incomplete');
    expect(error.message).toBe(`${path}: expected the file ${name}, found none`);
    expect(error.hint).toContain('another checkpoint');
  });

  it.each([...CHECKPOINT_FILES])('is refused with %s cut short', async (name) => {
    const file = join(path, name);
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, bytes.length - 3));
    const error = await failure(path);
    expect(error.code).toBe('checkpoint-damaged');
    expect(error.message).toContain(`${file}: expected `);
  });

  it.each([...CHECKPOINT_FILES].filter((name) => name !== 'manifest.json'))(
    'is refused with one bit of %s changed',
    async (name) => {
      const file = join(path, name);
      const bytes = await readFile(file);
      bytes[bytes.length - 2]! ^= 1;
      await writeFile(file, bytes);
      const error = await failure(path);
      expect(error.code).toBe('checkpoint-damaged');
      expect(error.message).toMatch(/: expected SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}$/);
      expect(error.message).toContain(file);
    },
  );

  it.each<[string, (json: Record<string, never>) => void]>([
    ['"format" to be "gru-lm-checkpoint", found "x"', (json) => set(json, 'format', 'x')],
    ['"version" to be a whole number from 1 to 2, found 0', (json) => set(json, 'version', 0)],
    ['"step" to be a whole number, found -1', (json) => set(json, 'step', -1)],
    [
      '"created" to be a date as 2025-01-31T12:00:00.000Z, found "soon"',
      (json) => set(json, 'created', 'soon'),
    ],
    ['"files" to be an object, found []', (json) => set(json, 'files', [])],
    ['found "../../etc/passwd"', (json) => set(json.files!, '../../etc/passwd', {})],
    ['found "manifest.json"', (json) => set(json.files!, 'manifest.json', {})],
    ['"files.config.json" to be an object, found nothing', (json) => unset(json, 'config.json')],
    ['"files.config.json.bytes" to be', (json) => set(json.files!, 'config.json', { bytes: '1' })],
    ['"files.config.json.sha256" to be', (json) => set(json.files!, 'config.json', { bytes: 1 })],
  ])('is refused for its manifest: %s', async (message, edit) => {
    await editManifest(path, edit as never);
    const error = await failure(path);
    expect(error.code).toBe('checkpoint-damaged');
    expect(error.message).toContain(`${join(path, 'manifest.json')}: expected `);
    expect(error.message).toContain(message);
  });

  it('of a newer version asks for a newer gru-lm', async () => {
    await editManifest(path, (json) => set(json, 'version', 3));
    const error = await failure(path);
    expect(error.code).toBe('checkpoint-version');
    expect(error.message).toContain('expected format version 2 or older, found 3');
    expect(error.hint).toContain('update gru-lm');
  });

  it('is told from no checkpoint at all', async () => {
    const error = await failure(join(run, 'nowhere'));
    expect(error.code).toBe('checkpoint-missing');
    expect(error.message).toBe(`expected a checkpoint, found none in ${join(run, 'nowhere')}`);
    expect(error.hint).toContain('gru-lm train <corpus>');
  });
});

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function set(json: object, key: string, value: unknown): void {
  Object.assign(json, { [key]: value });
}

function unset(json: { files?: object }, key: string): void {
  delete (json.files as Record<string, unknown>)[key];
}

describe('the checkpoints of a run', () => {
  const names = async () => (await readdir(run)).sort();

  it('are the last and the best, and no others', async () => {
    await saveCheckpoint(run, 10, contents(), { best: false });
    expect(await readRun()).toEqual({
      format: 'gru-lm-run',
      version: 2,
      last: 'step-00000010',
      best: null,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    await saveCheckpoint(run, 20, contents(), { best: true });
    await saveCheckpoint(run, 30, contents(), { best: false });
    await saveCheckpoint(run, 40, contents(), { best: false });
    expect(await readRun()).toMatchObject({ last: 'step-00000040', best: 'step-00000020' });
    expect(await names()).toEqual(['run.json', 'step-00000020', 'step-00000040']);
    await saveCheckpoint(run, 50, contents(), { best: true });
    expect(await names()).toEqual(['run.json', 'step-00000050']);
  });

  it('are as many of the last as asked for, beside the best', async () => {
    for (const step of [1, 2, 3, 4, 5]) {
      await saveCheckpoint(run, step, contents(), { best: step === 1, keep: 2 });
    }
    expect(await names()).toEqual(['run.json', ...[1, 4, 5].map((n) => `step-0000000${n}`)]);
  });

  it('never take the place of one that stands, even of the same step', async () => {
    await saveCheckpoint(run, 7, contents(1), { best: true });
    const second = await saveCheckpoint(run, 7, contents(2), { best: false });
    expect(second).toBe(join(run, 'step-00000007-2'));
    expect(await readRun()).toMatchObject({ last: 'step-00000007-2', best: 'step-00000007' });
    expect((await loadCheckpoint(second)).weights).toEqual(contents(2).weights);
    const third = await saveCheckpoint(run, 7, contents(3), { best: true });
    expect(await names()).toEqual(['run.json', 'step-00000007-3']);
    expect((await loadCheckpoint(third)).step).toBe(7);
  });

  it('give way to those of a new run with its first', async () => {
    await saveCheckpoint(run, 900, contents(), { best: true });
    await saveCheckpoint(run, 100, contents(), { best: false, startsRun: true, keep: 9 });
    expect(await readRun()).toMatchObject({ last: 'step-00000100', best: null });
    expect(await names()).toEqual(['run.json', 'step-00000100']);
  });

  it('stay where they are beyond the last one, until the run has passed them', async () => {
    for (const step of [10, 20, 30]) {
      await saveCheckpoint(run, step, contents(), { best: false, keep: 3 });
    }
    await writeFile(join(run, 'run.json'), encodeRunRecord({ last: 'step-00000010', best: null }));
    await saveCheckpoint(run, 15, contents(), { best: false });
    expect(await names()).toEqual(['run.json', ...[15, 20, 30].map((n) => `step-000000${n}`)]);
    await saveCheckpoint(run, 25, contents(), { best: false, keep: 2 });
    expect(await names()).toEqual(['run.json', ...[20, 25, 30].map((n) => `step-000000${n}`)]);
    await saveCheckpoint(run, 40, contents(), { best: false });
    expect(await names()).toEqual(['run.json', 'step-00000040']);
  });

  it('have no best one where a user has removed it', async () => {
    const best = await saveCheckpoint(run, 1, contents(), { best: true });
    await rm(best, { recursive: true });
    await saveCheckpoint(run, 2, contents(), { best: false });
    expect(await readRun()).toMatchObject({ last: 'step-00000002', best: null });
  });

  it('all stay in a save that finds a damaged run.json, and puts it right', async () => {
    await saveCheckpoint(run, 1, contents(), { best: true });
    await writeFile(join(run, 'run.json'), '{');
    await saveCheckpoint(run, 2, contents(), { best: false });
    expect(await readRun()).toMatchObject({ last: 'step-00000002', best: null });
    expect(await names()).toEqual(['run.json', 'step-00000001', 'step-00000002']);
  });

  it.each(['damaged', 'gone'])(
    'keep the best one by the run itself, if run.json is %s',
    async (state) => {
      const ofBest = { ...contents(), training: { run: { best: { step: 2, natsPerToken: 1 } } } };
      for (const step of [1, 2, 3]) {
        await saveCheckpoint(run, step, ofBest, { best: step === 2, keep: 3 });
      }
      if (state === 'gone') await rm(join(run, 'run.json'));
      else await writeFile(join(run, 'run.json'), '{');
      for (const step of [4, 5]) await saveCheckpoint(run, step, ofBest, { best: false });
      expect(await readRun()).toMatchObject({ last: 'step-00000005', best: 'step-00000002' });
      expect(await names()).toEqual(['run.json', 'step-00000002', 'step-00000005']);
      // Of the run before this one it would be another's.
      await rm(join(run, 'run.json'));
      await saveCheckpoint(run, 6, ofBest, { best: false, startsRun: true });
      expect(await readRun()).toMatchObject({ last: 'step-00000006', best: null });
    },
  );

  it('are removed without touching what is not of a checkpoint', async () => {
    const first = await saveCheckpoint(run, 1, contents(), { best: true });
    await writeFile(join(first, 'notes.txt'), 'mine');
    await writeFile(join(run, 'notes.txt'), 'mine');
    await symlink(tmpdir(), join(run, 'step-00000000'));
    await mkdir(join(run, 'step-00000000-2'));
    const second = await saveCheckpoint(run, 2, contents(), { best: true });
    await cp(second, join(run, 'damaged-step-00000001'), { recursive: true });
    await saveCheckpoint(run, 3, contents(), { best: true });
    expect(await names()).toEqual([
      'damaged-step-00000001',
      'notes.txt',
      'run.json',
      'step-00000000',
      'step-00000000-2',
      'step-00000001',
      'step-00000003',
    ]);
    expect((await readdir(first)).length).toBe(CHECKPOINT_FILES.size + 1);
  });
});
