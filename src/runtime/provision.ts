import { basename, join } from 'node:path';
import { UserError } from '../errors.ts';
import {
  formatBytes,
  installDirectory,
  makeTemporary,
  readManifest,
  removeTree,
  requireFreeSpace,
} from './cache.ts';
import {
  bindingKey,
  bindingName,
  buildBinding,
  type Compiler,
  requireCompiler,
  stderrGateName,
} from './compiler.ts';
import { isOffline, type RuntimeContext } from './context.ts';
import { missingCudaBuild } from './cuda.ts';
import { fetchWheel } from './fetch.ts';
import {
  cachedTensorflowDirectory,
  type Device,
  type LocatedTensorflow,
  locateCached,
  locateTensorflow,
} from './locate.ts';
import { withCacheLock } from './lock.ts';
import { requirePin, type WheelPin } from './pins.ts';
import type { BuiltBinding } from './probe.ts';
import { type Python, requirePip } from './python.ts';
import { locateTfjsNode } from './tfjs-node.ts';
import { unpackWheel, verifyWheel } from './wheel.ts';

/** How much of the runtime is to be made anew although it is there. */
export interface ProvisionOptions {
  force?: boolean;
}

/**
 * Makes TensorFlow and the binding to it ready, fetching and building what is missing.
 *
 * Only the CPU build is ever fetched: for `cuda` a CUDA build has to be on the machine already.
 */
export async function provision(
  context: RuntimeContext,
  device: Device,
  { force = false }: ProvisionOptions = {},
): Promise<BuiltBinding> {
  let isForced = force;
  return await withCacheLock(
    context,
    async () => (isForced ? undefined : await findProvisioned(context, device)),
    async (locked) => {
      const tensorflow = await ensureTensorflow(locked, device, isForced);
      const built = await ensureBinding(locked, tensorflow, isForced);
      isForced = false;
      return built;
    },
  );
}

/** What is ready on this machine, without fetching or building anything. */
async function findProvisioned(
  context: RuntimeContext,
  device: Device,
): Promise<BuiltBinding | undefined> {
  const tensorflow = await locateTensorflow(context, device);
  return tensorflow === undefined ? undefined : await findBinding(context, tensorflow);
}

/** The binding to this TensorFlow, if it is built. */
export async function findBinding(
  context: RuntimeContext,
  tensorflow: LocatedTensorflow,
): Promise<BuiltBinding | undefined> {
  const built = await describeBinding(context, tensorflow);
  return (await readManifest(built.directory)) === undefined ? undefined : built;
}

/** What a fetch needs; a `UserError` says what of it is missing. */
export async function requireFetchable(
  context: RuntimeContext,
): Promise<{ pin: WheelPin; compiler: Compiler; python: Python }> {
  const pin = requirePin(context.host, context.pins);
  if (isOffline(context)) {
    throw new UserError(
      'runtime-offline',
      `TensorFlow ${pin.version} is not set up, and GRU_LM_OFFLINE forbids fetching it (${formatBytes(pin.bytes)}).`,
      'Unset GRU_LM_OFFLINE and run gru-lm setup; or use --backend wasm.',
    );
  }
  // The build needs a compiler: that is asked before the long download, not after it.
  return { pin, compiler: await requireCompiler(context), python: await requirePip(context) };
}

/** Bytes that must be free before a fetch: the wheel and what is unpacked from it, with a margin. */
function neededBytes(pin: WheelPin): number {
  return Math.ceil((pin.bytes + pin.unpackedBytes) * 1.1);
}

async function ensureTensorflow(
  context: RuntimeContext,
  device: Device,
  force: boolean,
): Promise<LocatedTensorflow> {
  const located = await locateTensorflow(context, device);
  if (located !== undefined && !(force && located.source === 'cache')) return located;
  if (device === 'cuda') throw missingCudaBuild();
  return await fetchTensorflow(context);
}

async function fetchTensorflow(context: RuntimeContext): Promise<LocatedTensorflow> {
  const { cacheDirectory } = context;
  const { pin, python } = await requireFetchable(context);
  await requireFreeSpace(cacheDirectory, neededBytes(pin));
  const download = await makeTemporary(cacheDirectory);
  try {
    const wheel = await fetchWheel(pin, download, python, context);
    await verifyWheel(wheel, pin, context);
    await installDirectory(
      cacheDirectory,
      cachedTensorflowDirectory(pin, cacheDirectory),
      async (directory) => ({
        format: 1,
        what: `TensorFlow ${pin.version} (CPU) for ${pin.platform}: libraries and C headers`,
        version: pin.version,
        files: await unpackWheel(wheel, pin, directory, context),
        details: { wheel: pin.file, sha256: pin.sha256 },
      }),
    );
  } finally {
    await removeTree(download);
  }
  const located = await locateCached(context);
  if (located === undefined) throw new Error('the unpacked TensorFlow is not where it was put');
  return located;
}

async function ensureBinding(
  context: RuntimeContext,
  tensorflow: LocatedTensorflow,
  force: boolean,
): Promise<BuiltBinding> {
  const built = await describeBinding(context, tensorflow);
  if (!force && (await readManifest(built.directory)) !== undefined) return built;
  const compiler = await requireCompiler(context);
  const files = locateTfjsNode();
  const libraryPath = runtimeLibraryPath(context, tensorflow);
  await installDirectory(context.cacheDirectory, built.directory, async (directory) => ({
    format: 1,
    what: 'The binding between Node.js and TensorFlow',
    version: tensorflow.version ?? 'unknown',
    files: await buildBinding(tensorflow, files, libraryPath, compiler, directory, context),
    details: { compiler: compiler.version, tensorflow: tensorflow.directory },
  }));
  return built;
}

/** Where the binding to this TensorFlow is or would be. */
export async function describeBinding(
  context: RuntimeContext,
  tensorflow: LocatedTensorflow,
): Promise<BuiltBinding> {
  const libraryPath = runtimeLibraryPath(context, tensorflow);
  const key = await bindingKey(tensorflow, locateTfjsNode(), libraryPath, context);
  const directory = join(context.cacheDirectory, `binding-${key}`);
  return {
    directory,
    bindingPath: join(directory, bindingName),
    stderrGatePath: join(directory, stderrGateName),
    tensorflow,
  };
}

/** Where the addon looks for TensorFlow: beside itself in the cache, which may be moved as a whole. */
function runtimeLibraryPath(context: RuntimeContext, tensorflow: LocatedTensorflow): string {
  if (tensorflow.source !== 'cache') return tensorflow.libraryDirectory;
  const origin = context.host.platform === 'darwin' ? '@loader_path' : '$ORIGIN';
  return `${origin}/../${basename(tensorflow.libraryDirectory)}`;
}
