import { createHash } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { diskFullError, type ManifestFile } from './cache.ts';
import type { RuntimeContext } from './context.ts';
import type { LocatedTensorflow } from './locate.ts';
import { runChild, SpawnError } from './process.ts';
import { stderrGateSource } from './stderr-gate.ts';
import type { TfjsNodeFiles } from './tfjs-node.ts';

/** The addon that runs TensorFlow's ops. */
export const bindingName = 'tfjs_binding.node';
/** The addon that holds standard error back while the first one loads. */
export const stderrGateName = 'stderr_gate.node';

const bindingSources = ['tfjs_backend.cc', 'tfjs_binding.cc'];
const bindingHeaders = [
  'napi_auto_ref.h',
  'tf_auto_status.h',
  'tf_auto_tensor.h',
  'tfe_auto_op.h',
  'tfjs_backend.h',
  'utils.h',
];

/**
 * For addons on Linux. An RPATH, unlike the RUNPATH that is the default now, outranks a
 * LD_LIBRARY_PATH that may lead to other libraries of the same names. Node unloads the addons of a
 * worker thread that ends, but libraries under them have told the process what to call at its end.
 */
export const elfLinkFlags = ['-Wl,--disable-new-dtags', '-Wl,-z,nodelete'];

/** A C++ compiler that answers. */
export interface Compiler {
  command: string;
  /** Arguments that belong to the command, as in `CXX="ccache g++"`. */
  arguments: string[];
  /** The first line of what it says of itself. */
  version: string;
}

/** Finds a C++ compiler: `CXX`, else c++, g++, clang++ on the PATH; a `UserError` if none answers. */
export async function requireCompiler(context: RuntimeContext): Promise<Compiler> {
  const named = context.env.CXX?.trim();
  for (const words of named ? [named.split(/\s+/)] : [['c++'], ['g++'], ['clang++']]) {
    const [command, ...rest] = words as [string, ...string[]];
    const version = await askVersion(command, rest, context);
    if (version !== undefined) return { command, arguments: rest, version };
  }
  const { addon, instead } = context.part;
  throw new UserError(
    'runtime-compiler',
    named
      ? `CXX should name a C++ compiler; "${named}" cannot be run as one.`
      : `${addon} must be built by a C++ compiler; no c++, g++ or clang++ is on the PATH.`,
    `Install one (Debian and Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install), name one in CXX, or ${instead}.`,
  );
}

/** What the built addons depend on, as a short hash: sources, flags, TensorFlow and where it lies. */
export async function bindingKey(
  tensorflow: LocatedTensorflow,
  files: TfjsNodeFiles,
  libraryPath: string,
  context: RuntimeContext,
): Promise<string> {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([context.host.platform, context.host.arch, tensorflow.version ?? '']));
  hash.update(JSON.stringify(baseFlags(context)));
  hash.update(libraryPath);
  hash.update(stderrGateSource);
  for (const name of [...bindingSources, ...bindingHeaders]) {
    hash.update(await readFile(join(files.bindingDirectory, name)));
  }
  return hash.digest('hex').slice(0, 16);
}

/**
 * Compiles the binding and the stderr gate into `directory`. `libraryPath` is where the addon will
 * look for TensorFlow: absolute, or beginning with the loader's name for the addon's own directory.
 */
export async function buildBinding(
  tensorflow: LocatedTensorflow,
  files: TfjsNodeFiles,
  libraryPath: string,
  compiler: Compiler,
  directory: string,
  context: RuntimeContext,
): Promise<ManifestFile[]> {
  const { onEvent } = context;
  onEvent({
    type: 'phase',
    phase: 'build',
    message: `compiling the binding to TensorFlow with ${compiler.command}`,
  });
  const gateSource = join(directory, 'stderr_gate.cc');
  await writeFile(gateSource, stderrGateSource);
  const flags = [...baseFlags(context), '-I', files.nodeHeaders];
  await Promise.all([
    compile(
      compiler,
      [...flags, '-o', join(directory, stderrGateName), gateSource],
      directory,
      context,
    ),
    compile(
      compiler,
      [
        ...flags,
        '-I',
        tensorflow.includeDirectory,
        '-I',
        files.bindingDirectory,
        '-o',
        join(directory, bindingName),
        ...bindingSources.map((name) => join(files.bindingDirectory, name)),
        tensorflow.ccLibrary,
        tensorflow.frameworkLibrary,
        '-Xlinker',
        '-rpath',
        '-Xlinker',
        libraryPath,
      ],
      directory,
      context,
    ),
  ]);
  const written = await Promise.all(
    [bindingName, stderrGateName].map((path) => requireBuilt(compiler, directory, path)),
  );
  onEvent({ type: 'done', phase: 'build' });
  return written;
}

/** What the compiler should have written. */
export async function requireBuilt(
  compiler: Compiler,
  directory: string,
  path: string,
): Promise<ManifestFile> {
  const file = await stat(join(directory, path)).catch(() => undefined);
  if (file !== undefined) return { path, bytes: file.size };
  throw new UserError(
    'runtime-build',
    `${compiler.command} reported success but wrote no ${path}.`,
    'Name another C++ compiler in CXX, then run gru-lm setup.',
  );
}

function baseFlags(context: RuntimeContext): string[] {
  const common = ['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8', '-w'];
  if (context.host.platform === 'darwin') return [...common, '-undefined', 'dynamic_lookup'];
  return [...common, ...elfLinkFlags];
}

/** Runs the compiler in `directory`; a `UserError` has what it says of the first error. */
export async function compile(
  compiler: Compiler,
  args: readonly string[],
  directory: string,
  context: RuntimeContext,
): Promise<void> {
  const result = await runChild(compiler.command, [...compiler.arguments, ...args], {
    cwd: directory,
    env: { ...context.env, TMPDIR: directory },
    signal: context.signal,
  });
  if (result.code === 0) return;
  if (/No space left on device/.test(result.stderr)) {
    throw diskFullError(context.cacheDirectory, context.part);
  }
  const lines = result.stderr.split('\n').filter((line) => line.trim() !== '');
  const cause =
    lines.find((line) => /\berror\b/i.test(line)) ?? lines.at(-1) ?? `exit code ${result.code}`;
  throw new UserError(
    'runtime-build',
    `${context.part.addon} did not compile with ${compiler.version || compiler.command}: ${cause.trim()}`,
    `Name another C++17 compiler (g++ 9 or clang++ 10, or newer) in CXX, then run gru-lm setup; or ${context.part.instead}.`,
  );
}

async function askVersion(
  command: string,
  args: readonly string[],
  context: RuntimeContext,
): Promise<string | undefined> {
  try {
    const result = await runChild(command, [...args, '--version'], {
      env: context.env,
      signal: context.signal,
      timeoutMs: 20_000,
    });
    return result.code === 0 ? (result.stdout.split('\n')[0]?.trim() ?? '') : undefined;
  } catch (error) {
    if (error instanceof SpawnError) return undefined;
    throw error;
  }
}
