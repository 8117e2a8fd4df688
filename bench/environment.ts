/**
 * The Python that peers run in: an environment of the benchmark's own, with the packages of a file of
 * requirements and nothing else, kept in gru-lm's cache under the hash of that file.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../src/errors.ts';
import { installDirectory, type Manifest, readManifest } from '../src/runtime/cache.ts';
import { createContext, isOffline, type RuntimeContext } from '../src/runtime/context.ts';
import { isAtLeast, platformKey } from '../src/runtime/host.ts';
import { withCacheLock } from '../src/runtime/lock.ts';
import { runChild } from '../src/runtime/process.ts';
import { findPythons } from '../src/runtime/python.ts';

/** What an environment holds. */
export interface PythonPeers {
  /** The file of requirements. */
  readonly requirements: string;
  /** What installing them takes, for whoever waits. */
  readonly size: string;
}

/** Those of the benchmark of training and sampling. */
export const frameworks: PythonPeers = {
  requirements: fileURLToPath(new URL('requirements.txt', import.meta.url)),
  size: 'some 3 GB to fetch, 6 GB on disk',
};
/** What the files of requirements have hashes for. */
const pinned = { platform: 'linux-x64', oldest: '3.11', newest: '3.13' };
const interpreter = join('bin', 'python');

/**
 * The interpreter of the environment, which is made first where it is not there.
 *
 * @throws UserError that says why there can be none
 */
export async function ensurePython(
  { requirements, size }: PythonPeers,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const own = createContext({ signal, onEvent: ({ type }) => type === 'wait' && say('waiting') });
  // Beside the runtime, under a lock of its own.
  const context = { ...own, cacheDirectory: join(dirname(own.cacheDirectory), 'bench') };
  const hash = createHash('sha256').update(await readFile(requirements));
  const base = await requirePython(context);
  const name = `${hash.digest('hex').slice(0, 16)}-python${base.version}`;
  const directory = join(context.cacheDirectory, name);
  const findDone = async () => (await readManifest(directory)) && join(directory, interpreter);
  return withCacheLock(context, findDone, async (locked) => {
    if (isOffline(context)) throw missing('it is not installed, and GRU_LM_OFFLINE is set');
    say(`installing the Python peers, once: ${size}`);
    await installDirectory(context.cacheDirectory, directory, (building) =>
      fill(building, base.command, requirements, locked),
    );
    return join(directory, interpreter);
  });
}

/** The first Python on the machine that requirements.txt has wheels for. */
async function requirePython(
  context: RuntimeContext,
): Promise<{ command: string; version: string }> {
  const { platform, oldest, newest } = pinned;
  if (platformKey(context.host) !== platform) {
    throw missing(`its packages are pinned for ${platform}; this is ${platformKey(context.host)}`);
  }
  for (const { command, version } of await findPythons(context)) {
    const minor = version.split('.', 2).join('.');
    if (isAtLeast(minor, oldest) && isAtLeast(newest, minor)) return { command, version: minor };
  }
  throw missing(`it needs a Python ${oldest} to ${newest}, which GRU_LM_PYTHON can name`);
}

/** Makes the environment in `directory`, which is renamed when it is whole. */
async function fill(
  directory: string,
  python: string,
  requirements: string,
  context: RuntimeContext,
): Promise<Manifest> {
  const packages = ['install', '--no-deps', '--require-hashes', '--only-binary=:all:'];
  const quietly = ['--quiet', '--no-cache-dir', '--no-input', '--disable-pip-version-check'];
  await run(context, python, ['-m', 'venv', directory]);
  const inside = join(directory, interpreter);
  await run(context, inside, ['-m', 'pip', ...packages, ...quietly, '-r', requirements]);
  return {
    format: 1,
    what: 'the Python peers of the benchmark',
    version: '1',
    files: [{ path: interpreter, bytes: (await stat(inside)).size }],
    details: {},
  };
}

async function run(context: RuntimeContext, command: string, args: string[]): Promise<void> {
  const { code, stderr, stdout } = await runChild(command, args, { signal: context.signal });
  if (code === 0) return;
  const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
  const cause = lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1);
  throw missing(`${args.slice(1, 3).join(' ')} failed: ${cause?.trim() ?? `exit code ${code}`}`);
}

function missing(why: string): UserError {
  return new UserError('bench-python', why);
}
