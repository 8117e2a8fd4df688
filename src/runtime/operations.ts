import { basename, join } from 'node:path';
import { explainWriteError, installDirectory, readManifest } from './cache.ts';
import { requireCompiler } from './compiler.ts';
import { isNativeOff, isOffline, type RuntimeContext } from './context.ts';
import { forgetFailure, joinReasons, recordFailure, sortOut } from './failures.ts';
import { levelsFor } from './levels.ts';
import { type Device, type LocatedTensorflow, runtimeLibraryPath } from './locate.ts';
import { ensureOneDnn, hasOneDnn, oneDnnOffline, requireOneDnn } from './onednn.ts';
import {
  buildOperations,
  type OperationsParts,
  operationsKey,
  operationsName,
} from './operations-build.ts';
import { operationsPart } from './part.ts';
import {
  type AddonOrigin,
  findPrebuilt,
  installPrebuilt,
  oneDnnLink,
  type Prebuilt,
  type PrebuiltAddon,
  prebuiltKey,
  tensorflowLink,
  tensorflowTarget,
} from './prebuilt.ts';
import { type Reason, reasonOf } from './refusal.ts';

/** The addon of the native operations as it is there, or will be. */
export interface BuiltOperations extends OperationsParts {
  origin: AddonOrigin;
  /** Of a prebuilt one, the level of `levels.ts` that it was compiled for. */
  level?: string;
  /** Of a prebuilt one, what it is copied from. */
  source?: { prebuilt: Prebuilt; addon: PrebuiltAddon };
  directory: string;
  addonPath: string;
  /** Says why they could not be had, if that is so: they are not tried again at each start. */
  failurePath: string;
}

/** The native operations, or why they cannot be had; neither where they are not wanted. */
export interface OperationsOutcome {
  built?: BuiltOperations;
  /** True if they were to be made anew and could not be. */
  isKept?: boolean;
  /** Why better ones were passed over. */
  passedOver?: Reason[];
  refusal?: Reason;
}

/** How much is to be done about them. */
export interface EnsureOptions {
  /** Fetch and build anew what is there. */
  force: boolean;
  /** Try again what failed before. */
  retry: boolean;
}

const what = 'The native operations: an addon that registers them with TensorFlow';

/** True if they are wanted: for TensorFlow on the processor, unless the user turned them off. */
export function wantsOperations(context: RuntimeContext, device: Device): boolean {
  return device === 'cpu' && !isNativeOff(context);
}

/**
 * The native operations for this TensorFlow as far as nothing has to be fetched or built to tell, the
 * prebuilt ones before those that were compiled; undefined if that has to be tried first.
 */
export async function findOperations(
  context: RuntimeContext,
  tensorflow: LocatedTensorflow,
  device: Device,
  { retry }: { retry: boolean },
): Promise<OperationsOutcome | undefined> {
  if (!wantsOperations(context, device)) return {};
  try {
    const candidates = await describeCandidates(context, tensorflow);
    const { open, failures } = await sortOut(candidates, retry);
    if (open.length === 0) return { refusal: joinReasons(failures) };
    const { oneDnn } = candidates[0]!;
    if (!(await hasOneDnn(oneDnn))) {
      return isOffline(context) ? { refusal: reasonOf(oneDnnOffline(oneDnn)) } : undefined;
    }
    for (const candidate of open) {
      if ((await readManifest(candidate.directory)) === undefined) continue;
      const isLast = candidate.origin === 'compiled' && failures.length > 0;
      return { built: candidate, ...(isLast && { passedOver: failures }) };
    }
    return undefined;
  } catch (error) {
    return { refusal: reasonOf(error) };
  }
}

/**
 * Makes the native operations ready: fetches what is missing, and copies the prebuilt ones or compiles them.
 * Whatever prevents that is a reason, not an error, and is recorded; but where `force` finds whole ones that
 * cannot be made anew, they stay in use, and a notice says why.
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
  const candidates = await describeCandidates(context, tensorflow);
  const { open, failures } = await sortOut(candidates, force || retry);
  const reasonFor = (error: unknown) => {
    context.signal?.throwIfAborted();
    return reasonOf(explainWriteError(error, context.cacheDirectory, operationsPart));
  };
  const passedOver: { candidate: BuiltOperations; reason: Reason }[] = [];
  const keep = async (candidate: BuiltOperations, reason: Reason) => {
    passedOver.push({ candidate, reason });
    return found === undefined ? await recordFailure(candidate, reason) : reason;
  };
  const giveUp = (refusal: Reason): OperationsOutcome => {
    if (found === undefined) return { refusal };
    const message = `The native operations stay as they were: ${refusal.reason}`;
    context.onEvent({ type: 'notice', message });
    return { ...found, isKept: true };
  };
  if (found === undefined) for (const candidate of open) await forgetFailure(candidate);
  try {
    await ensureOneDnn(candidates[0]!.oneDnn, context, force);
  } catch (error) {
    const reason = reasonFor(error);
    if (isOffline(context)) return giveUp(reason);
    for (const candidate of open) failures.push(await keep(candidate, reason));
    return giveUp(failures.at(-1)!);
  }
  for (const candidate of open) {
    try {
      await installOperations(candidate, context);
      await forgetFailure(candidate);
      // Or the next start would take those again.
      for (const { candidate: other, reason } of passedOver) await recordFailure(other, reason);
      return { built: candidate };
    } catch (error) {
      failures.push(await keep(candidate, reasonFor(error)));
    }
  }
  return giveUp(joinReasons(failures));
}

/** The native operations that would be tried first for this TensorFlow; throws if this host has none. */
export async function describeOperations(
  context: RuntimeContext,
  tensorflow: LocatedTensorflow,
  { retry }: { retry: boolean } = { retry: true },
): Promise<BuiltOperations> {
  const candidates = await describeCandidates(context, tensorflow);
  const { open } = await sortOut(candidates, retry);
  return open[0] ?? candidates.at(-1)!;
}

/**
 * Where the native operations for this TensorFlow are or would be, the best first: the prebuilt ones for the
 * best level that the processor has, then those that are compiled here.
 */
async function describeCandidates(
  context: RuntimeContext,
  tensorflow: LocatedTensorflow,
): Promise<BuiltOperations[]> {
  const oneDnn = requireOneDnn(context);
  const libraryPaths = [
    `$ORIGIN/../${basename(oneDnn.directory)}`,
    runtimeLibraryPath(context, tensorflow),
  ];
  const parts = { tensorflow, oneDnn, libraryPaths };
  const place = (name: string, file: string) => ({
    directory: join(context.cacheDirectory, name),
    addonPath: join(context.cacheDirectory, name, file),
    failurePath: join(context.cacheDirectory, `${name}-failed.json`),
  });
  const name = `operations-${await operationsKey(parts, context)}`;
  const compiled = { ...parts, origin: 'compiled' as const, ...place(name, operationsName) };
  const prebuilt = await findPrebuilt(context);
  const chosen = prebuilt && chooseLevel(prebuilt, context);
  if (!chosen || prebuilt.manifest.oneDnn !== oneDnn.pin.version) return [compiled];
  const addon = {
    files: [chosen],
    links: {
      [tensorflowLink]: tensorflowTarget(tensorflow),
      [oneDnnLink]: `../${basename(oneDnn.directory)}`,
    },
  };
  const { level, file } = chosen;
  const copied = {
    ...parts,
    ...place(`operations-${prebuiltKey(addon)}`, file),
    origin: 'prebuilt' as const,
    level,
    source: { prebuilt, addon },
  };
  return [copied, compiled];
}

/** The prebuilt operations for the best level that is to be had here, if one is. */
function chooseLevel({ manifest }: Prebuilt, context: RuntimeContext) {
  for (const { name } of levelsFor(context)) {
    const chosen = manifest.operations.find(({ level }) => level === name);
    if (chosen !== undefined) return chosen;
  }
  return undefined;
}

async function installOperations(
  described: BuiltOperations,
  context: RuntimeContext,
): Promise<void> {
  const { tensorflow, oneDnn, directory, source } = described;
  if (source !== undefined) {
    await installPrebuilt(source.prebuilt, source.addon, directory, what, context);
    return;
  }
  const compiler = await requireCompiler(context);
  await installDirectory(context.cacheDirectory, directory, async (building) => ({
    format: 1,
    what,
    version: oneDnn.pin.version,
    files: await buildOperations(described, compiler, building, context),
    details: { compiler: compiler.version, tensorflow: tensorflow.directory },
  }));
}
