import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { listTree, runCli, temporaryDirectory, trainTiny, writeCorpus } from './cli-process.ts';

const cwd = temporaryDirectory();

beforeAll(async () => {
  writeCorpus(cwd);
  await trainTiny(cwd, ['--max-steps', '2']);
});

describe.concurrent('gru-lm export', () => {
  test('writes the newest run for a browser, and says what to do with it', async () => {
    const result = await runCli(['export', '--format', 'tfjs'], { cwd });
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.stdout).toContain('corpus-tfjs\n');
    expect(result.stdout).toMatch(/ {2}model\/model\.json +\d+\.\d kB\n/);
    expect(result.stderr).toContain('python3 -m http.server --directory corpus-tfjs');
    const found = readdirSync(join(cwd, 'corpus-tfjs')).sort();
    expect(found).toEqual(['demo', 'gru-lm', 'index.html', 'model', 'tfjs']);
    const json = readFileSync(join(cwd, 'corpus-tfjs', 'model', 'model.json'), 'utf8');
    expect(JSON.parse(json)).toMatchObject({
      format: 'graph-model',
      userDefinedMetadata: { name: 'corpus', step: 2, cell: 'GRU', tokens: 'char' },
    });
  });

  test('--json gives one object; a directory with files in it stays as it is', async () => {
    const args = ['export', 'checkpoints/corpus', '--format', 'tfjs', '--out', 'out', '--json'];
    const first = await runCli(args, { cwd });
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    const line = JSON.parse(first.stdout);
    expect(line).toMatchObject({ path: 'out', format: 'tfjs', step: 2 });
    const weights = line.files.find(({ name }: { name: string }) => name.includes('weights'));
    expect(weights).toEqual({ name: 'model/weights-1-of-1.bin', bytes: expect.any(Number) });
    const before = listTree(join(cwd, 'out'));
    const second = await runCli(args, { cwd });
    expect(second).toMatchObject({ exitCode: 1, stdout: '' });
    expect(second.stderr).toContain('expected a new or empty directory for the export');
    expect(second.stderr).toContain('--overwrite');
    expect(listTree(join(cwd, 'out'))).toEqual(before);
    writeFileSync(join(cwd, 'out', 'index.html'), 'mine');
    expect((await runCli([...args, '--overwrite'], { cwd })).exitCode).toBe(0);
    expect(readFileSync(join(cwd, 'out', 'index.html'), 'utf8')).not.toBe('mine');
  });

  test('asks for a format', async () => {
    const result = await runCli(['export'], { cwd });
    expect(result).toMatchObject({ exitCode: 2, stdout: '' });
    expect(result.stderr).toContain('expected --format, found none');
  });
});
