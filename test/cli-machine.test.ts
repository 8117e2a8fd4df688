import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createContext } from '../src/runtime/context.ts';
import { readHost } from '../src/runtime/host.ts';
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
/** Where the native operations are to be had. */
const isLinuxX64 = process.platform === 'linux' && process.arch === 'x64';
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

describe('where the native operations are not set up and cannot be', () => {
  const cache = join(cwd, 'without-operations');
  const env = { GRU_LM_CACHE: cache, GRU_LM_OFFLINE: '1' };
  beforeAll(() => {
    const { cacheDirectory } = createContext();
    mkdirSync(join(cache, 'runtime'), { recursive: true });
    for (const name of readdirSync(cacheDirectory)) {
      if (/^(onednn|operations|tmp)-|^lock$/.test(name)) continue;
      symlinkSync(join(cacheDirectory, name), join(cache, 'runtime', name));
    }
  });
  const trainOnCpu = [...train, '--backend', 'cpu'];

  test('TensorFlow runs alone; one line says so, why, and what mends it', async () => {
    const result = await runCli([...trainOnCpu, '--out', 'alone', '--json'], { cwd, env });
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toMatch(
      /^Without the native operations, which is slower: \S.*\. \S.*GRU_LM_NATIVE=0.*\n$/,
    );
  });

  test('GRU_LM_NATIVE=0 leaves them out without a word', async () => {
    const off = { ...env, GRU_LM_NATIVE: '0' };
    const result = await runCli([...trainOnCpu, '--out', 'off', '--json'], { cwd, env: off });
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('doctor says why, and setup does not fail', async () => {
    const { stdout } = await runCli(['doctor'], { cwd, env });
    expect(stdout).toMatch(/^cpu {3}works .*\n {6}native operations: not now {2}\S.*\n {6}\S/m);
    const setup = await runCli(['setup'], { cwd, env });
    expect(setup.exitCode).toBe(0);
    expect(setup.stdout).toMatch(/^without the native operations: \S.*\n {2}\S/m);
  });
});

describe('doctor', () => {
  test('names every backend, with the reason and what mends it, and changes nothing', async () => {
    const before = listTree(cwd);
    const { stdout, stderr, exitCode } = await runCli(['doctor'], { cwd, env: bare });
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(stdout).toMatch(/^cuda {2}(works|not now) {2}\S.*\n( {6}\S.*\n)?/m);
    for (const check of ['driver', 'CUDA', 'cuDNN', 'compute capability', 'memory']) {
      expect(stdout).toMatch(
        new RegExp(`^ {6}${check} +(ok|missing|wrong|unknown) +\\S.* \\(needed: .*\\)$`, 'm'),
      );
    }
    expect(stdout).toMatch(/^cpu {3}not now {2}\S.*\n {6}\S/m);
    expect(stdout).toMatch(/^wasm {2}works {2}/m);
    expect(listTree(cwd)).toEqual(before);
  });

  test.runIf(isLinuxX64)(
    'says what the native operations run on, or that they are turned off',
    async () => {
      const line = async (env: Record<string, string | undefined>) =>
        /^ {6}native operations: (.*)$/m.exec((await runCli(['doctor'], { cwd, env })).stdout)?.[1];
      expect(await line({ GRU_LM_NATIVE: undefined })).toMatch(
        /^oneDNN 3\.2\.0, (generic|sse41|avx\w+)(, bfloat16)?$/,
      );
      expect(await line({ GRU_LM_NATIVE: '0' })).toBe('not now  turned off by GRU_LM_NATIVE=0');
    },
  );

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

const hasDriver = readHost().nvidiaDriver !== undefined;

describe.runIf(isLinuxX64 && !hasDriver)('cuda without a driver', () => {
  const env = { GRU_LM_CACHE: join(cwd, 'cuda-cache'), GRU_LM_TENSORFLOW: undefined };
  const message =
    'The cuda backend needs an NVIDIA driver, 525.60.13 or newer; none is loaded on this machine.';

  test('setup --device cuda --dry-run says what a GPU would need, and setup refuses', async () => {
    const dry = await runCli(['setup', '--device', 'cuda', '--dry-run'], { cwd, env });
    expect(dry.exitCode).toBe(0);
    expect(dry.stdout).toMatch(/^would fetch {2}nvidia_cudnn_cu12-\S+\.whl \(706\.8 MB\) by \S/m);
    expect(dry.stdout).toMatch(/^in all: 2\.75 GB to fetch, 4\.30 GB on disk$/m);
    expect(dry.stdout).toContain(message);
    const real = await runCli(['setup', '--device', 'cuda'], { cwd, env });
    expect(real.exitCode).toBe(1);
    expect(real.stderr).toContain(message);
    expect(existsSync(env.GRU_LM_CACHE)).toBe(false);
  });
});

describe('--precision bfloat16 where it cannot be multiplied', () => {
  const weightsOf = (run: string) => {
    const files = readdirSync(join(cwd, run), { recursive: true, encoding: 'utf8' });
    const weights = files.find((file) => file.endsWith('weights.safetensors'));
    return readFileSync(join(cwd, run, weights as string));
  };

  const trained = async (
    backend: string,
    precision: string,
    env: Record<string, string | undefined>,
  ) => {
    const options = ['--backend', backend, '--threads', '1', '--precision', precision];
    const out = `${backend}-${precision}`;
    const result = await runCli([...train, ...options, '--out', out], { cwd, env });
    expect(result).toMatchObject({ exitCode: 0 });
    return { stderr: result.stderr, weights: weightsOf(out) };
  };

  test('by wasm: says so, and trains in float32', async () => {
    const plain = await trained('wasm', 'float32', {});
    const asked = await trained('wasm', 'bfloat16', {});
    expect(asked.stderr).toMatch(
      /^Using float32 instead of bfloat16: the wasm backend runs without the native operations/m,
    );
    expect(asked.weights).toEqual(plain.weights);
  });

  test.runIf(isLinuxX64)(
    'as instructions: rounds, and multiplies by those of float32',
    async () => {
      const env = { ONEDNN_MAX_CPU_ISA: 'AVX2', GRU_LM_NATIVE: undefined };
      const plain = await trained('cpu', 'float32', env);
      const asked = await trained('cpu', 'bfloat16', env);
      expect(asked.stderr).not.toContain('instead of bfloat16');
      expect(asked.weights).not.toEqual(plain.weights);
    },
  );
});
