import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, stat, symlink } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative } from 'node:path';
import { installDirectory, readManifest } from './cache.ts';
import type { RuntimeContext } from './context.ts';
import { type CudaPin, openedLibraries, solverLink } from './cuda-pins.ts';
import type { LocatedTensorflow } from './locate.ts';
import { tensorflowVersion, type WheelPin } from './pins.ts';

/**
 * Where a CUDA build and NVIDIA's libraries lie to each other, as the RUNPATH in TensorFlow has it:
 *
 *     <root>/tensorflow/libtensorflow_framework.so.2
 *     <root>/nvidia/cublas/lib/libcublas.so.12        $ORIGIN/../nvidia/cublas/lib
 *     <root>/nvidia/cusparse/lib/libcusolver.so.11    a link: see `solverLink`
 */
export interface CudaPart {
  pin: WheelPin;
  directory: string;
  what: string;
  links: Readonly<Record<string, string>>;
}

/** The directory of the cache that all of it lies in. */
export function fetchedCudaRoot({ platform, cudnn }: CudaPin, cacheDirectory: string): string {
  return join(cacheDirectory, `tensorflow-cuda-${tensorflowVersion}-cudnn-${cudnn}-${platform}`);
}

/** All that is fetched, each wheel with the directory that it fills; TensorFlow first. */
export function cudaParts(pin: CudaPin, cacheDirectory: string): CudaPart[] {
  const root = fetchedCudaRoot(pin, cacheDirectory);
  const { tensorflow, libraries, platform } = pin;
  return [
    {
      pin: tensorflow,
      directory: join(root, 'tensorflow'),
      what: `TensorFlow ${tensorflow.version} (CUDA) for ${platform}: libraries and C headers`,
      links: {},
    },
    ...libraries.map((library) => ({
      pin: library,
      directory: join(root, library.directory),
      what: `${library.project} ${library.version} for ${platform}`,
      links: library.links,
    })),
  ];
}

/** What of it is not there, or not whole, or of another version. */
export async function missingCudaParts(pin: CudaPin, cacheDirectory: string): Promise<CudaPart[]> {
  const missing: CudaPart[] = [];
  for (const part of cudaParts(pin, cacheDirectory)) {
    const manifest = await readManifest(part.directory);
    if (manifest?.version !== part.pin.version) missing.push(part);
  }
  return missing;
}

/** The fetched build as it is in the cache, or will be. */
export function describeFetchedCuda(pin: CudaPin, context: RuntimeContext): LocatedTensorflow {
  const directory = join(fetchedCudaRoot(pin, context.cacheDirectory), 'tensorflow');
  return {
    source: 'cache',
    version: pin.tensorflow.version,
    directory,
    libraryDirectory: directory,
    cachePath: relative(context.cacheDirectory, directory),
    includeDirectory: join(directory, 'include'),
    ccLibrary: join(directory, pin.tensorflow.ccLibrary),
    frameworkLibrary: join(directory, pin.tensorflow.frameworkLibrary),
    isCudaBuild: true,
    nvidiaDirectory: join(dirname(directory), 'nvidia'),
  };
}

/** Names of libraries that TensorFlow opens and that are not in a directory `nvidia` as pip fills it; all if there is none. */
export function missingLibraries(nvidiaDirectory: string | undefined): string[] {
  return Object.entries(openedLibraries).flatMap(([name, files]) =>
    files.filter(
      (file) =>
        nvidiaDirectory === undefined || !existsSync(join(nvidiaDirectory, name, 'lib', file)),
    ),
  );
}

/** True if cuSOLVER lies where pip puts it and where TensorFlow does not look. */
export function hasSolver(nvidiaDirectory: string): boolean {
  return existsSync(join(nvidiaDirectory, 'cusolver', 'lib', openedLibraries.cusolver[0]));
}

/**
 * An installed build with the libraries that pip puts beside it, as it is loaded: through links in the cache, among which
 * TensorFlow finds cuSOLVER, too. Nothing is written into the Python installation.
 */
export function throughLinks(found: LocatedTensorflow, context: RuntimeContext): LocatedTensorflow {
  const key = createHash('sha256').update(found.libraryDirectory).digest('hex').slice(0, 16);
  const root = join(context.cacheDirectory, `cuda-links-${key}`);
  const directory = join(root, 'tensorflow');
  return {
    ...found,
    libraryDirectory: directory,
    cachePath: relative(context.cacheDirectory, directory),
    linksDirectory: root,
  };
}

/** True unless it is loaded through links that are not there, or that lead to what has changed. */
export async function hasLinks(tensorflow: LocatedTensorflow): Promise<boolean> {
  const { linksDirectory } = tensorflow;
  if (linksDirectory === undefined) return true;
  const manifest = await readManifest(linksDirectory);
  return manifest !== undefined && manifest.details.links === keyOf(await listLinks(tensorflow));
}

function keyOf(links: Record<string, string>): string {
  return createHash('sha256').update(JSON.stringify(links)).digest('hex').slice(0, 16);
}

/** What there is to link to, by the links' names. */
async function listLinks(tensorflow: LocatedTensorflow): Promise<Record<string, string>> {
  const { nvidiaDirectory = '', ccLibrary, frameworkLibrary } = tensorflow;
  const links: Record<string, string> = {
    [join('tensorflow', basename(ccLibrary))]: ccLibrary,
    [join('tensorflow', basename(frameworkLibrary))]: frameworkLibrary,
  };
  const list = async (...names: string[]) =>
    (await readdir(join(nvidiaDirectory, ...names)).catch(() => [])).sort();
  const link = (...names: string[]) => {
    links[join('nvidia', ...names)] = join(nvidiaDirectory, ...names);
  };
  // Through a link to its directory, `..` would lead out of the links: cuDNN looks beside itself for nvrtc.
  const real = ['cusparse', 'cudnn'];
  for (const name of await list()) if (!real.includes(name)) link(name);
  for (const file of await list('cudnn', 'lib')) link('cudnn', 'lib', file);
  for (const file of openedLibraries.cusparse) {
    if (existsSync(join(nvidiaDirectory, 'cusparse', 'lib', file))) link('cusparse', 'lib', file);
  }
  links[join(solverLink.directory, solverLink.name)] = solverLink.target;
  if (existsSync(join(nvidiaDirectory, 'cuda_nvrtc')))
    links[join('nvidia', 'nvrtc')] = 'cuda_nvrtc';
  return links;
}

/** Makes the links of `throughLinks` unless they are there, or with `force` anew. */
export async function ensureLinks(
  tensorflow: LocatedTensorflow,
  context: RuntimeContext,
  force: boolean,
): Promise<void> {
  const { linksDirectory, nvidiaDirectory, ccLibrary } = tensorflow;
  if (!linksDirectory || !nvidiaDirectory) return;
  if (!force && (await hasLinks(tensorflow))) return;
  await installDirectory(context.cacheDirectory, linksDirectory, async (building) => {
    const links = await listLinks(tensorflow);
    for (const [path, target] of Object.entries(links)) {
      await mkdir(dirname(join(building, path)), { recursive: true });
      await symlink(target, join(building, path));
    }
    const isLibrary = (path: string) => /\.so\.\d+$/.test(path) && isAbsolute(links[path]!);
    const sizes = Object.keys(links)
      .filter(isLibrary)
      .map(async (path) => ({ path, bytes: (await stat(join(building, path))).size }));
    return {
      format: 1,
      what: `Links to TensorFlow for CUDA and NVIDIA's libraries in ${dirname(ccLibrary)}`,
      version: tensorflow.version ?? 'unknown',
      files: await Promise.all(sizes),
      details: { tensorflow: dirname(ccLibrary), nvidia: nvidiaDirectory, links: keyOf(links) },
    };
  });
}
