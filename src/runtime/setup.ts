import { join } from 'node:path';
import { findBinding, plannedBinding } from './binding.ts';
import type { NativeOperations } from './binding-types.ts';
import { readManifest } from './cache.ts';
import { type Compiler, requireCompiler } from './compiler.ts';
import { type ContextParts, createContext, isOffline, type RuntimeContext } from './context.ts';
import { requireNvidiaDriver } from './cuda.ts';
import { lacking } from './cuda-checks.ts';
import { withCudaEnvironment } from './cuda-environment.ts';
import { describeFetchedCuda, fetchedCudaRoot } from './cuda-layout.ts';
import {
  type Device,
  describeCached,
  type LocatedTensorflow,
  locateTensorflow,
  missingOpened,
} from './locate.ts';
import { type CachedOneDnn, hasOneDnn, oneDnnOffline } from './onednn.ts';
import {
  describeOperations,
  findOperations,
  type OperationsOutcome,
  wantsOperations,
} from './operations.ts';
import { operationsPart } from './part.ts';
import type { WheelPin } from './pins.ts';
import { requireCudaFetchable, requireFetchable } from './provision.ts';
import { type Python, requirePip } from './python.ts';
import { makeReady } from './ready.ts';
import { type Reason, reasonOf } from './refusal.ts';

/** A wheel that is to be fetched. */
export interface PlannedWheel {
  file: string;
  bytes: number;
  unpackedBytes: number;
  sha256: string;
  fetchedBy: string;
}

/** What is done about the native operations, without which TensorFlow runs too. */
export interface OperationsPlan {
  /** `none` where they are not wanted or cannot be had. */
  action: 'build' | 'copy' | 'present' | 'none';
  directory?: string;
  compiler?: string;
  oneDnn?: { version: string; directory: string; wheels: PlannedWheel[] };
  /** What they said of themselves when they were tried out. */
  found?: NativeOperations;
  /** Why they cannot be had, although they are wanted. */
  refusal?: Reason;
}

/** What is done about NVIDIA's libraries. */
export interface NvidiaPlan {
  action: 'fetch' | 'present' | 'missing';
  /** Which are missing where nothing is fetched. */
  missing?: Reason;
  /** Where they are or will be; undefined if the system's loader has them. */
  directory: string | undefined;
  /** The releases that are fetched; undefined for those of others. */
  cuda?: string;
  cudnn?: string;
  /** Only for a fetch. */
  wheels: PlannedWheel[];
  /** Why the GPU cannot be used with all this, if there is no driver for it. */
  refusal?: Reason;
}

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
    wheel?: PlannedWheel;
  };
  /** NVIDIA's libraries, for `cuda`. */
  nvidia?: NvidiaPlan;
  /** `copy` is of what came with the package. */
  binding: {
    action: 'build' | 'copy' | 'present';
    directory: string;
    compiler: string | undefined;
  };
  operations: OperationsPlan;
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
  if (device === 'cuda' && !dryRun) requireNvidiaDriver(context);
  const plan = await planSetup(context, device, force);
  if (dryRun) return plan;
  const asked = { force, retry: true, fetchesCuda: true };
  const tried = device === 'cuda' ? await withCudaEnvironment(context) : context;
  const { binding, operations } = await makeReady(tried, device, asked);
  const { built, isKept, ...outcome } = operations;
  const operationsPlan: OperationsPlan =
    built && isKept
      ? { action: 'present', directory: built.directory }
      : await settle(plan.operations, built);
  return {
    ...plan,
    binding: await settle(plan.binding, binding),
    operations: { ...operationsPlan, ...outcome },
  };
}

/** What the plan came to: where something prebuilt did not work, it was compiled. */
async function settle<Plan extends { action: string; directory?: string; compiler?: unknown }>(
  plan: Plan,
  built: { directory: string } | undefined,
): Promise<Plan> {
  if (built === undefined || built.directory === plan.directory) return plan;
  const compiler = (await readManifest(built.directory))?.details.compiler;
  return { ...plan, action: 'build', directory: built.directory, compiler };
}

async function planSetup(
  context: RuntimeContext,
  device: Device,
  force: boolean,
): Promise<SetupPlan> {
  const located = await locateTensorflow(context, device);
  const isFetch = located === undefined || (force && located.source === 'cache');
  const planFetch = device === 'cuda' ? planCudaFetch : planCpuFetch;
  const fetched = isFetch ? await planFetch(context, force) : undefined;
  const tensorflow = fetched?.tensorflow ?? located!;
  const again = { retry: true };
  const present = force || isFetch ? undefined : await findBinding(context, tensorflow, again);
  const planned = present ?? (await plannedBinding(context, tensorflow, again)).binding;
  const isBuild = present === undefined && planned.origin === 'compiled';
  const compiler = isBuild ? (fetched?.compiler ?? (await requireCompiler(context))) : undefined;
  const { wheel } = fetched ?? {};
  const nvidia =
    fetched?.nvidia ?? (device === 'cuda' ? await lookForNvidia(tensorflow, context) : undefined);
  const operations = await planOperations(context, tensorflow, device, force);
  const wheels = [
    ...(wheel ? [wheel] : []),
    ...(nvidia?.wheels ?? []),
    ...(operations.oneDnn?.wheels ?? []),
  ];
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
    ...(nvidia && { nvidia: { ...nvidia, ...driverRefusal(context) } }),
    binding: {
      action: present ? 'present' : isBuild ? 'build' : 'copy',
      directory: planned.directory,
      compiler: compiler?.version || compiler?.command,
    },
    operations,
    downloadBytes: sum(wheels.map(({ bytes }) => bytes)),
    diskBytes: sum(wheels.map(({ unpackedBytes }) => unpackedBytes)),
  };
}

/** What is fetched, and what it will be. */
interface PlannedFetch {
  tensorflow: LocatedTensorflow;
  compiler: Compiler | undefined;
  wheel?: PlannedWheel;
  nvidia?: NvidiaPlan;
}

async function planCpuFetch(context: RuntimeContext): Promise<PlannedFetch> {
  const { pin, compiler, python } = await requireFetchable(context);
  return { tensorflow: describeCached(pin, context), compiler, wheel: planWheel(pin, python) };
}

async function planCudaFetch(context: RuntimeContext, force: boolean): Promise<PlannedFetch> {
  const { fetch, compiler, python } = await requireCudaFetchable(context, force);
  const { pin, parts } = fetch;
  const wheels = parts.map((part) => planWheel(part.pin, python));
  const wheel = wheels.find(({ file }) => file === pin.tensorflow.file);
  const others = wheels.filter((each) => each !== wheel);
  return {
    tensorflow: describeFetchedCuda(pin, context),
    compiler,
    ...(wheel && { wheel }),
    nvidia: {
      action: others.length > 0 ? 'fetch' : 'present',
      directory: join(fetchedCudaRoot(pin, context.cacheDirectory), 'nvidia'),
      cuda: pin.cuda,
      cudnn: pin.cudnn,
      wheels: others,
    },
  };
}

async function lookForNvidia(
  tensorflow: LocatedTensorflow,
  context: RuntimeContext,
): Promise<NvidiaPlan> {
  const missing = await missingOpened(tensorflow, context);
  const common = { directory: tensorflow.nvidiaDirectory, wheels: [] };
  return missing.length === 0
    ? { action: 'present', ...common }
    : { action: 'missing', missing: lacking(missing), ...common };
}

/** Why there is no GPU to use, if that can be told from the driver alone. */
function driverRefusal(context: RuntimeContext): { refusal?: Reason } {
  try {
    requireNvidiaDriver(context);
    return {};
  } catch (error) {
    return { refusal: reasonOf(error) };
  }
}

async function planOperations(
  parent: RuntimeContext,
  tensorflow: LocatedTensorflow,
  device: Device,
  force: boolean,
): Promise<OperationsPlan> {
  const context = { ...parent, part: operationsPart };
  if (!wantsOperations(context, device)) return { action: 'none' };
  let outcome: OperationsOutcome | undefined;
  try {
    outcome = await findOperations(context, tensorflow, device, { retry: true });
    // What cannot be fetched anew stays as it is.
    const anew = force && !(outcome?.built && isOffline(context));
    const present = anew ? undefined : outcome?.built;
    const planned = present ?? (await describeOperations(context, tensorflow));
    const { oneDnn, directory } = planned;
    const isFetch = anew || !(await hasOneDnn(oneDnn));
    const wheels = isFetch ? await planOneDnn(oneDnn, context) : [];
    const isBuild = present === undefined && planned.origin === 'compiled';
    const compiler = isBuild ? await requireCompiler(context) : undefined;
    return {
      action: present ? 'present' : isBuild ? 'build' : 'copy',
      directory,
      ...(compiler && { compiler: compiler.version || compiler.command }),
      oneDnn: { version: oneDnn.pin.version, directory: oneDnn.directory, wheels },
    };
  } catch (error) {
    if (outcome?.built) return { action: 'present', directory: outcome.built.directory };
    return { action: 'none', refusal: reasonOf(error) };
  }
}

async function planOneDnn(oneDnn: CachedOneDnn, context: RuntimeContext): Promise<PlannedWheel[]> {
  if (isOffline(context)) throw oneDnnOffline(oneDnn);
  const python = await requirePip(context);
  return oneDnn.pin.wheels.map((pin) => planWheel(pin, python));
}

function planWheel(pin: WheelPin, python: Python): PlannedWheel {
  const { file, bytes, unpackedBytes, sha256 } = pin;
  return { file, bytes, unpackedBytes, sha256, fetchedBy: `${python.command} -m pip` };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
