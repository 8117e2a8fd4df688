import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { readManifest } from './cache.ts';
import type { RuntimeContext } from './context.ts';
import {
  describeFetchedCuda,
  hasSolver,
  missingCudaParts,
  missingLibraries,
  throughLinks,
} from './cuda-layout.ts';
import { platformKey } from './host.ts';
import { loaderLibraries } from './loader-libraries.ts';
import { type TensorflowPin, tensorflowVersion } from './pins.ts';
import { findPythons } from './python.ts';

/** Where a computation is to run. */
export type Device = 'cpu' | 'cuda';

/** A TensorFlow on this machine that a binding can be built against. */
export interface LocatedTensorflow {
  source: 'cache' | 'environment' | 'python';
  /** Undefined if only running it can tell. */
  version: string | undefined;
  /** What the user may call it by: a directory. */
  directory: string;
  libraryDirectory: string;
  includeDirectory: string;
  ccLibrary: string;
  frameworkLibrary: string;
  /** Undefined if only running it can tell. */
  isCudaBuild: boolean | undefined;
  /** Where `libraryDirectory` is, relative to the cache; undefined for one that is elsewhere. */
  cachePath?: string;
  /** NVIDIA's libraries as pip lays them out, if they are beside it. */
  nvidiaDirectory?: string;
  /** The directory of the cache with the links through which it is loaded; undefined if it is loaded as it is. */
  linksDirectory?: string;
}

const supportedSeries = `${tensorflowVersion.split('.').slice(0, 2).join('.')}.`;

/** True if gru-lm can run on this release of TensorFlow. */
export function isSupportedVersion(version: string): boolean {
  return version.startsWith(supportedSeries);
}

/** The directory of the cache in which a fetched wheel is unpacked. */
export function cachedTensorflowDirectory(pin: TensorflowPin, cacheDirectory: string): string {
  return join(cacheDirectory, `${pin.project}-${pin.version}-${pin.platform}`);
}

/**
 * Finds a TensorFlow that is already here: the one named by GRU_LM_TENSORFLOW, else one fetched
 * earlier, else one that is installed for Python. Throws a `UserError` only if the named one is unfit.
 */
export async function locateTensorflow(
  context: RuntimeContext,
  device: Device,
): Promise<LocatedTensorflow | undefined> {
  const named = context.env.GRU_LM_TENSORFLOW;
  if (named) return await requireNamed(named, context, device);
  const cached = device === 'cpu' ? await locateCached(context) : await locateFetchedCuda(context);
  return cached ?? (await locateInPython(context, device));
}

/** The TensorFlow that was fetched earlier, if it is there and whole. */
export async function locateCached(
  context: RuntimeContext,
): Promise<LocatedTensorflow | undefined> {
  const pin = context.pins.find((candidate) => candidate.platform === platformKey(context.host));
  if (pin === undefined) return undefined;
  const cached = describeCached(pin, context);
  return (await readManifest(cached.directory)) === undefined ? undefined : cached;
}

/** The CUDA build that was fetched earlier, if it and all that it opens are there and whole. */
async function locateFetchedCuda(context: RuntimeContext): Promise<LocatedTensorflow | undefined> {
  const { host, cudaPins, cacheDirectory } = context;
  const pin = cudaPins.find(({ platform }) => platform === platformKey(host));
  if (pin === undefined || (await missingCudaParts(pin, cacheDirectory)).length > 0)
    return undefined;
  return describeFetchedCuda(pin, context);
}

/** The TensorFlow of this pin as it is in the cache, or will be. */
export function describeCached(pin: TensorflowPin, context: RuntimeContext): LocatedTensorflow {
  const directory = cachedTensorflowDirectory(pin, context.cacheDirectory);
  return {
    source: 'cache',
    version: pin.version,
    directory,
    libraryDirectory: directory,
    cachePath: basename(directory),
    includeDirectory: join(directory, 'include'),
    ccLibrary: join(directory, pin.ccLibrary),
    frameworkLibrary: join(directory, pin.frameworkLibrary),
    isCudaBuild: false,
  };
}

/** Where an addon looks for TensorFlow: beside itself in the cache, which may be moved as a whole. */
export function runtimeLibraryPath(context: RuntimeContext, tensorflow: LocatedTensorflow): string {
  if (tensorflow.cachePath === undefined) return tensorflow.libraryDirectory;
  const origin = context.host.platform === 'darwin' ? '@loader_path' : '$ORIGIN';
  return `${origin}/../${tensorflow.cachePath}`;
}

async function requireNamed(
  named: string,
  context: RuntimeContext,
  device: Device,
): Promise<LocatedTensorflow> {
  const directory = resolve(named);
  const manifest = await readManifest(directory);
  const found = await inspectDirectory(directory, manifest?.version, context);
  if (found === undefined) {
    throw new UserError(
      'runtime-tensorflow',
      `GRU_LM_TENSORFLOW should name a directory that holds ${libraryNames(context)[0]} (itself or under lib) and include; ${directory} does not.`,
      'Name the "tensorflow" package directory of a Python, or unset GRU_LM_TENSORFLOW.',
    );
  }
  if (found.version !== undefined && !isSupportedVersion(found.version)) {
    throw new UserError(
      'runtime-tensorflow',
      `GRU_LM_TENSORFLOW should name a TensorFlow ${supportedSeries}x; ${directory} is ${found.version}.`,
      `Install tensorflow==${tensorflowVersion}, or unset GRU_LM_TENSORFLOW.`,
    );
  }
  if (device === 'cuda' && found.isCudaBuild === false) {
    throw new UserError(
      'runtime-cuda',
      `The TensorFlow that GRU_LM_TENSORFLOW names (${directory}) is built without CUDA.`,
      `Install one with CUDA (pip install "tensorflow[and-cuda]==${tensorflowVersion}") and unset GRU_LM_TENSORFLOW.`,
    );
  }
  return asLoaded({ source: 'environment', ...found }, context, device);
}

async function locateInPython(
  context: RuntimeContext,
  device: Device,
): Promise<LocatedTensorflow | undefined> {
  for (const { tensorflow } of await findPythons(context)) {
    if (tensorflow === undefined || !isSupportedVersion(tensorflow.version)) continue;
    const found = await inspectDirectory(tensorflow.directory, tensorflow.version, context);
    if (found === undefined || (device === 'cuda' && found.isCudaBuild !== true)) continue;
    const located = asLoaded({ source: 'python', ...found }, context, device);
    if (device === 'cpu' || (await missingOpened(located, context)).length === 0) return located;
  }
  return undefined;
}

/** A CUDA build that has NVIDIA's libraries beside it is loaded through links, and any other as it is. */
function asLoaded(
  found: LocatedTensorflow,
  context: RuntimeContext,
  device: Device,
): LocatedTensorflow {
  const nvidiaDirectory = join(dirname(found.directory), 'nvidia');
  if (device === 'cpu' || !hasSolver(nvidiaDirectory)) return found;
  return throughLinks({ ...found, nvidiaDirectory }, context);
}

/** Names of libraries that a CUDA build opens and that are neither beside it nor where the loader looks. */
export async function missingOpened(
  { nvidiaDirectory }: LocatedTensorflow,
  context: RuntimeContext,
): Promise<string[]> {
  const missing = missingLibraries(nvidiaDirectory);
  if (missing.length === 0) return [];
  const known = await loaderLibraries(context);
  return missing.filter((name) => !known.has(name));
}

async function inspectDirectory(
  directory: string,
  version: string | undefined,
  context: RuntimeContext,
): Promise<Omit<LocatedTensorflow, 'source'> | undefined> {
  const includeDirectory = join(directory, 'include');
  if (!existsSync(join(includeDirectory, 'tensorflow', 'c', 'c_api.h'))) return undefined;
  const [ccName, frameworkName] = libraryNames(context);
  for (const libraryDirectory of [directory, join(directory, 'lib')]) {
    const ccLibrary = join(libraryDirectory, ccName);
    const frameworkLibrary = join(libraryDirectory, frameworkName);
    if (!existsSync(ccLibrary) || !existsSync(frameworkLibrary)) continue;
    const isCudaBuild = await readIsCudaBuild(directory);
    return {
      version,
      directory,
      libraryDirectory,
      includeDirectory,
      ccLibrary,
      frameworkLibrary,
      isCudaBuild,
    };
  }
  return undefined;
}

/** What the Python package says of its own build. */
async function readIsCudaBuild(directory: string): Promise<boolean | undefined> {
  try {
    const path = join(directory, 'python', 'platform', 'build_info.py');
    const found = /\('is_cuda_build', (True|False)\)/.exec(await readFile(path, 'utf8'));
    return found === null ? undefined : found[1] === 'True';
  } catch {
    return undefined;
  }
}

function libraryNames(context: RuntimeContext): [string, string] {
  return context.host.platform === 'darwin'
    ? ['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib']
    : ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
}
