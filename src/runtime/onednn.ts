import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { formatBytes, readManifest } from './cache.ts';
import { isNativeOff, isOffline, type RuntimeContext } from './context.ts';
import { isAtLeast, platformKey } from './host.ts';
import { installWheels } from './install-wheels.ts';
import { operationsPart } from './part.ts';
import type { OneDnnPin } from './pins.ts';
import { requirePip } from './python.ts';

/** oneDNN in the cache, or where it will be. */
export interface CachedOneDnn {
  pin: OneDnnPin;
  directory: string;
  includeDirectory: string;
  library: string;
}

/** The oneDNN for this host as it is in the cache, or will be; a `UserError` if none runs here. */
export function requireOneDnn(context: RuntimeContext): CachedOneDnn {
  const { host, oneDnnPins, cacheDirectory } = context;
  const pin = oneDnnPins.find((candidate) => candidate.platform === platformKey(host));
  if (pin === undefined) {
    const platforms = oneDnnPins.map(({ platform }) => platform).join(', ');
    throw new UserError(
      'runtime-platform',
      `The native operations are there for ${platforms}; this machine is ${platformKey(host)}.`,
      'TensorFlow alone does the work; GRU_LM_NATIVE=0 leaves this message out.',
    );
  }
  if (!isAtLeast(host.glibc ?? '0', pin.minimumGlibc)) {
    const found = host.glibc ?? 'another C library';
    throw new UserError(
      'runtime-libc',
      `oneDNN ${pin.version} needs glibc ${pin.minimumGlibc} or newer; this system has ${found}.`,
      'TensorFlow alone does the work; GRU_LM_NATIVE=0 leaves this message out.',
    );
  }
  const directory = join(cacheDirectory, `${pin.project}-${pin.version}-${pin.platform}`);
  return {
    pin,
    directory,
    includeDirectory: join(directory, 'include'),
    library: join(directory, pin.library),
  };
}

/** True if it was fetched and is whole. */
export async function hasOneDnn({ directory }: CachedOneDnn): Promise<boolean> {
  return (await readManifest(directory)) !== undefined;
}

/** What setting up would have to fetch of it, in bytes. */
export async function missingBytes(context: RuntimeContext): Promise<number> {
  try {
    const oneDnn = requireOneDnn(context);
    return isNativeOff(context) || (await hasOneDnn(oneDnn)) ? 0 : downloadBytes(oneDnn);
  } catch {
    return 0;
  }
}

function downloadBytes({ pin }: CachedOneDnn): number {
  return pin.wheels.reduce((total, { bytes }) => total + bytes, 0);
}

/** The error of a machine that may not fetch it. */
export function oneDnnOffline(oneDnn: CachedOneDnn, state = 'is not set up'): UserError {
  const bytes = formatBytes(downloadBytes(oneDnn));
  return new UserError(
    'runtime-offline',
    `oneDNN ${oneDnn.pin.version} ${state}, and GRU_LM_OFFLINE forbids fetching it (${bytes}).`,
    `Unset GRU_LM_OFFLINE and run gru-lm setup; or ${operationsPart.instead}.`,
  );
}

/** Fetches oneDNN unless it is there. */
export async function ensureOneDnn(
  oneDnn: CachedOneDnn,
  context: RuntimeContext,
  force: boolean,
): Promise<void> {
  const isThere = await hasOneDnn(oneDnn);
  if (!force && isThere) return;
  if (isOffline(context))
    throw oneDnnOffline(oneDnn, isThere ? 'is to be fetched anew' : undefined);
  const { directory, pin } = oneDnn;
  const what = `oneDNN ${pin.version} for ${pin.platform}: library and headers`;
  await installWheels(
    { directory, what, version: pin.version, wheels: pin.wheels },
    await requirePip(context),
    context,
  );
}
