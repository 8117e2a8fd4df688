import { UserError } from '../errors.ts';
import { formatBytes } from './cache.ts';
import type { RuntimeContext } from './context.ts';
import { chooseGpu, queryGpus } from './nvidia-smi.ts';

/** How a GPU is to be used. */
export interface GpuSettings {
  /** The most of its memory that is taken; undefined: as much as is needed. */
  memoryBytes?: number | undefined;
  /** Let matrix products round what they multiply to TF32. */
  tf32?: boolean | undefined;
}

/**
 * The variables that TensorFlow and NVIDIA's libraries read as they start, as far as the user has not set them. They are
 * the only way to say such things through tfjs-node's binding, which makes its context without options.
 *
 * TensorFlow takes memory as it needs it, instead of all at once, and no TF32, so that float32 is float32. Of several
 * GPUs one is shown to it: it would make itself at home on all, and compute on the first. They are numbered as
 * nvidia-smi numbers them.
 *
 * @throws UserError `runtime-cuda` where the memory cannot be held to what is asked for
 */
export async function cudaEnvironment(
  context: RuntimeContext,
  { memoryBytes, tf32 = false }: GpuSettings,
): Promise<Record<string, string>> {
  const { env } = context;
  const settings: Record<string, string> = {
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
  };
  if (!tf32) settings.NVIDIA_TF32_OVERRIDE = '0';
  const gpus = await queryGpus(context);
  const chosen = chooseGpu(gpus, env);
  if (gpus.length > 1 && chosen && env.CUDA_VISIBLE_DEVICES === undefined) {
    settings.CUDA_VISIBLE_DEVICES = chosen.uuid;
  }
  if (memoryBytes !== undefined) {
    if (chosen === undefined) {
      throw new UserError(
        'runtime-cuda',
        'The GPU’s memory can be limited where nvidia-smi says how much is free; it is not on the PATH or shows no GPU.',
        'Leave --gpu-memory out: memory is taken as it is needed.',
      );
    }
    if (memoryBytes > chosen.freeBytes) {
      throw new UserError(
        'runtime-cuda',
        `--gpu-memory should be at most what is free of the GPU’s memory, ${formatBytes(chosen.freeBytes)}; it is ${formatBytes(memoryBytes)}.`,
        'Give less, or end what else runs on the GPU (see nvidia-smi).',
      );
    }
    // What TensorFlow leaves free, of which it is told in place of what it may take.
    settings.TF_DEVICE_MIN_SYS_MEMORY_IN_MB = String(
      Math.floor((chosen.freeBytes - memoryBytes) / 2 ** 20),
    );
  }
  const unset = Object.entries(settings).filter(([name]) => env[name] === undefined);
  return Object.fromEntries(unset);
}

/** The context with these variables by default, so that what is tried out is what is loaded then. */
export async function withCudaEnvironment(context: RuntimeContext): Promise<RuntimeContext> {
  const settings = await cudaEnvironment(context, {});
  return { ...context, env: { ...context.env, ...settings } };
}
