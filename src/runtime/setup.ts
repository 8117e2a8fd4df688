import { requireCompiler } from './compiler.ts';
import { type ContextParts, createContext, type RuntimeContext } from './context.ts';
import { missingCudaBuild, missingGpu, requireNvidiaDriver } from './cuda.ts';
import { type Device, describeCached, type LocatedTensorflow, locateTensorflow } from './locate.ts';
import { ensureOperationsProbed } from './operations-probe.ts';
import type { TensorflowPin } from './pins.ts';
import { ensureProbed } from './probe.ts';
import { describeBinding, findBinding, provision, requireFetchable } from './provision.ts';

/** What setting up does, or has done: what is fetched, how large, from where, to where. */
export interface SetupPlan {
  device: Device;
  cacheDirectory: string;
  tensorflow: {
    action: 'fetch' | 'present';
    version: string | undefined;
    /** Where it is or will be. */
    directory: string;
    source: LocatedTensorflow['source'];
    /** Only for a fetch. */
    wheel?: {
      file: string;
      bytes: number;
      unpackedBytes: number;
      sha256: string;
      fetchedBy: string;
    };
  };
  binding: { action: 'build' | 'present'; directory: string; compiler: string | undefined };
  /** What has to come over the network. */
  downloadBytes: number;
  /** What is added to the cache in the end. */
  diskBytes: number;
}

/** Settings of `setUpRuntime`. */
export interface SetupOptions extends ContextParts {
  device?: Device;
  /** Only say what would be done. */
  dryRun?: boolean;
  /** Fetch and build anew what is there already. */
  force?: boolean;
}

/** Fetches, builds and tries out the native runtime, or with `dryRun` says what that would take. */
export async function setUpRuntime(options: SetupOptions = {}): Promise<SetupPlan> {
  const { device = 'cpu', dryRun = false, force = false, ...parts } = options;
  const context = createContext(parts);
  const plan = await planSetup(context, device, force);
  if (dryRun) return plan;
  const { binding, operations } = await provision(context, device, { force, retry: true });
  const probed = await ensureProbed(binding, device, context);
  if (device === 'cuda' && !probed.isUsingGpuDevice) throw missingGpu();
  if (operations.built) await ensureOperationsProbed(operations.built, binding, context);
  return plan;
}

async function planSetup(
  context: RuntimeContext,
  device: Device,
  force: boolean,
): Promise<SetupPlan> {
  const located = await locateTensorflow(context, device);
  if (device === 'cuda') {
    if (located === undefined) throw missingCudaBuild();
    requireNvidiaDriver(context);
  }
  const isFetch = located === undefined || (force && located.source === 'cache');
  const fetchable = isFetch ? await requireFetchable(context) : undefined;
  const tensorflow = fetchable ? describeCached(fetchable.pin, context) : located!;
  const isBuild = force || isFetch || (await findBinding(context, tensorflow)) === undefined;
  const compiler = isBuild ? (fetchable?.compiler ?? (await requireCompiler(context))) : undefined;
  const { directory } = await describeBinding(context, tensorflow);
  const wheel = fetchable && describeWheel(fetchable.pin, fetchable.python.command);
  return {
    device,
    cacheDirectory: context.cacheDirectory,
    tensorflow: {
      action: wheel ? 'fetch' : 'present',
      version: tensorflow.version,
      directory: tensorflow.directory,
      source: tensorflow.source,
      ...(wheel && { wheel }),
    },
    binding: {
      action: isBuild ? 'build' : 'present',
      directory,
      compiler: compiler?.version || compiler?.command,
    },
    downloadBytes: wheel?.bytes ?? 0,
    diskBytes: wheel?.unpackedBytes ?? 0,
  };
}

function describeWheel(
  pin: TensorflowPin,
  python: string,
): NonNullable<SetupPlan['tensorflow']['wheel']> {
  const { file, bytes, unpackedBytes, sha256 } = pin;
  return { file, bytes, unpackedBytes, sha256, fetchedBy: `${python} -m pip` };
}
