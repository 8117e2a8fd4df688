import { readdir, realpath } from 'node:fs/promises';
import { basename, delimiter, dirname, join } from 'node:path';
import { UserError } from '../errors.ts';
import { formatBytes, readManifest } from './cache.ts';
import type { RuntimeContext } from './context.ts';
import { driverVersion, minimumDriver, missingCudaBuild } from './cuda.ts';
import type { CudaLog } from './cuda-log.ts';
import { isAtLeast } from './host.ts';
import { type LocatedTensorflow, locateTensorflow, missingOpened } from './locate.ts';
import { chooseGpu, type Gpu, queryGpus } from './nvidia-smi.ts';
import { tensorflowVersion } from './pins.ts';
import { type Reason, reasonOf } from './refusal.ts';

/** One thing that a GPU needs. */
export interface DeviceCheck {
  check: 'driver' | 'CUDA' | 'cuDNN' | 'compute capability' | 'memory';
  /** `unknown` where it cannot be seen until something else is there. */
  state: 'ok' | 'missing' | 'wrong' | 'unknown';
  found: string;
  needed: string;
  /** What the user can do about it. */
  mend?: string;
}

/** The least compute capability that the build has code for, and the most that it has compiled code for. */
const capabilities = { least: '6.0', compiled: '8.9' };

/**
 * Beyond `capabilities.compiled` TensorFlow's kernels come as PTX 8.5, which the driver of CUDA 12.5 is the first to
 * compile (both as the fatbins in libtensorflow_cc.so.2 say).
 */
const minimumPtxDriver = '555.42.02';

/** The oldest cuDNN that TensorFlow 2.21 takes: the one that it was compiled with. */
const minimumCudnn = '9.3.0';

/** With less free, not even the libraries' own share is sure to fit. */
const leastFreeBytes = 2 ** 30;

/** Looks at all of them; nothing is loaded, and without a driver no GPU is asked for. */
export async function checkCuda(context: RuntimeContext): Promise<DeviceCheck[]> {
  const hasDriver = context.host.nvidiaDriver !== undefined;
  const gpu = hasDriver ? chooseGpu(await queryGpus(context), context.env) : undefined;
  const tensorflow = await locateTensorflow(context, 'cuda').catch((error: unknown) => {
    if (error instanceof UserError) return error;
    throw error;
  });
  const missing =
    tensorflow === undefined || tensorflow instanceof UserError
      ? undefined
      : await missingOpened(tensorflow, context);
  return [
    checkDriver(context, gpu),
    await checkLibraries(tensorflow, missing, context),
    await checkCudnn(tensorflow, missing, context),
    checkCapability(gpu),
    checkMemory(gpu),
  ];
}

function checkDriver({ host }: RuntimeContext, gpu: Gpu | undefined): DeviceCheck {
  const isNew = gpu?.computeCapability && !isAtLeast(capabilities.compiled, gpu.computeCapability);
  const least = isNew ? minimumPtxDriver : minimumDriver;
  const needed = `${least} or newer${isNew ? ` for compute capability ${gpu.computeCapability}` : ''}`;
  const check = 'driver' as const;
  if (host.nvidiaDriver === undefined) {
    const mend = 'Install the driver of the NVIDIA GPU.';
    return { check, state: 'missing', found: 'none is loaded', needed, mend };
  }
  const version = gpu?.driver || driverVersion(host.nvidiaDriver);
  if (version === undefined) {
    return {
      check,
      state: 'unknown',
      found: `${host.nvidiaDriver}, of which version it does not say`,
      needed,
    };
  }
  if (isAtLeast(version, least)) return { check, state: 'ok', found: version, needed };
  return { check, state: 'wrong', found: version, needed, mend: 'Install a newer driver.' };
}

/** What a build lacks that GRU_LM_TENSORFLOW names: others are only taken with all that they open. */
export function lacking(missing: readonly string[]): Reason {
  return {
    reason: `without ${missing.join(', ')}`,
    mend: `Install them for its Python (pip install "tensorflow[and-cuda]==${tensorflowVersion}"), or name their directory in LD_LIBRARY_PATH, or unset GRU_LM_TENSORFLOW and run gru-lm setup --device cuda, which fetches all.`,
  };
}

type Located = LocatedTensorflow | UserError | undefined;

async function checkLibraries(
  tensorflow: Located,
  missing: string[] | undefined,
  context: RuntimeContext,
): Promise<DeviceCheck> {
  const check = 'CUDA' as const;
  const needed = 'TensorFlow 2.21 for CUDA 12, and the libraries that it opens';
  if (tensorflow === undefined || tensorflow instanceof UserError) {
    const error = tensorflow ?? (await missingCudaBuild(context));
    const { reason, mend } = reasonOf(error);
    return { check, state: 'missing', found: reason, needed, mend };
  }
  if (missing?.length) {
    const { reason, mend } = lacking(missing);
    return { check, state: 'missing', found: reason, needed, mend };
  }
  const version = await installedVersion(tensorflow, 'cuda_runtime');
  const found = version ? `runtime ${version}` : 'libraries of the system';
  return { check, state: 'ok', found: `${found}, for ${tensorflow.directory}`, needed };
}

async function checkCudnn(
  tensorflow: Located,
  missing: string[] | undefined,
  context: RuntimeContext,
): Promise<DeviceCheck> {
  const check = 'cuDNN' as const;
  const needed = `${minimumCudnn} or newer, of the same series`;
  if (tensorflow === undefined || tensorflow instanceof UserError) {
    return { check, state: 'missing', found: 'none is set up', needed };
  }
  if (missing?.includes('libcudnn.so.9')) {
    const { mend } = lacking(missing);
    return { check, state: 'missing', found: 'libcudnn.so.9 is not found', needed, mend };
  }
  const version =
    (await installedVersion(tensorflow, 'cudnn')) ??
    (await linkedVersion('libcudnn.so.9', context));
  if (version === undefined)
    return { check, state: 'unknown', found: 'of unknown version', needed };
  if (isAtLeast(version, minimumCudnn)) return { check, state: 'ok', found: version, needed };
  const mend = 'Install a newer cuDNN (pip install --upgrade nvidia-cudnn-cu12).';
  return { check, state: 'wrong', found: version, needed, mend };
}

function checkCapability(gpu: Gpu | undefined): DeviceCheck {
  const check = 'compute capability' as const;
  const needed = `${capabilities.least} or more`;
  if (gpu === undefined) return { check, state: 'unknown', found: 'no GPU is seen', needed };
  const { name, computeCapability } = gpu;
  if (computeCapability === undefined) return { check, state: 'unknown', found: name, needed };
  const found = `${computeCapability} (${name})`;
  if (isAtLeast(computeCapability, capabilities.least)) {
    return { check, state: 'ok', found, needed };
  }
  const mend = 'This GPU is too old for TensorFlow 2.21; use --backend cpu.';
  return { check, state: 'wrong', found, needed, mend };
}

function checkMemory(gpu: Gpu | undefined): DeviceCheck {
  const check = 'memory' as const;
  const needed = `${formatBytes(leastFreeBytes)} free or more`;
  if (gpu === undefined || Number.isNaN(gpu.freeBytes)) {
    return { check, state: 'unknown', found: 'no GPU is seen', needed };
  }
  const { freeBytes, totalBytes } = gpu;
  const found = `${formatBytes(freeBytes)} free of ${formatBytes(totalBytes)}`;
  if (freeBytes >= leastFreeBytes) return { check, state: 'ok', found, needed };
  const mend = 'End what else runs on the GPU: nvidia-smi lists it.';
  return { check, state: 'wrong', found, needed, mend };
}

/** What the cache's manifest or pip's records say of a package beside TensorFlow. */
async function installedVersion(
  { source, nvidiaDirectory }: LocatedTensorflow,
  name: string,
): Promise<string | undefined> {
  if (nvidiaDirectory === undefined) return undefined;
  if (source === 'cache') return (await readManifest(join(nvidiaDirectory, name)))?.version;
  const pattern = new RegExp(`^nvidia_${name}_cu\\d+-(.*)\\.dist-info$`);
  const entries = await readdir(dirname(nvidiaDirectory)).catch(() => []);
  return entries.map((entry) => pattern.exec(entry)?.[1]).find((found) => found !== undefined);
}

/** The version in the name of the file that a library of the system is a link to. */
async function linkedVersion(
  library: string,
  { env }: RuntimeContext,
): Promise<string | undefined> {
  const directories = (env.LD_LIBRARY_PATH ?? '').split(delimiter).filter((path) => path !== '');
  for (const directory of [...directories, '/usr/lib/x86_64-linux-gnu', '/usr/lib64']) {
    const file = basename(await realpath(join(directory, library)).catch(() => ''));
    const version = /\.so\.(\d+\.\d+\.\d+)/.exec(file)?.[1];
    if (version !== undefined) return version;
  }
  return undefined;
}

/** `needs 6.0 or more; found 5.2 (Quadro M4000)` */
function describeCheck({ check, found, needed }: DeviceCheck): string {
  return `${check}: found ${found}; needed ${needed}`;
}

/**
 * Why TensorFlow finds no GPU: what its log says, else the first thing that is not as it has to be, else only that.
 */
export async function explainMissingGpu(log: CudaLog, context: RuntimeContext): Promise<UserError> {
  const told = readCause(log);
  const wrong = (await checkCuda(context)).find(({ mend }) => mend !== undefined);
  const what = told ?? (wrong && describeCheck(wrong)) ?? 'why, its log does not say';
  return new UserError(
    'runtime-cuda',
    `The cuda backend needs a GPU that TensorFlow can use; TensorFlow found none: ${what}.`,
    `${wrong?.mend ?? 'See what nvidia-smi and gru-lm doctor say, and that CUDA_VISIBLE_DEVICES does not hide the GPU'.concat('.')} Or use --backend cpu.`,
  );
}

function readCause({ missing, refused, oldCudnn, driver }: CudaLog): string | undefined {
  if (missing.length > 0) {
    return missing
      .map(({ library, reason }) => `${library} cannot be opened (${reason})`)
      .join(', ');
  }
  if (refused) return `it needs compute capability ${refused.needed}, and refuses ${refused.gpu}`;
  if (oldCudnn) return `it needs cuDNN ${oldCudnn.needed}, and loaded ${oldCudnn.found}`;
  return driver && `the driver does not start (${driver})`;
}
