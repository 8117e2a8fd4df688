import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { listTree, runCli, TINY, temporaryDirectory, writeCorpus } from './cli-process.ts';

const cwd = temporaryDirectory();
const WASM = ['--backend', 'wasm'];

beforeAll(() => {
  writeCorpus(cwd);
  writeFileSync(
    join(cwd, 'run.toml'),
    'hidden = 8\nlayers = 1\nbatchSize = 4\nbptt = 8\nmax-time = "1h"\npreset = "tiny"\n' +
      'tied = true\nresidual = true\n',
  );
  writeFileSync(join(cwd, 'bad.yaml'), 'layers: 1\nhidden: 0\n');
});

/** `train --print-config --json` with more flags: each option's value and origin. */
async function printed(args: string[]): Promise<Record<string, { value: unknown; from: string }>> {
  const all = ['train', 'corpus.txt', ...WASM, ...args, '--print-config', '--json'];
  const { stdout, stderr, exitCode } = await runCli(all, { cwd });
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  return JSON.parse(stdout).options;
}

test('flags stand over the file, it over a preset, that over the rule; nothing is trained', async () => {
  const before = listTree(cwd);
  const options = await printed([
    '--config',
    'run.toml',
    '--hidden',
    '16',
    '--no-tied',
    '--no-residual',
  ]);
  expect(options).toMatchObject({
    hiddenSize: { value: 16, from: 'flag' },
    tied: { value: false, from: 'flag' },
    residual: { value: false, from: 'flag' },
    layers: { value: 1, from: 'file' },
    maxTime: { value: 3600, from: 'file' },
    embeddingSize: { value: 16, from: 'preset' },
    gruVariant: { value: 'reset-after', from: 'rule' },
    bpttSchedule: { value: 'constant', from: 'default' },
    patience: { value: null, from: 'default' },
    out: { value: 'checkpoints/corpus', from: 'default' },
    backend: { value: 'wasm', from: 'flag' },
  });
  expect(listTree(cwd)).toEqual(before);
});

test.concurrent('a limit that is typed takes the place of the one in the file', async () => {
  const options = await printed(['--config', 'run.toml', '--max-steps', '5']);
  expect(options).toMatchObject({
    maxSteps: { value: 5, from: 'flag' },
    maxTime: { value: null, from: 'default' },
  });
});

test.concurrent('what is printed is a config file that gives the same options', async () => {
  const args = ['train', 'corpus.txt', ...WASM, '--config', 'run.toml', '--print-config'];
  const first = await runCli(args, { cwd });
  expect(first.exitCode).toBe(0);
  writeFileSync(join(cwd, 'printed.toml'), first.stdout);
  const again = ['train', 'corpus.txt', '--config', 'printed.toml', '--print-config'];
  const second = await runCli(again, { cwd });
  const values = (text: string) => text.replace(/ +# (flag|file|preset|rule)$/gm, '');
  expect(values(second.stdout)).toBe(values(first.stdout));
  expect(second.stdout).toMatch(/^gruVariant = "reset-after" +# file$/m);
});

test('so is what is printed of a run that goes on, and of a preset beside a tokenizer', async () => {
  const run = ['--out', 'run', '--max-steps', '2'];
  const trained = await runCli(['train', 'corpus.txt', ...WASM, ...TINY, ...run], { cwd });
  expect(trained.exitCode).toBe(0);
  const tokenizer = ['--tokenizer', 'char', '--save', 'tokens.json'];
  expect((await runCli(['tokenize', 'corpus.txt', ...tokenizer], { cwd })).exitCode).toBe(0);
  const given = [
    ['--out', 'run', '--resume', '--max-steps', '4'],
    ['--preset', 'word', '--tokenizer-file', 'tokens.json'],
  ];
  for (const flags of given) {
    const all = ['train', 'corpus.txt', ...WASM, ...flags, '--print-config'];
    const first = await runCli(all, { cwd });
    expect({ exitCode: first.exitCode, stderr: first.stderr }).toEqual({ exitCode: 0, stderr: '' });
    writeFileSync(join(cwd, 'again.toml'), first.stdout);
    const again = ['train', 'corpus.txt', '--config', 'again.toml', '--print-config'];
    const second = await runCli(again, { cwd });
    const values = (text: string) => text.replace(/ +# (flag|file|preset|rule|run)$/gm, '');
    expect(second.stderr).toBe('');
    expect(values(second.stdout)).toBe(values(first.stdout));
  }
});

test.concurrent('a wrong value is refused by file and line, as wrong usage', async () => {
  const { exitCode, stderr } = await runCli(['train', 'corpus.txt', '--config', 'bad.yaml'], {
    cwd,
  });
  expect({ exitCode, stderr }).toEqual({
    exitCode: 2,
    stderr:
      'error: bad.yaml, line 2: expected hidden to be a whole number at least 1 and at most 65536, found 0\n' +
      '  Size of each recurrent layer’s state.\n',
  });
});

test.concurrent('other commands take one, too, and tell their options without a model', async () => {
  writeFileSync(join(cwd, 'sample.json'), '{"length": 20, "top-k": 5}');
  const args = ['sample', 'nowhere', '--config', 'sample.json', '--seed', '3', '--print-config'];
  const { stdout, exitCode } = await runCli(args, { cwd });
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^length = 20 +# file$/m);
  expect(stdout).toMatch(/^seed = 3 +# flag$/m);
  expect(stdout).toMatch(/^# temperature = 0\.8$/m);
});
