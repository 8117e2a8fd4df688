import { UserError } from '../errors.ts';
import { formatBytes } from './cache.ts';
import type { RuntimeContext } from './context.ts';
import { describeCudaFetch } from './cuda-fetch.ts';
import { isAtLeast } from './host.ts';
import { reasonOf } from './refusal.ts';

/** The oldest driver that runs programs of any CUDA 12 (NVIDIA's table of minor version compatibility). */
export const minimumDriver = '525.60.13';

/** The version in what is seen of a driver, such as `550.54.15`; undefined if only its library is. */
export function driverVersion(seen: string | undefined): string | undefined {
  return seen && /\s(\d{3,}\.\d+(?:\.\d+)?)\s/.exec(`${seen} `)?.[1];
}

/** Throws a `UserError` unless an NVIDIA driver is there that is new enough, as far as can be seen. */
export function requireNvidiaDriver({ host }: RuntimeContext): void {
  if (host.nvidiaDriver === undefined) {
    throw new UserError(
      'runtime-cuda',
      `The cuda backend needs an NVIDIA driver, ${minimumDriver} or newer; none is loaded on this machine.`,
      'Install the driver of the NVIDIA GPU, or use --backend cpu.',
    );
  }
  const version = driverVersion(host.nvidiaDriver);
  if (version === undefined || isAtLeast(version, minimumDriver)) return;
  throw new UserError(
    'runtime-cuda',
    `The cuda backend needs an NVIDIA driver, ${minimumDriver} or newer; this machine has ${version}.`,
    'Install a newer driver of the NVIDIA GPU, or use --backend cpu.',
  );
}

/** The error of a machine without a CUDA build of TensorFlow: only `setup` fetches as much as that. */
export async function missingCudaBuild(context: RuntimeContext): Promise<UserError> {
  try {
    const { bytes, parts, pin } = await describeCudaFetch(context, false);
    const isBegun = parts.length <= pin.libraries.length;
    const state = isBegun ? 'only part of it is fetched' : 'none is set up';
    return new UserError(
      'runtime-cuda',
      `The cuda backend needs a CUDA build of TensorFlow ${pin.tensorflow.version} with NVIDIA's libraries; ${state}.`,
      `Run gru-lm setup --device cuda, which fetches ${formatBytes(bytes)}; or use --backend cpu.`,
    );
  } catch (error) {
    const { reason, mend } = reasonOf(error);
    return new UserError('runtime-cuda', reason, mend);
  }
}
