import { createHash } from 'node:crypto';
import { chmod, readFile, symlink, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { installDirectory, type ManifestFile } from './cache.ts';
import { isPrebuiltOff, type RuntimeContext } from './context.ts';
import { isAtLeast, platformKey } from './host.ts';
import type { LocatedTensorflow } from './locate.ts';
import type { Reason } from './refusal.ts';

/** Where an addon comes from: the package, or a compiler on this machine. */
export type AddonOrigin = 'prebuilt' | 'compiled';

/** A file of the prebuilt ones. */
export interface PrebuiltFile {
  file: string;
  bytes: number;
  sha256: string;
}

/** What `manifest.json` says of the prebuilt files beside it. */
export interface PrebuiltManifest {
  format: 1;
  /** The host that they run on, as `platformKey` writes it. */
  platform: string;
  /** The oldest glibc that all of them load on: measured, not promised. */
  minimumGlibc: string;
  /** The releases whose headers they were compiled against. */
  tensorflow: string;
  oneDnn: string;
  compiler: string;
  /** A hash of the sources. */
  sources: string;
  binding: PrebuiltFile;
  stderrGate: PrebuiltFile;
  /** The native operations, once a level of `levels.ts`. */
  operations: readonly (PrebuiltFile & { level: string })[];
}

/** Addons that came with the package. */
export interface Prebuilt {
  directory: string;
  manifest: PrebuiltManifest;
}

/**
 * Links in an addon's own directory by which a prebuilt one finds its libraries, wherever they are: its RPATH
 * names them.
 */
export const tensorflowLink = 'tensorflow';
export const oneDnnLink = 'onednn';

/** The prebuilt addons of the package, if it has some that this system can load. */
export async function findPrebuilt(context: RuntimeContext): Promise<Prebuilt | undefined> {
  const packed = await readPacked(context);
  return packed && isLoadable(packed, context) ? packed : undefined;
}

/** Why the system cannot load what came with the package, if something came and that is so. */
export async function unfitPrebuilt(context: RuntimeContext): Promise<Reason[]> {
  const packed = await readPacked(context);
  if (packed === undefined || isLoadable(packed, context)) return [];
  const { minimumGlibc } = packed.manifest;
  const found = context.host.glibc ?? 'another C library';
  const reason = `What came compiled with the package needs glibc ${minimumGlibc} or newer; this system has ${found}.`;
  // Compiling it here does.
  return [{ reason, mend: '' }];
}

/** What came for this platform, unless the user wants none of it. */
async function readPacked(context: RuntimeContext): Promise<Prebuilt | undefined> {
  const { prebuiltDirectory, host } = context;
  if (prebuiltDirectory === undefined || isPrebuiltOff(context)) return undefined;
  const directory = join(prebuiltDirectory, platformKey(host));
  const manifest = await readPrebuiltManifest(directory);
  return manifest && { directory, manifest };
}

function isLoadable({ manifest }: Prebuilt, { host }: RuntimeContext): boolean {
  return isAtLeast(host.glibc ?? '0', manifest.minimumGlibc);
}

/** What the directory says that it holds; undefined if that is nothing. */
export async function readPrebuiltManifest(
  directory: string,
): Promise<PrebuiltManifest | undefined> {
  try {
    const text = await readFile(join(directory, 'manifest.json'), 'utf8');
    const manifest = JSON.parse(text) as PrebuiltManifest;
    return manifest.format === 1 ? manifest : undefined;
  } catch {
    return undefined;
  }
}

/** What is put into a directory of the cache: files of the package, and links to libraries. */
export interface PrebuiltAddon {
  files: readonly PrebuiltFile[];
  links: Readonly<Record<string, string>>;
}

/** A short name for what such a directory holds. */
export function prebuiltKey({ files, links }: PrebuiltAddon): string {
  const parts = [files.map(({ file, sha256 }) => [file, sha256]), links];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

/** Where a link in a directory of the cache leads to get to TensorFlow: the cache may be moved as a whole. */
export function tensorflowTarget({ cachePath, libraryDirectory }: LocatedTensorflow): string {
  return cachePath === undefined ? resolve(libraryDirectory) : `../${cachePath}`;
}

/** Copies a prebuilt addon into a directory of the cache; a `UserError` if the package is damaged. */
export async function installPrebuilt(
  { directory: from, manifest }: Prebuilt,
  { files, links }: PrebuiltAddon,
  directory: string,
  what: string,
  context: RuntimeContext,
): Promise<void> {
  await installDirectory(context.cacheDirectory, directory, async (building) => {
    const written: ManifestFile[] = [];
    for (const { file, bytes, sha256 } of files) {
      await writeFile(join(building, file), await readChecked(join(from, file), sha256));
      await chmod(join(building, file), 0o755);
      written.push({ path: file, bytes });
    }
    for (const [name, target] of Object.entries(links)) {
      await symlink(target, join(building, name));
    }
    const details = { compiler: manifest.compiler, minimumGlibc: manifest.minimumGlibc };
    return { format: 1, what, version: manifest.tensorflow, files: written, details };
  });
}

async function readChecked(path: string, sha256: string): Promise<Buffer> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  if (createHash('sha256').update(bytes).digest('hex') === sha256) return bytes;
  throw new UserError(
    'runtime-prebuilt',
    `${basename(path)} of this package should have SHA-256 ${sha256}; it is missing or damaged.`,
    'Reinstall gru-lm.',
  );
}
