import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { findHeldOut, openRecordedDataset } from './recorded-dataset.ts';

it('a run’s texts are not looked for where they came through standard input', async () => {
  const source = { name: '-', fromRun: '../-', bytes: 3, sha256: '0'.repeat(64) };
  const record = { corpus: [source], valid: [], test: [] };
  await expect(
    openRecordedDataset({ tokenizer: 'char' } as never, record, '/nowhere', {} as never),
  ).rejects.toMatchObject({
    code: 'corpus-missing',
    message:
      'expected the run’s corpus again, found that it came through standard input and is not kept',
  });
});

it('the texts of held-out parts are found as named, or else from the run’s directory', async () => {
  const project = mkdtempSync(join(tmpdir(), 'gru-lm-held-out-'));
  onTestFinished(() => rmSync(project, { recursive: true }));
  const run = join(project, 'checkpoints', 'a');
  mkdirSync(run, { recursive: true });
  const source = (name: string, fromRun: string) => [
    { name, fromRun, bytes: 1, sha256: '0'.repeat(64) },
  ];
  const record = (name: string) => ({
    corpus: [],
    valid: source(name, join('..', '..', 'v.txt')),
    test: [],
  });
  const find = (name: string, parts: ('valid' | 'test')[]) => findHeldOut(record(name), parts, run);
  await expect(find('no such v.txt', ['valid'])).rejects.toMatchObject({
    message: 'expected the run’s --valid text where it was (no such v.txt), found it there no more',
    hint: 'Put it back, or name it again with --valid FILE.',
  });
  writeFileSync(join(project, 'v.txt'), 'v');
  expect(await find('no such v.txt', ['valid', 'test'])).toEqual({ valid: join(project, 'v.txt') });
  const named = join(project, 'w.txt');
  writeFileSync(named, 'w');
  expect(await find(named, ['valid'])).toEqual({ valid: named });
  // One that is given anew is not looked for, nor what came through standard input.
  expect(await find(named, [])).toEqual({});
  expect(await find('-', ['valid'])).toEqual({});
});
