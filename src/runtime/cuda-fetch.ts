import { UserError } from '../errors.ts';
import { formatBytes, requireFreeSpace } from './cache.ts';
import { isOffline, type RuntimeContext } from './context.ts';
import { type CudaPart, cudaParts, describeFetchedCuda, missingCudaParts } from './cuda-layout.ts';
import { type CudaPin, requireCudaPin } from './cuda-pins.ts';
import { installWheels } from './install-wheels.ts';
import type { LocatedTensorflow } from './locate.ts';
import { cudaPart } from './part.ts';
import type { Python } from './python.ts';

/** What a fetch of the CUDA build would come to. */
export interface CudaFetch {
  pin: CudaPin;
  /** What is fetched; what is there already is not among it. */
  parts: CudaPart[];
  bytes: number;
  unpackedBytes: number;
}

/** Finds out what is to be fetched: all of it with `force`. Throws a `UserError` where nothing may or can be. */
export async function planCudaFetch(context: RuntimeContext, force: boolean): Promise<CudaFetch> {
  const fetch = await describeCudaFetch(context, force);
  if (isOffline(context)) {
    throw new UserError(
      'runtime-offline',
      `TensorFlow for CUDA is not set up, and GRU_LM_OFFLINE forbids fetching it (${formatBytes(fetch.bytes)}).`,
      'Unset GRU_LM_OFFLINE and run gru-lm setup --device cuda; or use --backend cpu.',
    );
  }
  return fetch;
}

/** The same, for whoever only tells of it. */
export async function describeCudaFetch(
  { host, cudaPins, cacheDirectory }: RuntimeContext,
  force: boolean,
): Promise<CudaFetch> {
  const pin = requireCudaPin(host, cudaPins);
  const parts = force
    ? cudaParts(pin, cacheDirectory)
    : await missingCudaParts(pin, cacheDirectory);
  const sum = (of: 'bytes' | 'unpackedBytes') =>
    parts.reduce((total, part) => total + part.pin[of], 0);
  return { pin, parts, bytes: sum('bytes'), unpackedBytes: sum('unpackedBytes') };
}

/** `TensorFlow 2.21.0 with CUDA 12.8 and cuDNN 9.10.2`: what comes of the fetch. */
function describeCudaPin({ tensorflow, cuda, cudnn }: CudaPin): string {
  return `TensorFlow ${tensorflow.version} with CUDA ${cuda} and cuDNN ${cudnn}`;
}

/**
 * Fetches the CUDA build and NVIDIA's libraries, and says how large that is before it begins. Wheel after wheel is
 * checked, unpacked and removed, so that one that fails leaves those before it in place for the next try.
 */
export async function fetchCuda(
  { pin, parts, bytes, unpackedBytes }: CudaFetch,
  python: Python,
  parent: RuntimeContext,
): Promise<LocatedTensorflow> {
  const context = { ...parent, part: cudaPart };
  context.onEvent({
    type: 'notice',
    message: `${describeCudaPin(pin)}: ${formatBytes(bytes)} to fetch, ${formatBytes(unpackedBytes)} on disk, in ${parts.length} ${parts.length === 1 ? 'wheel' : 'wheels'}`,
  });
  // pip moves a wheel by copying it, and unpacking needs it until the end.
  const largest = Math.max(0, ...parts.map((part) => part.pin.bytes));
  await requireFreeSpace(
    context.cacheDirectory,
    Math.ceil(1.05 * (unpackedBytes + 2 * largest)),
    cudaPart,
  );
  for (const { directory, what, links, pin: wheel } of parts) {
    const { version } = wheel;
    await installWheels({ directory, what, version, wheels: [wheel], links }, python, context);
  }
  return describeFetchedCuda(pin, context);
}
