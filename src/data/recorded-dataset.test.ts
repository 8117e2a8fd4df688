import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { DataRecord } from './record.ts';
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
  const record = (name: string, fromRun = 'v.txt', bytes = 1) => ({
    ...{ corpus: [], test: [] },
    valid: [{ name, fromRun: join('..', '..', fromRun), bytes, sha256: '0'.repeat(64) }],
  });
  const find = (found: DataRecord, parts: ('valid' | 'test')[] = ['valid', 'test']) =>
    findHeldOut(found, parts, run);
  const here = (name: string) => relative('', join(project, name));
  await expect(find(record('no such v.txt'))).rejects.toMatchObject({
    message: 'expected the run’s --valid text where it was (no such v.txt), found it there no more',
    hint: 'Put it back, or name it again with --valid.',
  });
  writeFileSync(join(project, 'v.txt'), 'v');
  expect(await find(record('no such v.txt'))).toEqual({ valid: here('v.txt') });
  const named = join(project, 'w.txt');
  writeFileSync(named, 'w');
  expect(await find(record(named))).toEqual({ valid: named });
  // Another text of the name, or nothing but that.
  writeFileSync(named, 'longer');
  expect(await find(record(named))).toEqual({ valid: here('v.txt') });
  expect(await find(record(named, 'none.txt'))).toEqual({ valid: named });
  mkdirSync(join(project, 'parts'));
  writeFileSync(join(project, 'parts', 'a.txt'), 'a');
  writeFileSync(join(project, 'parts', 'b.txt'), 'bb');
  for (const several of ['parts', join('parts', '*.txt')]) {
    expect(await find(record('no such', several, 3))).toEqual({ valid: here(several) });
    expect(await find(record(join(project, several), 'none', 3))).toEqual({
      valid: join(project, several),
    });
  }
  // One that is given anew is not looked for, nor what came through standard input.
  expect(await find(record(named), [])).toEqual({});
  expect(await find(record('-'))).toEqual({});
});
