import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { explainWriteError, installDirectory, readManifest } from './cache.ts';
import { requireCompiler } from './compiler.ts';
import { isNativeOff, isOffline, type RuntimeContext } from './context.ts';
import { type Device, type LocatedTensorflow, runtimeLibraryPath } from './locate.ts';
import { ensureOneDnn, hasOneDnn, oneDnnOffline, requireOneDnn } from './onednn.ts';
import {
  buildOperations,
  type OperationsParts,
  operationsKey,
  operationsName,
} from './operations-build.ts';
import { operationsPart } from './part.ts';
import { type Reason, reasonOf } from './refusal.ts';

/** The addon of the native operations as it was built, or will be. */
export interface BuiltOperations extends OperationsParts {
  directory: string;
  addonPath: string;
  /** Says why they could not be had, if that is so: they are not tried again at each start. */
  failurePath: string;
}

/** The native operations, or why they cannot be had; neither where they are not wanted. */
export interface OperationsOutcome {
  built?: BuiltOperations;
  refusal?: Reason;
}

/** How much is to be done about them. */
export interface EnsureOptions {
  /** Fetch and build anew what is there. */
  force: boolean;
  /** Try again what failed before. */
  retry: boolean;
}

/** True if they are wanted: for TensorFlow on the processor, unless the user turned them off. */
export function wantsOperations(context: RuntimeContext, device: Device): boolean {
  return device === 'cpu' && !isNativeOff(context);
}

/**
 * The native operations for this TensorFlow as far as nothing has to be fetched or built to tell;
 * undefined if that has to be tried first.
 */
export async function findOperations(
  context: RuntimeContext,
  tensorflow: LocatedTensorflow,
  device: Device,
  { retry }: { retry: boolean },
): Promise<OperationsOutcome | undefined> {
  if (!wantsOperations(context, device)) return {};
  try {
    const described = await describeOperations(context, tensorflow);
    const { oneDnn, directory, failurePath } = described;
    const failure = retry ? undefined : await readFailure(failurePath);
    if (failure !== undefined) return { refusal: failure };
    if (!(await hasOneDnn(oneDnn))) {
      return isOffline(context) ? { refusal: reasonOf(oneDnnOffline(oneDnn)) } : undefined;
    }
    return (await readManifest(directory)) === undefined ? undefined : { built: described };
  } catch (error) {
    return { refusal: reasonOf(error) };
  }
}

/**
 * Makes the native operations ready, fetching and building what is missing. Whatever prevents that
 * is a reason, not an error, and is recorded.
 */
export async function ensureOperations(
  parent: RuntimeContext,
  tensorflow: LocatedTensorflow,
  device: Device,
  { force, retry }: EnsureOptions,
): Promise<OperationsOutcome> {
  const context = { ...parent, part: operationsPart };
  const found = await findOperations(context, tensorflow, device, { retry });
  if (found !== undefined && !(force && found.built)) return found;
  const described = await describeOperations(context, tensorflow);
  try {
    await rm(described.failurePath, { force: true });
    await ensureOneDnn(described.oneDnn, context, force);
    await installOperations(described, context);
    return { built: described };
  } catch (error) {
    context.signal?.throwIfAborted();
    const explained = explainWriteError(error, context.cacheDirectory, operationsPart);
    return { refusal: await recordFailure(described, reasonOf(explained)) };
  }
}

/** Where the native operations for this TensorFlow are or would be; throws if this host has none. */
export async function describeOperations(
  context: RuntimeContext,
  tensorflow: LocatedTensorflow,
): Promise<BuiltOperations> {
  const oneDnn = requireOneDnn(context);
  const libraryPaths = [
    `$ORIGIN/../${basename(oneDnn.directory)}`,
    runtimeLibraryPath(context, tensorflow),
  ];
  const parts = { tensorflow, oneDnn, libraryPaths };
  const name = `operations-${await operationsKey(parts, context)}`;
  const directory = join(context.cacheDirectory, name);
  return {
    ...parts,
    directory,
    addonPath: join(directory, operationsName),
    failurePath: join(context.cacheDirectory, `${name}-failed.json`),
  };
}

/** Keeps why the native operations cannot be had, until gru-lm setup tries again. */
export async function recordFailure(
  { failurePath }: BuiltOperations,
  { reason, mend }: Reason,
): Promise<Reason> {
  const failure = {
    reason,
    mend: mend.includes('gru-lm setup') ? mend : `${mend} Then run gru-lm setup.`,
  };
  // Where it cannot be written, the next run only tries again.
  await writeFile(failurePath, `${JSON.stringify(failure)}\n`).catch(() => {});
  return failure;
}

async function installOperations(
  described: BuiltOperations,
  context: RuntimeContext,
): Promise<void> {
  const { tensorflow, oneDnn, directory } = described;
  const compiler = await requireCompiler(context);
  await installDirectory(context.cacheDirectory, directory, async (building) => ({
    format: 1,
    what: 'The native operations: an addon that registers them with TensorFlow',
    version: oneDnn.pin.version,
    files: await buildOperations(described, compiler, building, context),
    details: { compiler: compiler.version, tensorflow: tensorflow.directory },
  }));
}

async function readFailure(path: string): Promise<Reason | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Reason;
  } catch {
    return undefined;
  }
}
