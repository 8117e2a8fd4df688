import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import type { ContextParts } from './context.ts';
import { missingCudaParts } from './cuda-layout.ts';
import { openedLibraries } from './cuda-pins.ts';
import { readHost } from './host.ts';
import { type LocatedTensorflow, locateTensorflow } from './locate.ts';
import { provision } from './provision.ts';
import { setUpRuntime } from './setup.ts';
import { FakeLibraries, fakeCuda } from './testing/fake-cuda.ts';
import { Workshop } from './testing/fake-machine.ts';

const shop = new Workshop();
const wheel = shop.wheel();
const libraries = new FakeLibraries(shop);
const cuda = fakeCuda(shop, libraries);
afterAll(() => shop.remove());

const host = {
  ...readHost(),
  platform: 'linux' as const,
  arch: 'x64',
  glibc: '2.36',
  nvidiaDriver: 'NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 2024',
};

function context({ env, ...parts }: ContextParts & { env?: Record<string, string> } = {}) {
  return shop.context(wheel, {
    host,
    cudaPins: [cuda.pin],
    ...parts,
    env: { GRU_LM_PYTHON: cuda.python(), ...env },
  });
}

const all = [cuda.pin.tensorflow, ...cuda.pin.libraries];
const totalBytes = all.reduce((sum, { bytes }) => sum + bytes, 0);

/** What TensorFlow does not find, loaded as an addon in the cache loads it. */
const missing = ({ libraryDirectory }: LocatedTensorflow) =>
  libraries.missingFrom(join(libraryDirectory, 'libtensorflow_framework.so.2'));

async function refusal(run: Promise<unknown>): Promise<UserError> {
  const error = await run.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

describe('a fetched CUDA build', () => {
  it('finds every library that it opens by its own search path, cuSOLVER too', async () => {
    const { binding } = await provision(context(), 'cuda', { fetchesCuda: true });
    expect(binding.tensorflow).toMatchObject({ source: 'cache', isCudaBuild: true });
    expect(missing(binding.tensorflow)).toBe('');
  });

  it('finds them through the link that a prebuilt binding has to it', async () => {
    const parts = context();
    const { binding } = await provision(parts, 'cuda', { fetchesCuda: true });
    const addon = join(parts.cacheDirectory, 'addon');
    mkdirSync(addon);
    symlinkSync(`../${binding.tensorflow.cachePath}`, join(addon, 'tensorflow'));
    expect(libraries.missingFrom(join(addon, 'tensorflow', 'libtensorflow_framework.so.2'))).toBe(
      '',
    );
  });

  it('has what pins name and nothing else, with the licences', async () => {
    const parts = context();
    const { binding } = await provision(parts, 'cuda', { fetchesCuda: true });
    const root = join(binding.tensorflow.libraryDirectory, '..');
    const files = readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() || entry.isSymbolicLink())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      .filter((path) => !path.endsWith('manifest.json'));
    const named = cuda.pin.libraries.flatMap(({ directory, members, links }) =>
      [...Object.values(members), ...Object.keys(links)].map((path) => join(directory, path)),
    );
    expect(files.sort()).toEqual(
      [
        ...named,
        'tensorflow/libtensorflow_cc.so.2',
        'tensorflow/libtensorflow_framework.so.2',
        'tensorflow/include/tensorflow/c/c_api.h',
      ].sort(),
    );
    expect(named.filter((path) => path.endsWith('LICENSE'))).toHaveLength(8);
  });

  it('is told of with its size before anything is fetched', async () => {
    const parts = context();
    await provision(parts, 'cuda', { fetchesCuda: true });
    const size = `${Math.round(totalBytes / 1e3)} kB`;
    expect(parts.events[0]).toEqual({
      type: 'notice',
      message: expect.stringContaining(
        `TensorFlow 2.21.0 with CUDA 12.8 and cuDNN 9.10.2: ${size} to fetch, `,
      ),
    });
  });

  it('is only fetched where that is asked for', async () => {
    const parts = context();
    const error = await refusal(provision(parts, 'cuda'));
    expect(error.message).toBe(
      "The cuda backend needs a CUDA build of TensorFlow 2.21.0 with NVIDIA's libraries; none is set up.",
    );
    expect(error.hint).toBe(
      `Run gru-lm setup --device cuda, which fetches ${Math.round(totalBytes / 1e3)} kB; or use --backend cpu.`,
    );
    expect(parts.events).toEqual([]);
  });

  it('that is missing is told where the cache is held by another, or cannot be', async () => {
    const cacheDirectory = join(shop.file('no-directory', ''), 'runtime');
    const error = await refusal(provision(context({ cacheDirectory }), 'cuda'));
    expect(error.message).toContain('needs a CUDA build of TensorFlow 2.21.0');
    const parts = context();
    mkdirSync(join(parts.cacheDirectory, 'lock'), { recursive: true });
    expect((await refusal(provision(parts, 'cuda'))).message).toBe(error.message);
    expect(parts.events).toEqual([]);
  });

  it('keeps what was fetched before a wheel failed, and fetches the rest alone', async () => {
    const { cacheDirectory } = context();
    const failing = context({
      cacheDirectory,
      env: { GRU_LM_PYTHON: cuda.python({ failing: 'nvidia_cusparse' }) },
    });
    const error = await refusal(provision(failing, 'cuda', { fetchesCuda: true }));
    expect(error.message).toBe(
      'pip could not download nvidia-cusparse-cu12 12.5.8.93: no such wheel',
    );
    expect(error.hint).toContain('use --backend cpu');
    expect((await refusal(provision(failing, 'cuda'))).message).toContain(
      'only part of it is fetched',
    );
    const log = join(shop.root, 'second.log');
    const second = context({ cacheDirectory, env: { GRU_LM_PYTHON: cuda.python({ log }) } });
    const { binding } = await provision(second, 'cuda', { fetchesCuda: true });
    expect(readFileSync(log, 'utf8').trim().split('\n')).toEqual([
      'nvidia_cusparse_cu12',
      'nvidia_cublas_cu12',
      'nvidia_cudnn_cu12',
    ]);
    expect(missing(binding.tensorflow)).toBe('');
  });

  it('is completed where a library is damaged or of another version', async () => {
    const parts = context();
    const { binding } = await provision(parts, 'cuda', { fetchesCuda: true });
    const nvidia = binding.tensorflow.nvidiaDirectory ?? '';
    writeFileSync(join(nvidia, 'cublas/lib/libcublas.so.12'), 'short');
    const manifest = join(nvidia, 'cudnn', 'manifest.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replaceAll('9.10.2.21', '9.3.0.75'));
    const found = await missingCudaParts(cuda.pin, parts.cacheDirectory);
    expect(found.map(({ pin }) => pin.project)).toEqual([
      'nvidia-cublas-cu12',
      'nvidia-cudnn-cu12',
    ]);
    expect(await locateTensorflow(parts, 'cuda')).toBeUndefined();
  });

  it('is refused before the fetch where the disk has not the room for all of it', async () => {
    const [first, ...others] = cuda.pin.libraries;
    const pin = { ...cuda.pin, libraries: [{ ...first!, unpackedBytes: 1e15 }, ...others] };
    const parts = context({ cudaPins: [pin] });
    const error = await refusal(provision(parts, 'cuda', { fetchesCuda: true }));
    expect(error.message).toMatch(
      /^Fetching and unpacking TensorFlow for CUDA needs 1050000\.0 GB free under .*; .* are free\.$/,
    );
    expect(parts.events.filter(({ type }) => type !== 'notice')).toEqual([]);
  });

  it('is not fetched offline, on another platform, or with an older glibc', async () => {
    const message = async (parts: object) =>
      (await refusal(provision(context(parts), 'cuda', { fetchesCuda: true }))).message;
    expect(await message({ env: { GRU_LM_OFFLINE: '1' } })).toMatch(
      /^TensorFlow for CUDA is not set up, and GRU_LM_OFFLINE forbids fetching it \(\d+ kB\)\.$/,
    );
    expect(await message({ host: { ...host, arch: 'arm64' } })).toBe(
      'The cuda backend can be set up on linux-x64; this machine is linux-arm64.',
    );
    expect(await message({ host: { ...host, glibc: '2.17' } })).toBe(
      'TensorFlow 2.21.0 needs glibc 2.27 or newer; this system has 2.17.',
    );
  });
});

describe('an installed CUDA build', () => {
  /** A Python that has the package, and no pip. */
  const pythonOf = (name: string, directory: string) => {
    const answer = { version: '3.12.0', pip: null, tensorflow: { directory, version: '2.21.0' } };
    return shop.file(`bin/${name}`, `#!/bin/sh\necho '${JSON.stringify(answer)}'\n`, 0o755);
  };

  it('does not find cuSOLVER by itself, where pip puts it', () => {
    const directory = libraries.install('site-plain');
    expect(libraries.missingFrom(join(directory, 'libtensorflow_framework.so.2'))).toBe(
      'libcusolver.so.11',
    );
  });

  it('is used with the libraries beside it, through links that lead to them all', async () => {
    const directory = libraries.install('site-whole');
    const before = readdirSync(join(directory, '..'), { recursive: true }).length;
    const parts = context({ env: { GRU_LM_PYTHON: pythonOf('python-whole', directory) } });
    const { binding } = await provision(parts, 'cuda');
    expect(binding.tensorflow).toMatchObject({ source: 'python', directory });
    expect(missing(binding.tensorflow)).toBe('');
    expect(readdirSync(join(directory, '..'), { recursive: true })).toHaveLength(before);
    const again = context({
      cacheDirectory: parts.cacheDirectory,
      env: { GRU_LM_PYTHON: pythonOf('python-whole', directory) },
    });
    await provision(again, 'cuda');
    expect(again.events).toEqual([]);
  });

  it('has its links made anew when it changes', async () => {
    const directory = libraries.install('site-changing');
    const env = { GRU_LM_PYTHON: pythonOf('python-changing', directory) };
    const parts = context({ env });
    const { binding } = await provision(parts, 'cuda');
    writeFileSync(join(directory, 'libtensorflow_cc.so.2'), 'another one');
    await provision(context({ env, cacheDirectory: parts.cacheDirectory }), 'cuda');
    const manifest = join(binding.tensorflow.linksDirectory ?? '', 'manifest.json');
    expect(JSON.parse(readFileSync(manifest, 'utf8'))).toMatchObject({
      files: expect.arrayContaining([{ path: 'tensorflow/libtensorflow_cc.so.2', bytes: 11 }]),
    });
  });

  it('has links to libraries that were installed since, and with force to all anew', async () => {
    const directory = libraries.install('site-growing', ['cuda_runtime', 'cublas', 'cusolver']);
    const { cacheDirectory } = context();
    const env = { GRU_LM_TENSORFLOW: directory };
    const start = (options = {}) => provision(context({ env, cacheDirectory }), 'cuda', options);
    const { binding } = await start();
    expect(missing(binding.tensorflow)).not.toBe('');
    libraries.install('site-growing');
    await start();
    expect(missing(binding.tensorflow)).toBe('');
    const link = join(binding.tensorflow.linksDirectory ?? '', 'nvidia', 'cublas');
    rmSync(link);
    await start({ force: true });
    expect(existsSync(link)).toBe(true);
  });

  it('has nvrtc where cuDNN looks for it, beside itself', async () => {
    const directory = libraries.install('site-nvrtc');
    shop.file('site-nvrtc/nvidia/cuda_nvrtc/lib/libnvrtc.so.12', '');
    const { binding } = await provision(context({ env: { GRU_LM_TENSORFLOW: directory } }), 'cuda');
    const cudnn = join(binding.tensorflow.linksDirectory ?? '', 'nvidia', 'cudnn', 'lib');
    // As the system resolves it, link by link.
    expect(existsSync(`${cudnn}/../../nvrtc/lib/libnvrtc.so.12`)).toBe(true);
    expect(existsSync(join(cudnn, 'libcudnn.so.9'))).toBe(true);
  });

  it('without all the libraries is not taken, unless the loader has the others', async () => {
    const directory = libraries.install('site-partial', ['cuda_runtime', 'cublas', 'cusolver']);
    const env = { GRU_LM_PYTHON: pythonOf('python-partial', directory) };
    expect(await locateTensorflow(context({ env }), 'cuda')).toBeUndefined();
    const lib = shop.directory('system-lib');
    for (const name of Object.values(openedLibraries).flat()) writeFileSync(join(lib, name), '');
    const withSystem = context({ env: { ...env, LD_LIBRARY_PATH: lib } });
    expect(await locateTensorflow(withSystem, 'cuda')).toMatchObject({
      source: 'python',
      directory,
    });
  });

  it('named by GRU_LM_TENSORFLOW is loaded in the same way', async () => {
    const directory = libraries.install('site-named');
    const { binding } = await provision(context({ env: { GRU_LM_TENSORFLOW: directory } }), 'cuda');
    expect(binding.tensorflow.source).toBe('environment');
    expect(missing(binding.tensorflow)).toBe('');
  });
});

describe('a dry run for cuda', () => {
  it('says each wheel, the sums and where to, and writes nothing', async () => {
    const parts = context();
    const plan = await setUpRuntime({ ...parts, device: 'cuda', dryRun: true });
    const root = join(parts.cacheDirectory, 'tensorflow-cuda-2.21.0-cudnn-9.10.2-linux-x64');
    expect(plan).toMatchObject({
      device: 'cuda',
      tensorflow: {
        action: 'fetch',
        directory: join(root, 'tensorflow'),
        wheel: { file: cuda.pin.tensorflow.file, sha256: cuda.pin.tensorflow.sha256 },
      },
      nvidia: {
        action: 'fetch',
        directory: join(root, 'nvidia'),
        cuda: '12.8',
        cudnn: '9.10.2',
        wheels: cuda.pin.libraries.map(({ file, bytes, sha256 }) => ({ file, bytes, sha256 })),
      },
      binding: { action: 'build' },
      operations: { action: 'none' },
      downloadBytes: totalBytes,
      diskBytes: all.reduce((sum, { unpackedBytes }) => sum + unpackedBytes, 0),
    });
    expect(plan.nvidia).not.toHaveProperty('refusal');
    expect(existsSync(parts.cacheDirectory)).toBe(false);
  });

  it('goes on without a driver and says that one is needed; setting up does not', async () => {
    const parts = context({ host: { ...host, nvidiaDriver: undefined } });
    const plan = await setUpRuntime({ ...parts, device: 'cuda', dryRun: true });
    const message =
      'The cuda backend needs an NVIDIA driver, 525.60.13 or newer; none is loaded on this machine.';
    expect(plan.nvidia?.refusal?.reason).toBe(message);
    expect((await refusal(setUpRuntime({ ...parts, device: 'cuda' }))).message).toBe(message);
    expect(parts.events).toEqual([]);
  });

  it('says which libraries the named build does not find', async () => {
    const directory = libraries.install('site-poor', ['cusolver']);
    const env = { GRU_LM_TENSORFLOW: directory, LD_LIBRARY_PATH: '' };
    const plan = await setUpRuntime({ ...context({ env }), device: 'cuda', dryRun: true });
    expect(plan.nvidia).toMatchObject({
      action: 'missing',
      missing: {
        reason: expect.stringMatching(/^without libcudart\.so\.12, .*libcudnn\.so\.9/),
        mend: expect.stringContaining('unset GRU_LM_TENSORFLOW'),
      },
    });
  });

  it('says that nothing is left to fetch once it is there', async () => {
    const parts = context();
    await provision(parts, 'cuda', { fetchesCuda: true });
    expect(await setUpRuntime({ ...parts, device: 'cuda', dryRun: true })).toMatchObject({
      tensorflow: { action: 'present', source: 'cache' },
      nvidia: { action: 'present', wheels: [] },
      binding: { action: 'present' },
      downloadBytes: 0,
    });
    const forced = await setUpRuntime({ ...parts, device: 'cuda', dryRun: true, force: true });
    expect(forced.downloadBytes).toBe(totalBytes);
  });
});
