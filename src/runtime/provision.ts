import { UserError } from '../errors.ts';
import { afterFailures, ensureBinding, findBinding, plannedBinding } from './binding.ts';
import { explainWriteError, formatBytes } from './cache.ts';
import { type Compiler, requireCompiler } from './compiler.ts';
import { isOffline, type RuntimeContext } from './context.ts';
import { missingCudaBuild } from './cuda.ts';
import { type CudaFetch, fetchCuda, planCudaFetch } from './cuda-fetch.ts';
import { describeFetchedCuda, ensureLinks, hasLinks } from './cuda-layout.ts';
import { installWheels } from './install-wheels.ts';
import {
  cachedTensorflowDirectory,
  type Device,
  describeCached,
  type LocatedTensorflow,
  locateCached,
  locateTensorflow,
} from './locate.ts';
import { withCacheLock } from './lock.ts';
import {
  type EnsureOptions,
  ensureOperations,
  findOperations,
  type OperationsOutcome,
} from './operations.ts';
import { cudaPart, operationsPart } from './part.ts';
import { requirePin, type TensorflowPin } from './pins.ts';
import type { BuiltBinding } from './probe.ts';
import { type Python, requirePip } from './python.ts';
import { reasonOf } from './refusal.ts';

/** What is ready to be loaded. */
export interface Provisioned {
  binding: BuiltBinding;
  operations: OperationsOutcome;
}

/** How much is to be done. */
export interface ProvisionOptions extends Partial<EnsureOptions> {
  /** Fetch the CUDA build where it is missing. */
  fetchesCuda?: boolean;
}

/**
 * Makes TensorFlow, the binding to it and the native operations ready, fetching and building what is
 * missing. Where the native operations cannot be had, that is told in what is returned.
 *
 * A CUDA build, which is large, is only fetched with `fetchesCuda`, and has else to be on the machine.
 */
export async function provision(
  context: RuntimeContext,
  device: Device,
  { force = false, retry = force, fetchesCuda = false }: ProvisionOptions = {},
): Promise<Provisioned> {
  // That it is missing is told without the lock, which another may hold, and which takes a cache that can be written.
  if (device === 'cuda' && !fetchesCuda && !(await locateTensorflow(context, device))) {
    throw await missingCudaBuild(context);
  }
  let isForced = force;
  try {
    return await withCacheLock(
      context,
      async () => (isForced ? undefined : await findProvisioned(context, device, retry)),
      async (locked) => {
        const tensorflow = await ensureTensorflow(locked, device, isForced, fetchesCuda);
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
    const cause = error instanceof UserError ? error.cause : undefined;
    const explained = explainWriteError(cause, context.cacheDirectory, operationsPart);
    const refusal = reasonOf(explained instanceof UserError ? explained : error);
    return { binding, operations: { refusal } };
  }
}

/** What is ready on this machine, without fetching or building anything. */
async function findProvisioned(
  context: RuntimeContext,
  device: Device,
  retry: boolean,
): Promise<Provisioned | undefined> {
  const binding = await findBuilt(context, device, retry);
  if (binding === undefined) return undefined;
  const operations = await findOperations(context, binding.tensorflow, device, { retry });
  return operations && { binding, operations };
}

async function findBuilt(
  context: RuntimeContext,
  device: Device,
  retry = false,
): Promise<BuiltBinding | undefined> {
  const tensorflow = await locateTensorflow(context, device);
  if (tensorflow === undefined || !(await hasLinks(tensorflow))) return undefined;
  return await findBinding(context, tensorflow, { retry });
}

/** Makes the binding and the native operations ready side by side; a failure of the former ends both. */
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
    ensureBinding(context, tensorflow, options).catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
    ensureOperations({ ...context, signal }, tensorflow, device, { ...options, retry }),
  ]);
  if (binding.status === 'rejected') throw binding.reason;
  if (operations.status === 'rejected') throw operations.reason;
  return { binding: binding.value, operations: operations.value };
}

/** What a fetch needs; a `UserError` says what of it is missing. */
export async function requireFetchable(
  context: RuntimeContext,
): Promise<{ pin: TensorflowPin; compiler: Compiler | undefined; python: Python }> {
  const pin = requirePin(context.host, context.pins);
  if (isOffline(context)) {
    throw new UserError(
      'runtime-offline',
      `TensorFlow ${pin.version} is not set up, and GRU_LM_OFFLINE forbids fetching it (${formatBytes(pin.bytes)}).`,
      'Unset GRU_LM_OFFLINE and run gru-lm setup; or use --backend wasm.',
    );
  }
  const compiler = await requireCompilerFor(describeCached(pin, context), context);
  return { pin, compiler, python: await requirePip(context) };
}

/** What a fetch of the CUDA build needs; a `UserError` says what of it is missing. */
export async function requireCudaFetchable(
  parent: RuntimeContext,
  force: boolean,
): Promise<{ fetch: CudaFetch; compiler: Compiler | undefined; python: Python }> {
  const context = { ...parent, part: cudaPart };
  const fetch = await planCudaFetch(context, force);
  const compiler = await requireCompilerFor(describeFetchedCuda(fetch.pin, context), context);
  return { fetch, compiler, python: await requirePip(context) };
}

/** The compiler if the binding to it has to be built: that is asked before the long download, not after it. */
async function requireCompilerFor(
  tensorflow: LocatedTensorflow,
  context: RuntimeContext,
): Promise<Compiler | undefined> {
  const { binding, failures } = await plannedBinding(context, tensorflow);
  if (binding.origin === 'prebuilt') return undefined;
  return await requireCompiler(context).catch((error: unknown) => {
    throw afterFailures(error, failures);
  });
}

async function ensureTensorflow(
  context: RuntimeContext,
  device: Device,
  force: boolean,
  fetchesCuda: boolean,
): Promise<LocatedTensorflow> {
  const located = await locateTensorflow(context, device);
  if (located !== undefined && !(force && located.source === 'cache')) {
    await ensureLinks(located, context, force);
    return located;
  }
  if (device === 'cpu') return await fetchTensorflow(context);
  if (!fetchesCuda) throw await missingCudaBuild(context);
  const { fetch, python } = await requireCudaFetchable(context, force);
  return await fetchCuda(fetch, python, context);
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
