import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import type { ContextParts } from './context.ts';
import { checkCuda, type DeviceCheck, explainMissingGpu } from './cuda-checks.ts';
import { openedLibraries } from './cuda-pins.ts';
import { examineBackends } from './examine.ts';
import { readHost } from './host.ts';
import { probeBinding } from './probe.ts';
import { setUpRuntime } from './setup.ts';
import { FakeLibraries, fakeCuda, fakeNvidiaSmi } from './testing/fake-cuda.ts';
import { Workshop } from './testing/fake-machine.ts';
import { fakePrebuilds } from './testing/fake-prebuilds.ts';

const shop = new Workshop();
const wheel = shop.wheel();
const libraries = new FakeLibraries(shop);
const cuda = fakeCuda(shop, libraries);
afterAll(() => shop.remove());

const bare = { ...readHost(), platform: 'linux' as const, arch: 'x64', glibc: '2.36' };
const seen = (version: string) =>
  `NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  ${version}  Release Build`;

/** Installed for a Python, with this cuDNN. */
function installed(cudnn: string): string {
  const site = `site-${cudnn}`;
  const directory = libraries.install(site);
  mkdirSync(join(shop.root, site, `nvidia_cudnn_cu12-${cudnn}.dist-info`));
  mkdirSync(join(shop.root, site, 'nvidia_cuda_runtime_cu12-12.5.82.dist-info'));
  const answer = { version: '3.12.0', pip: null, tensorflow: { directory, version: '2.21.0' } };
  return shop.file(`bin/${site}`, `#!/bin/sh\necho '${JSON.stringify(answer)}'\n`, 0o755);
}
const python = installed('9.10.2.21');

interface Machine extends Omit<ContextParts, 'env'> {
  driver?: string | undefined;
  smi?: Parameters<typeof fakeNvidiaSmi>[1];
  isOldSmi?: boolean;
  env?: Record<string, string>;
}

function machine({
  driver = '570.86.15',
  smi = [],
  isOldSmi = false,
  env,
  ...parts
}: Machine = {}) {
  const directory = fakeNvidiaSmi(shop, smi, { isOld: isOldSmi });
  return shop.context(wheel, {
    host: { ...bare, nvidiaDriver: seen(driver) },
    cudaPins: [cuda.pin],
    ...parts,
    env: { PATH: `${directory}:${process.env.PATH}`, GRU_LM_PYTHON: python, ...env },
  });
}

async function check(name: DeviceCheck['check'], parts: Machine): Promise<DeviceCheck> {
  return (await checkCuda(machine(parts))).find((each) => each.check === name)!;
}

describe('what a GPU needs', () => {
  it('is all right where all of it is there', async () => {
    const checks = await checkCuda(machine({ smi: [{ capability: '8.9' }] }));
    expect(checks.map(({ check, state, found }) => [check, state, found])).toEqual([
      ['driver', 'ok', '570.86.15'],
      [
        'CUDA',
        'ok',
        expect.stringMatching(/^runtime 12\.5\.82, for .*site-9\.10\.2\.21\/tensorflow$/),
      ],
      ['cuDNN', 'ok', '9.10.2.21'],
      ['compute capability', 'ok', '8.9 (NVIDIA L4)'],
      ['memory', 'ok', '25.8 GB free of 25.8 GB'],
    ]);
    expect(checks.every(({ mend }) => mend === undefined)).toBe(true);
  });

  it('is named with what to do about it where there is nothing', async () => {
    const env = { GRU_LM_PYTHON: cuda.python() };
    const context = machine({ host: { ...bare, nvidiaDriver: undefined }, env });
    expect(await checkCuda(context)).toEqual([
      {
        check: 'driver',
        state: 'missing',
        found: 'none is loaded',
        needed: '525.60.13 or newer',
        mend: 'Install the driver of the NVIDIA GPU.',
      },
      {
        check: 'CUDA',
        state: 'missing',
        found: expect.stringContaining('none is set up'),
        needed: 'TensorFlow 2.21 for CUDA 12, and the libraries that it opens',
        mend: expect.stringMatching(/^Run gru-lm setup --device cuda, which fetches \d+ kB/),
      },
      {
        check: 'cuDNN',
        state: 'missing',
        found: 'none is set up',
        needed: '9.3.0 or newer, of the same series',
      },
      {
        check: 'compute capability',
        state: 'unknown',
        found: 'no GPU is seen',
        needed: '6.0 or more',
      },
      { check: 'memory', state: 'unknown', found: 'no GPU is seen', needed: '1.1 GB free or more' },
    ]);
  });

  it('includes a newer driver for GPUs beyond what TensorFlow has compiled code for', async () => {
    const old = { driver: '535.183.01' };
    const smi = (capability: string) => [{ capability, ...old }];
    expect(await check('driver', { ...old, smi: smi('8.9') })).toMatchObject({ state: 'ok' });
    expect(await check('driver', { ...old, smi: smi('9.0') })).toEqual({
      check: 'driver',
      state: 'wrong',
      found: '535.183.01',
      needed: '555.42.02 or newer for compute capability 9.0',
      mend: 'Install a newer driver.',
    });
    const blackwell = [{ capability: '12.0', driver: '570.86.15' }];
    expect(await check('driver', { smi: blackwell })).toMatchObject({ state: 'ok' });
  });

  it('includes a cuDNN that is no older than the one TensorFlow was compiled with', async () => {
    const env = { GRU_LM_PYTHON: installed('9.1.0.70') };
    expect(await check('cuDNN', { env })).toMatchObject({
      state: 'wrong',
      found: '9.1.0.70',
      needed: '9.3.0 or newer, of the same series',
    });
  });

  it('includes compute capability and memory', async () => {
    const smi = [{ capability: '5.2', name: 'Quadro M4000', total: 8192, free: 300 }];
    expect(await check('compute capability', { smi })).toMatchObject({
      state: 'wrong',
      found: '5.2 (Quadro M4000)',
      needed: '6.0 or more',
    });
    expect(await check('memory', { smi })).toMatchObject({
      state: 'wrong',
      found: '315 MB free of 8.6 GB',
      mend: 'End what else runs on the GPU: nvidia-smi lists it.',
    });
  });

  it('is asked of an old nvidia-smi as far as that knows', async () => {
    const smi = [{ capability: '7.5', name: 'Tesla T4' }];
    expect(await check('compute capability', { smi, isOldSmi: true })).toMatchObject({
      state: 'unknown',
      found: 'Tesla T4',
    });
    expect(await check('memory', { smi, isOldSmi: true })).toMatchObject({ state: 'ok' });
  });

  it('is asked of the system’s libraries, too', async () => {
    const directory = libraries.install('site-none', []);
    const answer = { version: '3.12.0', pip: null, tensorflow: { directory, version: '2.21.0' } };
    const GRU_LM_PYTHON = shop.file(
      'bin/none',
      `#!/bin/sh\necho '${JSON.stringify(answer)}'\n`,
      0o755,
    );
    const lib = shop.directory('system');
    for (const name of Object.values(openedLibraries).flat()) writeFileSync(join(lib, name), '');
    const env = { GRU_LM_PYTHON, LD_LIBRARY_PATH: lib };
    expect(await check('CUDA', { env })).toMatchObject({
      state: 'ok',
      found: `libraries of the system, for ${directory}`,
    });
    expect(await check('cuDNN', { env })).toMatchObject({ state: 'unknown' });
    const newer = shop.directory('system-9');
    writeFileSync(join(newer, 'libcudnn.so.9.6.0'), '');
    symlinkSync('libcudnn.so.9.6.0', join(newer, 'libcudnn.so.9'));
    const LD_LIBRARY_PATH = `${newer}:${lib}`;
    expect(await check('cuDNN', { env: { ...env, LD_LIBRARY_PATH } })).toMatchObject({
      state: 'ok',
      found: '9.6.0',
    });
  });

  it('is told by the build that GRU_LM_TENSORFLOW names, without what it opens', async () => {
    const directory = libraries.install('site-bare', ['cublas', 'cuda_runtime', 'cusolver']);
    expect(await check('CUDA', { env: { GRU_LM_TENSORFLOW: directory } })).toMatchObject({
      state: 'missing',
      found: 'without libcufft.so.11, libcusparse.so.12, libcudnn.so.9, libnvJitLink.so.12',
      mend: 'Install them for its Python (pip install "tensorflow[and-cuda]==2.21.0"), or name their directory in LD_LIBRARY_PATH, or unset GRU_LM_TENSORFLOW and run gru-lm setup --device cuda, which fetches all.',
    });
  });

  it('is tried by setup and doctor as it is used', async () => {
    const prebuiltDirectory = fakePrebuilds(shop, {
      binding: `
        const { TF_FORCE_GPU_ALLOW_GROWTH, NVIDIA_TF32_OVERRIDE, CUDA_VISIBLE_DEVICES } = process.env;
        exports.TF_Version = '2.21.0';
        exports.isUsingGpuDevice = () =>
          TF_FORCE_GPU_ALLOW_GROWTH === 'true' && NVIDIA_TF32_OVERRIDE === '0' && CUDA_VISIBLE_DEVICES === 'GPU-1a2b3c4d';
        exports.createTensor = () => 0;
        exports.executeOp = (name) => [{ id: name === 'MatMul' ? 1 : 0.5 }];
        exports.tensorDataSync = (id) => (id === 1 ? [7, 10, 15, 22] : [0.5, id]);`,
    });
    const smi = [{ capability: '7.5' }, { capability: '8.9' }];
    const context = machine({ smi, prebuiltDirectory });
    const { binding } = await setUpRuntime({ ...context, device: 'cuda' });
    const records = readdirSync(binding.directory).filter((name) => name.startsWith('probe-'));
    expect(records).toHaveLength(1);
    rmSync(join(binding.directory, records[0]!));
    const [first] = await examineBackends(context);
    expect(first).toMatchObject({ backend: 'cuda', usable: true });
  });

  it('is part of what doctor says of the cuda backend', async () => {
    const [first, second] = await examineBackends(machine({ smi: [{ capability: '8.0' }] }));
    expect(first?.checks?.map(({ state }) => state)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
    expect(second).not.toHaveProperty('checks');
  });
});

describe('a TensorFlow that finds no GPU', () => {
  const explain = async (log: Partial<Parameters<typeof explainMissingGpu>[0]>, parts: Machine) =>
    await explainMissingGpu({ missing: [], ...log }, machine(parts));

  it('is explained by its log', async () => {
    const error = await explain(
      { missing: [{ library: 'libcudnn.so.9', reason: 'no such file' }] },
      { smi: [{ capability: '8.9' }] },
    );
    expect(error.message).toBe(
      'The cuda backend needs a GPU that TensorFlow can use; TensorFlow found none: libcudnn.so.9 cannot be opened (no such file).',
    );
    expect(error.hint).toContain('use --backend cpu');
  });

  it('is explained by what is not as it has to be, where the log says nothing', async () => {
    const error = await explain({}, { smi: [{ capability: '3.5', name: 'Tesla K40' }] });
    expect(error.message).toContain(
      'compute capability: found 3.5 (Tesla K40); needed 6.0 or more.',
    );
  });

  it('is a GPU that is hidden, where all else is right', async () => {
    const env = { CUDA_VISIBLE_DEVICES: '' };
    const error = await explain({}, { smi: [{ capability: '8.9' }], env });
    expect(error.hint).toContain('CUDA_VISIBLE_DEVICES does not hide the GPU');
  });
});

describe('the try on a GPU, in a process of its own', () => {
  /** An addon in JavaScript, as far as the try uses it. */
  const addon = (name: string, cudnn: string, log: string) =>
    shop.file(
      `${name}.js`,
      `process.stderr.write(${JSON.stringify(log)});
      module.exports = {
        TF_Version: '2.21.0', isUsingGpuDevice: () => true, createTensor: () => 0,
        executeOp: (op) => { if (op === 'MatMul') return [{ id: 1 }]; ${cudnn} },
        tensorDataSync: (id) => (id === 1 ? [7, 10, 15, 22] : [0.5, id]),
      };`,
    );
  const created =
    'I0000 00:00:1795 gpu_device.cc:2020] Created device /job:localhost/replica:0/task:0/device:GPU:0 with 13775 MB memory:  -> device: 0, name: Tesla T4, pci bus id: 0000:00:04.0, compute capability: 7.5\n';

  it('tells which GPU TensorFlow computes on', async () => {
    const path = addon('good', 'return [{ id: 0.5 }];', created);
    expect(await probeBinding(path, 'cuda', machine())).toEqual({
      tensorflowVersion: '2.21.0',
      isUsingGpuDevice: true,
      log: {
        gpu: { name: 'Tesla T4', computeCapability: '7.5', memoryBytes: 13775 * 2 ** 20 },
        missing: [],
      },
    });
  });

  it.each([
    ['wrong', 'return [{ id: 2 }];', '', 'a step of a GRU should give 0.5; it gave 2'],
    [
      'broken',
      "throw new Error('CUDNN_STATUS_NOT_INITIALIZED.');",
      '',
      'CUDNN_STATUS_NOT_INITIALIZED',
    ],
    [
      'old',
      "throw new Error('no DNN');",
      'E0000 Loaded runtime CuDNN library: 9.1.0 but source was compiled with: 9.3.0.  CuDNN library needs\n',
      'it needs cuDNN 9.3.0, and loaded 9.1.0',
    ],
  ])('refuses a cuDNN that is %s', async (name, cudnn, log, reason) => {
    const error: unknown = await probeBinding(addon(name, cudnn, log), 'cuda', machine()).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toBe(
      `TensorFlow finds a GPU, but cuDNN does not run on it: ${reason}.`,
    );
  });
});
