import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ContextParts, RuntimeContext } from './context.ts';
import { openedLibraries } from './cuda-pins.ts';
import { examineBackends } from './examine.ts';
import { readHost } from './host.ts';
import { locateTensorflow } from './locate.ts';
import { provision } from './provision.ts';
import { setUpRuntime } from './setup.ts';
import { Workshop } from './testing/fake-machine.ts';

const shop = new Workshop();
const wheel = shop.wheel();
afterAll(() => shop.remove());

const linux = { ...readHost(), platform: 'linux' as const, arch: 'x64', glibc: '2.36' };
const driverless = { ...linux, nvidiaDriver: undefined };
const withDriver = { ...linux, nvidiaDriver: 'NVRM version: NVIDIA UNIX x86_64' };

/** The directory of a TensorFlow package, and a Python that has it. */
function pythonPackage(name: string, version: string, isCudaBuild: boolean, lib = '') {
  const directory = shop.directory(name);
  shop.file(`${name}/include/tensorflow/c/c_api.h`, '');
  shop.file(join(name, lib, 'libtensorflow_cc.so.2'), '');
  shop.file(join(name, lib, 'libtensorflow_framework.so.2'), '');
  const flag = isCudaBuild ? 'True' : 'False';
  shop.file(
    `${name}/python/platform/build_info.py`,
    `build_info = collections.OrderedDict([('is_cuda_build', ${flag}), ('is_rocm_build', False)])`,
  );
  const answer = { version: '3.12.0', pip: null, tensorflow: { directory, version } };
  const python = shop.file(`bin/${name}`, `#!/bin/sh\necho '${JSON.stringify(answer)}'\n`, 0o755);
  return { directory, python };
}

const cpuPackage = pythonPackage('cpu-package', '2.21.0', false);
const cudaPackage = pythonPackage('cuda-package', '2.21.1', true);
const oldPackage = pythonPackage('old-package', '2.20.0', false);
const built = pythonPackage('built', '', false, 'lib');

describe('a TensorFlow that is already there', () => {
  it('is taken from an installed Python package of the supported series', async () => {
    const context = shop.context(wheel, { env: { GRU_LM_PYTHON: cpuPackage.python } });
    expect(await locateTensorflow(context, 'cpu')).toMatchObject({
      source: 'python',
      version: '2.21.0',
      directory: cpuPackage.directory,
      isCudaBuild: false,
    });
  });

  it('is passed over in another version', async () => {
    const context = shop.context(wheel, { env: { GRU_LM_PYTHON: oldPackage.python } });
    expect(await locateTensorflow(context, 'cpu')).toBeUndefined();
  });

  it('spares the download: only the binding is built', async () => {
    const context = shop.context(wheel, { env: { GRU_LM_PYTHON: cpuPackage.python } });
    const { binding } = await provision(context, 'cpu');
    expect(binding.tensorflow.directory).toBe(cpuPackage.directory);
    const phases = context.events.map((event) => 'phase' in event && event.phase);
    expect(phases).toEqual(['build', 'build']);
  });

  it('is taken from GRU_LM_TENSORFLOW before all others, its libraries also under lib', async () => {
    const context = shop.context(wheel, {
      env: { GRU_LM_PYTHON: cpuPackage.python, GRU_LM_TENSORFLOW: built.directory },
    });
    expect(await locateTensorflow(context, 'cpu')).toMatchObject({
      source: 'environment',
      libraryDirectory: join(built.directory, 'lib'),
    });
  });

  it('is not silently replaced if GRU_LM_TENSORFLOW is wrong', async () => {
    const context = shop.context(wheel, { env: { GRU_LM_TENSORFLOW: shop.root } });
    await expect(locateTensorflow(context, 'cpu')).rejects.toThrow(
      `GRU_LM_TENSORFLOW should name a directory that holds libtensorflow_cc.so.2 (itself or under lib) and include; ${shop.root} does not.`,
    );
  });
});

describe('the cuda backend', () => {
  const examine = async (parts: Partial<RuntimeContext>) => (await examineBackends(parts))[0];

  it('needs a driver', async () => {
    const context = shop.context(wheel, { host: driverless });
    expect(await examine(context)).toMatchObject({
      backend: 'cuda',
      usable: false,
      detail:
        'The cuda backend needs an NVIDIA driver, 525.60.13 or newer; none is loaded on this machine.',
    });
  });

  it('needs a driver that is new enough', async () => {
    const nvidiaDriver = 'NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.256.02  Thu May  2';
    const context = shop.context(wheel, { host: { ...linux, nvidiaDriver } });
    expect(await examine(context)).toMatchObject({
      usable: false,
      detail:
        'The cuda backend needs an NVIDIA driver, 525.60.13 or newer; this machine has 470.256.02.',
    });
  });

  it('needs a CUDA build, which only setup fetches', async () => {
    const env = { GRU_LM_PYTHON: cpuPackage.python };
    const found = await examine(shop.context(wheel, { host: withDriver, env }));
    expect(found).toMatchObject({
      usable: false,
      detail:
        "The cuda backend needs a CUDA build of TensorFlow 2.21.0 with NVIDIA's libraries; none is set up.",
      mend: 'Run gru-lm setup --device cuda, which fetches 2.8 GB; or use --backend cpu.',
    });
  });

  it('finds a CUDA build among the Python packages, where the loader has what it opens', async () => {
    const env = { GRU_LM_PYTHON: cudaPackage.python, LD_LIBRARY_PATH: shop.directory('lib') };
    for (const name of Object.values(openedLibraries).flat()) shop.file(`lib/${name}`, '');
    const context = shop.context(wheel, { host: withDriver, env });
    expect(await examine(context)).toMatchObject({
      usable: false,
      detail: `TensorFlow 2.21.1, installed for Python, in ${cudaPackage.directory}: the binding to it is not built yet`,
    });
  });

  it('refuses a build without CUDA that GRU_LM_TENSORFLOW names', async () => {
    const env = { GRU_LM_TENSORFLOW: cpuPackage.directory };
    const context = shop.context(wheel, { host: withDriver, env });
    expect((await examine(context))?.detail).toBe(
      `The TensorFlow that GRU_LM_TENSORFLOW names (${cpuPackage.directory}) is built without CUDA.`,
    );
  });
});

describe('doctor and a dry run', () => {
  it('say what setup would fetch, and do not touch the disk', async () => {
    const context = shop.context(wheel, { host: driverless });
    const [, cpu, wasm] = await examineBackends(context);
    const oneDnnBytes = wheel.oneDnn.wheels.map(({ bytes }) => bytes);
    const bytes = [wheel.pin.bytes, ...oneDnnBytes].reduce((sum, each) => sum + each, 0);
    expect(cpu).toEqual({
      backend: 'cpu',
      usable: false,
      detail: `not set up yet: gru-lm setup fetches ${Math.round(bytes / 1e3)} kB`,
      mend: 'Run gru-lm setup.',
    });
    expect(wasm).toMatchObject({ backend: 'wasm', usable: true });
    const plan = await setUpRuntime({ ...context, dryRun: true });
    expect(plan).toMatchObject({
      tensorflow: {
        action: 'fetch',
        version: '2.21.0',
        directory: join(context.cacheDirectory, 'tensorflow-cpu-2.21.0-linux-x64'),
        wheel: { file: wheel.pin.file, bytes: wheel.pin.bytes, sha256: wheel.pin.sha256 },
      },
      binding: { action: 'build', compiler: 'fake c++ 1.0' },
      operations: {
        action: 'build',
        compiler: 'fake c++ 1.0',
        oneDnn: {
          version: '2023.2.0',
          directory: join(context.cacheDirectory, 'onednn-cpu-gomp-2023.2.0-linux-x64'),
          wheels: wheel.oneDnn.wheels.map(({ file, sha256 }) => ({ file, sha256 })),
        },
      },
      downloadBytes: bytes,
      diskBytes: wheel.pin.unpackedBytes + 2000,
    });
    expect(context.events).toEqual([]);
    await expect(locateTensorflow(context, 'cpu')).resolves.toBeUndefined();
  });

  it('say that nothing is left to do once it is there', async () => {
    const context = shop.context(wheel);
    await provision(context, 'cpu');
    expect(await setUpRuntime({ ...context, dryRun: true })).toMatchObject({
      tensorflow: { action: 'present', source: 'cache' },
      binding: { action: 'present' },
      operations: { action: 'present', oneDnn: { wheels: [] } },
      downloadBytes: 0,
    });
    expect(await setUpRuntime({ ...context, dryRun: true, force: true })).toMatchObject({
      tensorflow: { action: 'fetch' },
      binding: { action: 'build' },
      operations: { action: 'build' },
    });
  });

  it('say why the native operations are left out', async () => {
    const plan = async (parts: ContextParts) =>
      (await setUpRuntime({ ...shop.context(wheel, parts as object), dryRun: true })).operations;
    expect(await plan({ env: { GRU_LM_NATIVE: '0' } })).toEqual({ action: 'none' });
    expect(await plan({ oneDnnPins: [] })).toMatchObject({
      action: 'none',
      refusal: { reason: expect.stringContaining('this machine is linux-x64') },
    });
  });

  it('name the setting that keeps setup from fetching', async () => {
    const context = shop.context(wheel, { host: driverless, env: { GRU_LM_OFFLINE: '1' } });
    const [, cpu] = await examineBackends(context);
    expect(cpu?.mend).toBe('Unset GRU_LM_OFFLINE and run gru-lm setup.');
  });
});
