/**
 * Addons compiled ahead of time, for machines without a compiler: what `npm run prebuilds` makes and `npm pack` packs.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  bindingKey,
  bindingName,
  buildBinding,
  requireCompiler,
  stderrGateName,
} from '../src/runtime/compiler.ts';
import { createContext, type RuntimeContext } from '../src/runtime/context.ts';
import { levels } from '../src/runtime/levels.ts';
import { describeCached, type LocatedTensorflow } from '../src/runtime/locate.ts';
import { type CachedOneDnn, requireOneDnn } from '../src/runtime/onednn.ts';
import { buildOperations, operationsKey, operationsName } from '../src/runtime/operations-build.ts';
import { requirePin } from '../src/runtime/pins.ts';
import {
  oneDnnLink,
  type PrebuiltFile,
  type PrebuiltManifest,
  readPrebuiltManifest,
  tensorflowLink,
} from '../src/runtime/prebuilt.ts';
import { setUpRuntime } from '../src/runtime/setup.ts';
import { locateTfjsNode } from '../src/runtime/tfjs-node.ts';
import { minimumGlibc, readTables } from './addon-needs.ts';

/** The platform that addons are prebuilt for. */
const platform = 'linux-x64';
const rpath = (link: string) => `$ORIGIN/${link}`;
const libraryPaths = [oneDnnLink, tensorflowLink].map(rpath);

interface Parts {
  context: RuntimeContext;
  tensorflow: LocatedTensorflow;
  oneDnn: CachedOneDnn;
}

/** The pinned libraries, as they are in the cache or will be. */
function pinnedParts(): Parts {
  // TensorFlow in its pinned release, whatever else is on this machine.
  const context = createContext({ env: { ...process.env, GRU_LM_TENSORFLOW: '' } });
  const tensorflow = describeCached(requirePin(context.host, context.pins), context);
  return { context, tensorflow, oneDnn: requireOneDnn(context) };
}

/** A hash of everything that prebuilt addons are made of but the compiler. */
export async function prebuildSources(): Promise<string> {
  const { context, tensorflow, oneDnn } = pinnedParts();
  const files = locateTfjsNode();
  const binding = await bindingKey(tensorflow, files, rpath(tensorflowLink), context);
  // The same on each processor.
  const host = { ...context.host, processor: '' };
  const operations = await operationsKey(
    { tensorflow, oneDnn, libraryPaths },
    { ...context, host },
  );
  const text = JSON.stringify([binding, operations, levels]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** Addons as a compiler wrote them. */
export interface CompiledAddons {
  binding: string;
  stderrGate: string;
  operations: readonly { level: string; path: string }[];
  /** What the compiler says of itself. */
  compiler: string;
}

/**
 * Compiles the binding, and the native operations once a level, into `directory`/linux-x64, which is replaced
 * by them when all are there.
 */
export async function prebuild(
  directory: string,
  onStep: (step: string) => void,
): Promise<PrebuiltManifest> {
  const { context, tensorflow, oneDnn } = pinnedParts();
  await setUpRuntime(context);
  const compiler = await requireCompiler(context);
  const scratch = await mkdtemp(join(tmpdir(), 'gru-lm-prebuild-'));
  try {
    onStep('the binding');
    const tfjsNode = locateTfjsNode();
    await buildBinding(tensorflow, tfjsNode, rpath(tensorflowLink), compiler, scratch, context);
    const operations: { level: string; path: string }[] = [];
    for (const { name, compilerFlags } of levels) {
      onStep(`the native operations for ${name}`);
      const parts = { tensorflow, oneDnn, libraryPaths };
      await buildOperations(parts, compiler, scratch, context, compilerFlags);
      const path = join(scratch, name);
      await rename(join(scratch, operationsName), path);
      operations.push({ level: name, path });
    }
    const [binding, stderrGate] = [bindingName, stderrGateName].map((file) => join(scratch, file));
    return await collectPrebuilds(directory, {
      binding: binding!,
      stderrGate: stderrGate!,
      operations,
      compiler: compiler.version,
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Makes `directory`/linux-x64 of addons that were compiled; throws if they ask too much of a system. */
export async function collectPrebuilds(
  directory: string,
  compiled: CompiledAddons,
): Promise<PrebuiltManifest> {
  const made = join(directory, `${platform}.new`);
  await rm(made, { recursive: true, force: true });
  await mkdir(made, { recursive: true });
  const collect = async (from: string, file: string): Promise<PrebuiltFile> => {
    await promisify(execFile)('strip', ['--strip-unneeded', '-o', join(made, file), from]);
    const bytes = await readFile(join(made, file));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { file, bytes: bytes.length, sha256 };
  };
  const binding = await collect(compiled.binding, bindingName);
  const stderrGate = await collect(compiled.stderrGate, stderrGateName);
  const operations: (PrebuiltFile & { level: string })[] = [];
  for (const { level, path } of compiled.operations) {
    operations.push({ level, ...(await collect(path, `gru_lm_operations.${level}.node`)) });
  }
  const files = [binding, stderrGate, ...operations].map(({ file }) => join(made, file));
  const { tensorflow, oneDnn } = pinnedParts();
  const manifest: PrebuiltManifest = {
    format: 1,
    platform,
    minimumGlibc: minimumGlibc(await readTables(files)),
    tensorflow: tensorflow.version!,
    oneDnn: oneDnn.pin.version,
    compiler: compiled.compiler,
    sources: await prebuildSources(),
    binding,
    stderrGate,
    operations,
  };
  await writeFile(join(made, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await rm(join(directory, platform), { recursive: true, force: true });
  await rename(made, join(directory, platform));
  return manifest;
}

/** Copies what was prebuilt into the distribution, if something was; it has to be of the sources at hand. */
export async function copyPrebuilds(directory: string, dist: string): Promise<void> {
  const manifest = await readPrebuiltManifest(join(directory, platform));
  if (manifest === undefined) return;
  if (manifest.sources !== (await prebuildSources())) {
    throw new Error(
      `${directory} was compiled from other sources: run npm run prebuilds anew, or remove it.`,
    );
  }
  const target = join(dist, 'prebuilds', platform);
  await mkdir(target, { recursive: true });
  const files = [manifest.binding, manifest.stderrGate, ...manifest.operations];
  for (const name of ['manifest.json', ...files.map(({ file }) => file)]) {
    await cp(join(directory, platform, name), join(target, name));
  }
}
