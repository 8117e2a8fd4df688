import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { saveSmallRun } from '../commands/testing/small-run.ts';
import { UserError } from '../errors.ts';
import type { JsonObject } from './json.ts';
import { openModel } from './model.ts';
import { ALL_PARTS } from './resumable.ts';
import { encodeSealed } from './sealed-json.ts';

let directory: string;
let checkpoint: string;
let originals: Map<string, Buffer>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gru-lm-record-'));
  await saveSmallRun(directory);
  checkpoint = join(directory, 'step-00000020');
  const names = ['config', 'training', 'history', 'clock', 'tokenizer', 'manifest'];
  originals = new Map();
  for (const name of names) originals.set(name, await readFile(join(checkpoint, `${name}.json`)));
});
beforeEach(async () => {
  for (const [name, bytes] of originals) await writeFile(join(checkpoint, `${name}.json`), bytes);
});
afterAll(() => rm(directory, { recursive: true }));

/** Changes what is at `place` of a JSON file, such as `run.best.step`, and makes the hashes right. */
async function change(name: string, place: string, value: unknown): Promise<void> {
  const json = JSON.parse(String(originals.get(name)));
  const keys = place.split('.');
  const last = keys.pop() as string;
  const parent = keys.reduce((inner, key) => inner[key], json);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  const bytes = Buffer.from(JSON.stringify(json));
  await writeFile(join(checkpoint, `${name}.json`), bytes);
  const { sha256: _, ...manifest } = JSON.parse(String(originals.get('manifest'))) as JsonObject;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const files = {
    ...(manifest.files as object),
    [`${name}.json`]: { bytes: bytes.length, sha256 },
  };
  await writeFile(join(checkpoint, 'manifest.json'), encodeSealed({ ...manifest, files }, 'f'));
}

describe('what a checkpoint says of its training', () => {
  it.each<[file: string, place: string, value: unknown, message: string]>([
    ['training', 'progress', undefined, '"progress" to be an object, found nothing'],
    ['training', 'progress.step', 21, '"progress.step" to be 20, as in manifest.json, found 21'],
    ['training', 'progress.cursor.epoch', -1, '"progress.cursor.epoch" to be a whole number at'],
    ['training', 'progress.cursor.position', 0.5, '"progress.cursor.position" to be a whole'],
    ['training', 'progress.cursor.offset', '2', '"progress.cursor.offset" to be a whole'],
    ['training', 'progress.cursor.taken', -1, '"progress.cursor.taken" to be a whole number at'],
    ['training', 'progress.averaged', 0.5, '"progress.averaged" to be a whole number at'],
    ['training', 'progress.windowRandom', {}, '"progress.windowRandom.algorithm" to be'],
    ['training', 'progress.offsetRandom.algorithm', 'dice', '.algorithm" to be "xoshiro128**"'],
    ['training', 'progress.offsetRandom.words', [0, 0, 0, 0], 'four whole numbers, not all zero'],
    ['training', 'progress.dropoutRandom.words.2', 2 ** 32, '.words[2]" to be a whole number from'],
    ['training', 'progress.dropoutRandom.spareNormal', 'x', '.spareNormal" to be a number'],
    ['training', 'run.best', 7, '"run.best" to be an object, found 7'],
    ['training', 'run.best.natsPerToken', null, '"run.best.natsPerToken" to be a number, found'],
    ['training', 'run.plateaus', undefined, '"run.plateaus" to be a whole number at least 0'],
    ['training', 'run.validLoss', '1', '"run.validLoss" to be a number'],
    ['training', 'run.recent.lossSum', {}, '"run.recent.lossSum" to be a number, found an object'],
    [
      'training',
      'run.recent.learningRate',
      -1,
      '"run.recent.learningRate" to be a number at least',
    ],
    ['training', 'run.rollbacks', null, '"run.rollbacks" to be a whole number'],
    ['training', 'run.skipped', [], '"run.skipped" to be a whole number at least 0, found []'],
    ['training', 'run.finished', 0, '"run.finished" to be true or false, found 0'],
    ['training', 'data.corpus', {}, '"data.corpus" to be an array, found an object'],
    ['training', 'data.corpus.0.sha256', 'abc', '"data.corpus[0].sha256" to be 64 hexadecimal'],
    ['training', 'data.corpus.0.name', '', '"data.corpus[0].name" to be a path'],
    ['training', 'data.test.0.files', -2, '"data.test[0].files" to be a whole number'],
    ['training', 'data.test.0.fromRun', 'a\0b', '"data.test[0].fromRun" to be a path'],
    ['history', '0', null, '"[0]" to be an object, found null'],
    ['history', '0.validLoss', undefined, '"[0].validLoss" to be a number, found nothing'],
    ['history', '0.sample', 1, '"[0].sample" to be a text of at most 4000 characters, found 1'],
    ['history', '0.sample', 'x'.repeat(4001), '"[0].sample" to be a text of at most 4000'],
    ['clock', 'elapsedSeconds', -1, '"elapsedSeconds" to be a number at least 0, found -1'],
    ['clock', 'history', [1, 2], '"history" to be an array of 1, found [1,2]'],
    ['clock', 'validationSeconds', '1', '"validationSeconds" to be a number at least 0'],
    ['config', 'hiddenSize', 0, '"hiddenSize" to be a whole number at least 1'],
    ['config', 'hiddenSize', 65_536, 'weights.safetensors: expected a tensor "gru.weight_ih_l0"'],
    [
      'config',
      'batchSize',
      3,
      'state.safetensors: expected a tensor "h_l0" of shape [3, 3], found [2',
    ],
    [
      'config',
      'optimizer',
      'sgd',
      'optimizer.safetensors: expected no tensor "mean.embedding.weight"',
    ],
    ['tokenizer', 'tokens', ['a', '<unk>'], 'a tensor "embedding.weight" of shape [2, 2], found'],
    ['tokenizer', 'tokens', 'abc', '"tokens" to be an array of strings, found "abc"'],
    ['tokenizer', 'version', 2, 'expected format version 1, found 2'],
  ])('is refused with %s.json: %s %j', async (file, place, value, message) => {
    await change(file, place, value);
    const error: unknown = await openModel(directory, ALL_PARTS).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toContain(message);
    const named = /(\w+\.safetensors): /.exec(message)?.[1] ?? `${file}.json`;
    if (!message.includes('tensor "')) {
      expect((error as UserError).message).toContain(`${join(checkpoint, named)}: expected `);
    }
  });

  it('has the samples that were made, whatever is in them', async () => {
    const sample = '</script>\u0000\u2028\ud83d\ude00"\n';
    await change('history', '0.sample', sample);
    const { training } = await openModel(directory, ALL_PARTS);
    expect(training.history.map((entry) => entry.sample)).toEqual([sample]);
  });

  it('may lack what runs before did not have', async () => {
    for (const field of ['recent', 'rollbacks', 'skipped']) {
      await change('training', `run.${field}`, undefined);
      const { training } = await openModel(directory, ALL_PARTS);
      expect(training.run).not.toHaveProperty(field);
    }
  });
});
