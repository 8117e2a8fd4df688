import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  jsonLines,
  listTree,
  runCli,
  TINY,
  temporaryDirectory,
  writeCorpus,
} from './cli-process.ts';

const cwd = temporaryDirectory();
/** A machine on which nothing was set up and nothing can be: no cache, no network, no Python. */
const bare = {
  GRU_LM_OFFLINE: '1',
  GRU_LM_CACHE: join(cwd, 'cache'),
  GRU_LM_TENSORFLOW: undefined,
  PATH: join(cwd, 'no-programs'),
};
const train = ['train', 'corpus.txt', ...TINY, '--max-steps', '2'];

beforeAll(() => writeCorpus(cwd));

describe('where TensorFlow is not set up and cannot be', () => {
  test('auto runs on wasm; one line says so, why, and what mends it', async () => {
    const result = await runCli([...train, '--out', 'auto', '--json'], { cwd, env: bare });
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toMatch(
      /^Using the slower wasm backend: TensorFlow \S+ is not set up, and GRU_LM_OFFLINE forbids fetching it.*run gru-lm setup.*\n$/,
    );
    expect(jsonLines(result.stdout)[0]).toMatchObject({ event: 'start', backend: 'wasm' });
  });

  test('wasm, asked for by name, says nothing', async () => {
    const args = [...train, '--out', 'wasm', '--backend', 'wasm', '--quiet'];
    expect(await runCli(args, { cwd, env: bare })).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test.for([
    ['cpu', /^error: TensorFlow \S+ is not set up.*\n {2}.*--backend wasm\.\n$/],
    ['cuda', /^error: .*NVIDIA.*\n {2}.*\n$|^error: .*TensorFlow.*\n {2}.*\n$/],
  ] as const)('%s, asked for by name, fails and writes no run', async ([backend, message]) => {
    const args = [...train, '--out', 'named', '--backend', backend, '--json'];
    const result = await runCli(args, { cwd, env: bare });
    expect(result).toMatchObject({ exitCode: 1, stdout: '' });
    expect(result.stderr).toMatch(message);
    expect(existsSync(join(cwd, 'named'))).toBe(false);
  });
});

describe('doctor', () => {
  test('names every backend, with the reason and what mends it, and changes nothing', async () => {
    const before = listTree(cwd);
    const { stdout, stderr, exitCode } = await runCli(['doctor'], { cwd, env: bare });
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(stdout).toMatch(/^cuda {2}(works|not now) {2}\S.*\n( {6}\S.*\n)?/m);
    expect(stdout).toMatch(/^cpu {3}not now {2}\S.*\n {6}\S/m);
    expect(stdout).toMatch(/^wasm {2}works {2}/m);
    expect(listTree(cwd)).toEqual(before);
  });

  test('--json holds the same', async () => {
    const { stdout } = await runCli(['doctor', '--json'], { cwd, env: bare });
    const { backends } = JSON.parse(stdout) as { backends: { backend: string; mend?: string }[] };
    expect(backends.map(({ backend }) => backend)).toEqual(['cuda', 'cpu', 'wasm']);
    expect(backends[1]?.mend).toMatch(/\S/);
  });
});

test('setup --dry-run says what it would fetch, how large, and where to; it writes nothing', async () => {
  const env = { GRU_LM_CACHE: join(cwd, 'other-cache'), GRU_LM_TENSORFLOW: undefined };
  const before = listTree(cwd);
  const { stdout, exitCode } = await runCli(['setup', '--dry-run'], { cwd, env });
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^would build {2}the binding with .* in .*other-cache/m);
  expect(stdout).toMatch(/^in all: \d.* to fetch, \d.* on disk$/m);
  const { downloadBytes } = JSON.parse(
    (await runCli(['setup', '--dry-run', '--json'], { cwd, env })).stdout,
  ) as { downloadBytes: number };
  if (downloadBytes > 0) {
    expect(stdout).toMatch(/^would fetch {2}\S+\.(whl|tar\.gz) \([\d.]+ MB\) by \S/m);
    expect(stdout).toMatch(/^SHA-256 +[0-9a-f]{64}$/m);
  }
  expect(listTree(cwd)).toEqual(before);
});
