import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { formatBytes, installDirectory, readManifest } from './cache.ts';
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
import { installWheels } from './install-wheels.ts';
import {
  cachedTensorflowDirectory,
  type Device,
  type LocatedTensorflow,
  locateCached,
  locateTensorflow,
  runtimeLibraryPath,
} from './locate.ts';
import { withCacheLock } from './lock.ts';
import {
  type EnsureOptions,
  ensureOperations,
  findOperations,
  type OperationsOutcome,
} from './operations.ts';
import { requirePin, type TensorflowPin } from './pins.ts';
import type { BuiltBinding } from './probe.ts';
import { type Python, requirePip } from './python.ts';
import { reasonOf } from './refusal.ts';
import { locateTfjsNode } from './tfjs-node.ts';

/** What is ready to be loaded. */
export interface Provisioned {
  binding: BuiltBinding;
  operations: OperationsOutcome;
}

/**
 * Makes TensorFlow, the binding to it and the native operations ready, fetching and building what is
 * missing. Where the native operations cannot be had, that is told in what is returned.
 *
 * Only the CPU build is ever fetched: for `cuda` a CUDA build has to be on the machine already.
 */
export async function provision(
  context: RuntimeContext,
  device: Device,
  { force = false, retry = force }: Partial<EnsureOptions> = {},
): Promise<Provisioned> {
  let isForced = force;
  try {
    return await withCacheLock(
      context,
      async () => (isForced ? undefined : await findProvisioned(context, device, retry)),
      async (locked) => {
        const tensorflow = await ensureTensorflow(locked, device, isForced);
        const built = await ensureBuilt(locked, tensorflow, device, { force: isForced, retry });
        isForced = false;
        return built;
      },
    );
  } catch (error) {
    context.signal?.throwIfAborted();
    const binding = force ? undefined : await findBuilt(context, device);
    if (binding === undefined) throw error;
    // Only the native operations were missing, and not even trying was possible.
    return { binding, operations: { refusal: reasonOf(error) } };
  }
}

/** What is ready on this machine, without fetching or building anything. */
async function findProvisioned(
  context: RuntimeContext,
  device: Device,
  retry: boolean,
): Promise<Provisioned | undefined> {
  const binding = await findBuilt(context, device);
  if (binding === undefined) return undefined;
  const operations = await findOperations(context, binding.tensorflow, device, { retry });
  return operations && { binding, operations };
}

async function findBuilt(
  context: RuntimeContext,
  device: Device,
): Promise<BuiltBinding | undefined> {
  const tensorflow = await locateTensorflow(context, device);
  return tensorflow === undefined ? undefined : await findBinding(context, tensorflow);
}

/** Builds the binding and the native operations side by side; a failure of the former ends both. */
async function ensureBuilt(
  context: RuntimeContext,
  tensorflow: LocatedTensorflow,
  device: Device,
  options: EnsureOptions,
): Promise<Provisioned> {
  // Where not even the binding was built before, what failed then may have been mended since.
  const retry = options.retry || (await findBinding(context, tensorflow)) === undefined;
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(context.signal ? [context.signal] : [])]);
  const [binding, operations] = await Promise.allSettled([
    ensureBinding(context, tensorflow, options.force).catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
    ensureOperations({ ...context, signal }, tensorflow, device, { ...options, retry }),
  ]);
  if (binding.status === 'rejected') throw binding.reason;
  if (operations.status === 'rejected') throw operations.reason;
  return { binding: binding.value, operations: operations.value };
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
): Promise<{ pin: TensorflowPin; compiler: Compiler; python: Python }> {
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
  const { pin, python } = await requireFetchable(context);
  await installWheels(
    {
      directory: cachedTensorflowDirectory(pin, context.cacheDirectory),
      what: `TensorFlow ${pin.version} (CPU) for ${pin.platform}: libraries and C headers`,
      version: pin.version,
      wheels: [pin],
    },
    python,
    context,
  );
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
