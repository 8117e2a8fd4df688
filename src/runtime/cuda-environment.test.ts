import { afterAll, describe, expect, it } from 'vitest';
import { cudaEnvironment } from './cuda-environment.ts';
import { chooseGpu, type Gpu } from './nvidia-smi.ts';
import { fakeNvidiaSmi } from './testing/fake-cuda.ts';
import { Workshop } from './testing/fake-machine.ts';

const shop = new Workshop();
const wheel = shop.wheel();
afterAll(() => shop.remove());

const machine = (smi: Parameters<typeof fakeNvidiaSmi>[1], env: Record<string, string> = {}) =>
  shop.context(wheel, {
    env: { PATH: `${fakeNvidiaSmi(shop, smi)}:${process.env.PATH}`, ...env },
  });
const one = [{ capability: '8.9' }];
const two = [{ capability: '6.1', total: 8192 }, ...one];

describe('what TensorFlow is told of the GPU', () => {
  it('is to take memory as it needs it, and no TF32', async () => {
    expect(await cudaEnvironment(machine(one), {})).toEqual({
      TF_FORCE_GPU_ALLOW_GROWTH: 'true',
      NVIDIA_TF32_OVERRIDE: '0',
      CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
    });
  });

  it('is to use TF32 where that is asked for', async () => {
    expect(await cudaEnvironment(machine(one), { tf32: true })).not.toHaveProperty(
      'NVIDIA_TF32_OVERRIDE',
    );
  });

  it('is what the user set, where that is set', async () => {
    const env = {
      TF_FORCE_GPU_ALLOW_GROWTH: 'false',
      NVIDIA_TF32_OVERRIDE: '1',
      CUDA_DEVICE_ORDER: 'FASTEST_FIRST',
    };
    expect(await cudaEnvironment(machine(one, env), {})).toEqual({});
  });

  it('is one of several GPUs: the newest, unless the user names others', async () => {
    const shown = async (env = {}) =>
      (await cudaEnvironment(machine(two, env), {})).CUDA_VISIBLE_DEVICES;
    expect(await shown()).toBe('GPU-1a2b3c4d');
    expect(await shown({ CUDA_VISIBLE_DEVICES: '0' })).toBeUndefined();
  });

  it('is to leave free what it may not take', async () => {
    const smi = [{ capability: '8.9', total: 24_000, free: 20_000 }];
    expect(await cudaEnvironment(machine(smi), { memoryBytes: 4e9 })).toMatchObject({
      // 20,000 MiB less 4 GB, which is 3,814.7 MiB
      TF_DEVICE_MIN_SYS_MEMORY_IN_MB: '16185',
    });
  });

  it('is not a limit that cannot be held', async () => {
    const smi = [{ capability: '8.9', total: 8000, free: 1000 }];
    await expect(cudaEnvironment(machine(smi), { memoryBytes: 4e9 })).rejects.toThrow(
      '--gpu-memory should be at most what is free of the GPU’s memory, 1.0 GB; it is 4.0 GB.',
    );
    await expect(cudaEnvironment(machine([]), { memoryBytes: 4e9 })).rejects.toThrow(
      'nvidia-smi says how much is free; it is not on the PATH or shows no GPU.',
    );
  });
});

describe('the GPU that is used', () => {
  const gpu = (index: number, computeCapability: string, totalBytes: number): Gpu => ({
    ...{ index, computeCapability, totalBytes },
    ...{ uuid: `GPU-${index}`, name: '', driver: '', freeBytes: totalBytes },
  });
  const gpus = [gpu(0, '7.5', 16), gpu(1, '8.6', 12), gpu(2, '8.6', 24), gpu(3, '8.6', 24)];

  it.each([
    [undefined, 2],
    ['1', 1],
    ['3,0', 3],
    ['GPU-0', 0],
    ['', undefined],
    ['-1', undefined],
    ['9', undefined],
  ])('with CUDA_VISIBLE_DEVICES=%s is number %s', (named, index) => {
    const env = named === undefined ? {} : { CUDA_VISIBLE_DEVICES: named };
    expect(chooseGpu(gpus, env)?.index).toBe(index);
  });
});
