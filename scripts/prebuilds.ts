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
import { isAtLeast } from '../src/runtime/host.ts';
import { type Level, levels } from '../src/runtime/levels.ts';
import { describeCached, type LocatedTensorflow } from '../src/runtime/locate.ts';
import { type CachedOneDnn, requireOneDnn } from '../src/runtime/onednn.ts';
import { buildOperations, hashSources, operationsName } from '../src/runtime/operations-build.ts';
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

/** The platform that addons are prebuilt for. */
const platform = 'linux-x64';
/** What prebuilt addons may ask of a system at most: what Debian 12 has. */
const newest: Readonly<Record<string, string>> = { GLIBC: '2.36', GLIBCXX: '3.4.30' };
const rpath = (link: string) => `$ORIGIN/${link}`;

interface PrebuildOptions {
  only?: readonly Level[];
  onStep?: (step: string) => void;
}

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
  const hash = createHash('sha256');
  hash.update(await bindingKey(tensorflow, files, rpath(tensorflowLink), context));
  hash.update(JSON.stringify([levels, oneDnn.pin, tensorflow.version]));
  await hashSources(hash, files.operationsDirectory);
  return hash.digest('hex');
}

/**
 * Compiles the binding, and the native operations once a level, into `directory`/linux-x64, which is replaced
 * by them when all are there.
 */
export async function prebuild(
  directory: string,
  { only = levels, onStep = () => {} }: PrebuildOptions = {},
): Promise<PrebuiltManifest> {
  const { context, tensorflow, oneDnn } = pinnedParts();
  await setUpRuntime(context);
  const compiler = await requireCompiler(context);
  const scratch = await mkdtemp(join(tmpdir(), 'gru-lm-prebuild-'));
  try {
    const made = join(scratch, 'made');
    await mkdir(made);
    const collect = async (from: string, file: string): Promise<PrebuiltFile> => {
      await promisify(execFile)('strip', ['--strip-unneeded', '-o', join(made, file), from]);
      const bytes = await readFile(join(made, file));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return { file, bytes: bytes.length, sha256 };
    };
    onStep('the binding');
    const tfjsNode = locateTfjsNode();
    await buildBinding(tensorflow, tfjsNode, rpath(tensorflowLink), compiler, scratch, context);
    const binding = await collect(join(scratch, bindingName), bindingName);
    const stderrGate = await collect(join(scratch, stderrGateName), stderrGateName);
    const operations: (PrebuiltFile & { level: string })[] = [];
    for (const { name, compilerFlags } of only) {
      onStep(`the native operations for ${name}`);
      const parts = { tensorflow, oneDnn, libraryPaths: [oneDnnLink, tensorflowLink].map(rpath) };
      await buildOperations(parts, compiler, scratch, context, compilerFlags);
      const file = `gru_lm_operations.${name}.node`;
      operations.push({ level: name, ...(await collect(join(scratch, operationsName), file)) });
    }
    const all = [binding, stderrGate, ...operations].map(({ file }) => join(made, file));
    const manifest: PrebuiltManifest = {
      format: 1,
      platform,
      minimumGlibc: await requireOldSystems(all),
      tensorflow: tensorflow.version!,
      oneDnn: oneDnn.pin.version,
      compiler: compiler.version,
      sources: await prebuildSources(),
      binding,
      stderrGate,
      operations,
    };
    await writeFile(join(made, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    await mkdir(directory, { recursive: true });
    for (const old of [platform, `${platform}.new`]) {
      await rm(join(directory, old), { recursive: true, force: true });
    }
    await cp(made, join(directory, `${platform}.new`), { recursive: true });
    await rename(join(directory, `${platform}.new`), join(directory, platform));
    return manifest;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
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

/** The oldest glibc that all of the files load on; throws if they need what the oldest supported system lacks. */
async function requireOldSystems(files: readonly string[]): Promise<string> {
  const needed = await neededVersions(files);
  for (const [library, most] of Object.entries(newest)) {
    const found = needed[library] ?? '0';
    if (!isAtLeast(most, found)) {
      throw new Error(
        `prebuilt addons should need ${library} ${most} at most; they need ${found}: compile them on an older system.`,
      );
    }
  }
  return needed.GLIBC ?? '2.17';
}

/** The newest versions of symbols that the files ask for, by the libraries' names for them. */
async function neededVersions(files: readonly string[]): Promise<Record<string, string>> {
  const needed: Record<string, string> = {};
  for (const file of files) {
    const { stdout } = await promisify(execFile)('objdump', ['-T', file], { maxBuffer: 1e8 });
    for (const [, library, version] of stdout.matchAll(/\b(GLIBC|GLIBCXX)_([\d.]+)/g)) {
      if (!isAtLeast(needed[library!] ?? '0', version!)) needed[library!] = version!;
    }
  }
  return needed;
}
