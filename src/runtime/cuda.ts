import { UserError } from '../errors.ts';
import type { RuntimeContext } from './context.ts';
import { tensorflowVersion } from './pins.ts';

/** Throws a `UserError` unless an NVIDIA driver is there. */
export function requireNvidiaDriver(context: RuntimeContext): void {
  if (context.host.nvidiaDriver !== undefined) return;
  throw new UserError(
    'runtime-cuda',
    'The cuda backend needs an NVIDIA driver; none is loaded on this machine.',
    'Install the driver of the NVIDIA GPU, or use --backend cpu.',
  );
}

/** The error of a machine without a CUDA build of TensorFlow. */
export function missingCudaBuild(): UserError {
  return new UserError(
    'runtime-cuda',
    `The cuda backend needs a CUDA build of TensorFlow ${tensorflowVersion}; none is installed, and gru-lm itself fetches only the CPU build.`,
    `Install it for the python3 on the PATH (pip install "tensorflow[and-cuda]==${tensorflowVersion}") or name its directory in GRU_LM_TENSORFLOW; or use --backend cpu.`,
  );
}

/** The error of a CUDA build that finds no GPU. */
export function missingGpu(): UserError {
  return new UserError(
    'runtime-cuda',
    'The cuda backend needs a GPU that TensorFlow can use; TensorFlow found none.',
    'See what nvidia-smi says, and that CUDA_VISIBLE_DEVICES does not hide the GPU; or use --backend cpu.',
  );
}
