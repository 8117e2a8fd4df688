import { createHash, type Hash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import type { ManifestFile } from './cache.ts';
import { type Compiler, compile, elfLinkFlags, requireBuilt } from './compiler.ts';
import type { RuntimeContext } from './context.ts';
import type { LocatedTensorflow } from './locate.ts';
import type { CachedOneDnn } from './onednn.ts';
import { locateTfjsNode } from './tfjs-node.ts';

/** The addon that registers the native operations with TensorFlow. */
export const operationsName = 'gru_lm_operations.node';

/**
 * For the processor at hand: the key of what is built has that processor in it. Where it has vectors of 512 bits
 * they are used, as oneDNN does: compilers by themselves keep to half of that.
 */
const thisProcessor = ({ host }: RuntimeContext): readonly string[] =>
  host.arch === 'x64' ? ['-march=native', '-mprefer-vector-width=512'] : ['-mcpu=native'];

const compileFlagsFor = (target: readonly string[]) => [
  '-std=c++17',
  '-O3',
  ...target,
  '-fno-math-errno',
  '-fno-trapping-math',
  '-fPIC',
  '-DNAPI_VERSION=8',
  '-w',
];
const linkFlags = ['-shared', ...elfLinkFlags];

/** How many sources are compiled at once at most: each takes up to 250 MB of memory. */
const compilersAtOnce = Math.min(4, availableParallelism());

/** What the addon is built from. */
export interface OperationsParts {
  tensorflow: LocatedTensorflow;
  oneDnn: CachedOneDnn;
  /** Where the addon will look for the libraries. */
  libraryPaths: readonly string[];
}

/** What the built addon depends on, as a short hash: sources, flags, libraries, and the processor. */
export async function operationsKey(
  { tensorflow, oneDnn, libraryPaths }: OperationsParts,
  context: RuntimeContext,
): Promise<string> {
  const { operationsDirectory } = locateTfjsNode();
  const hash = createHash('sha256');
  const { platform, arch, processor } = context.host;
  const flags = compileFlagsFor(thisProcessor(context));
  hash.update(JSON.stringify([platform, arch, processor, flags, linkFlags, libraryPaths]));
  hash.update(JSON.stringify([tensorflow.version ?? '', oneDnn.pin]));
  await hashSources(hash, operationsDirectory);
  return hash.digest('hex').slice(0, 16);
}

/** Adds the sources of the native operations to a hash. */
async function hashSources(hash: Hash, operationsDirectory: string): Promise<void> {
  for (const name of await listSources(operationsDirectory, /\.(cc|h)$/)) {
    hash.update(`\n${name}\n`);
    hash.update(await readFile(join(operationsDirectory, name)));
  }
}

/**
 * Compiles the native operations into `directory`, some sources at once, and links them; `target` are the
 * compiler's flags that say for which processors.
 */
export async function buildOperations(
  { tensorflow, oneDnn, libraryPaths }: OperationsParts,
  compiler: Compiler,
  directory: string,
  context: RuntimeContext,
  target: readonly string[] = thisProcessor(context),
): Promise<ManifestFile[]> {
  const { onEvent } = context;
  const { nodeHeaders, operationsDirectory } = locateTfjsNode();
  onEvent({
    type: 'phase',
    phase: 'build',
    message: `compiling the native operations with ${compiler.command}`,
  });
  const includes = [nodeHeaders, oneDnn.includeDirectory, tensorflow.includeDirectory];
  const flags = [...compileFlagsFor(target), ...includes.flatMap((path) => ['-I', path])];
  const sources = await listSources(operationsDirectory, /\.cc$/);
  const objects = sources.map((name) => join(directory, `${basename(name, '.cc')}.o`));
  await inTurns(sources, async (name, i) => {
    const args = [...flags, '-c', '-o', objects[i]!, join(operationsDirectory, name)];
    await compile(compiler, args, directory, context);
  });
  const libraries = [oneDnn.library, tensorflow.ccLibrary, tensorflow.frameworkLibrary];
  const paths = libraryPaths.flatMap((path) => ['-Xlinker', '-rpath', '-Xlinker', path]);
  const output = ['-o', join(directory, operationsName)];
  const args = [...linkFlags, ...output, ...objects, ...libraries, ...paths];
  await compile(compiler, args, directory, context);
  const written = await requireBuilt(compiler, directory, operationsName);
  await Promise.all(objects.map((path) => rm(path, { force: true })));
  onEvent({ type: 'done', phase: 'build' });
  return [written];
}

/** The files directly in the directory: its folder of tests is no part of the library. */
async function listSources(directory: string, pattern: RegExp): Promise<string[]> {
  return (await readdir(directory)).filter((name) => pattern.test(name)).sort();
}

/** Works on the items, some of them side by side; none is begun after a failure. */
async function inTurns<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const left = items.entries();
  let hasFailed = false;
  const worker = async () => {
    for (const [i, item] of left) {
      if (hasFailed) return;
      await work(item, i).catch((error: unknown) => {
        hasFailed = true;
        throw error;
      });
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: compilersAtOnce }, worker));
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
