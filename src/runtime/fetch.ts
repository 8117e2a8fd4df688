import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { diskFullError, formatBytes } from './cache.ts';
import type { RuntimeContext } from './context.ts';
import type { WheelPin } from './pins.ts';
import { type ChildResult, runChild } from './process.ts';
import { type Python, pipCommand } from './python.ts';

const pollMs = 200;

/**
 * Lets pip download the pinned wheel into `directory` and returns its path, unchecked.
 *
 * pip knows the user's index, mirror, proxy and certificates. Old releases of it cannot report
 * progress to a program, so the growing file under a temporary directory of our own is measured.
 */
export async function fetchWheel(
  pin: WheelPin,
  directory: string,
  python: Python,
  context: RuntimeContext,
): Promise<string> {
  const { onEvent } = context;
  const own = join(directory, pin.project);
  const temporary = join(own, 'pip');
  const destination = join(own, 'wheel');
  const requirements = join(own, 'requirements.txt');
  await mkdir(temporary, { recursive: true });
  await mkdir(destination);
  await writeFile(requirements, requirementLine(pin));
  onEvent({
    type: 'phase',
    phase: 'fetch',
    message: `fetching ${pin.project} ${pin.version} with pip (${formatBytes(pin.bytes)})`,
    totalBytes: pin.bytes,
  });
  const stopWatching = watchGrowth([temporary, destination], (bytes) =>
    onEvent({
      type: 'progress',
      phase: 'fetch',
      doneBytes: Math.min(bytes, pin.bytes),
      totalBytes: pin.bytes,
    }),
  );
  let result: ChildResult;
  try {
    result = await runChild(python.command, pipArguments(pin, requirements, destination), {
      env: { ...context.env, ...pipSettings, TMPDIR: temporary },
      signal: context.signal,
    });
  } finally {
    await stopWatching();
  }
  if (result.code !== 0) throw explainPipFailure(result, pin, context);
  const files = await readdir(destination);
  if (!files.includes(pin.file)) {
    throw new UserError(
      'runtime-fetch',
      `pip should have downloaded ${pin.file}; it left ${files.join(', ') || 'nothing'}.`,
      'Check pip\'s settings with "pip config list", then run gru-lm setup again.',
    );
  }
  onEvent({ type: 'done', phase: 'fetch' });
  return join(destination, pin.file);
}

/** The pin as pip reads it from a requirements file. */
function requirementLine(pin: WheelPin): string {
  return `${pin.project}==${pin.version} --hash=sha256:${pin.sha256}\n`;
}

const pipSettings = {
  PIP_NO_INPUT: '1',
  PIP_DISABLE_PIP_VERSION_CHECK: '1',
  // A setting for installs only; `download` writes nothing into an environment.
  PIP_REQUIRE_VIRTUALENV: '0',
  PYTHONUNBUFFERED: '1',
};

function pipArguments(pin: WheelPin, requirements: string, destination: string): string[] {
  return [
    ...pipCommand,
    'download',
    '--no-deps',
    '--only-binary=:all:',
    '--require-hashes',
    '--no-cache-dir',
    '--progress-bar=off',
    '--python-version=3.12',
    '--implementation=cp',
    '--abi=cp312',
    `--platform=${pin.pipPlatform}`,
    '-r',
    requirements,
    '-d',
    destination,
  ];
}

function explainPipFailure(result: ChildResult, pin: WheelPin, context: RuntimeContext): UserError {
  const said = `${result.stderr}\n${result.stdout}`;
  const what = `${pin.project} ${pin.version}`;
  if (/No space left on device|Errno 28/.test(said))
    return diskFullError(context.cacheDirectory, context.part);
  if (/DO NOT MATCH THE HASHES|Hash(es)? mismatch/i.test(said)) {
    return new UserError(
      'runtime-hash',
      `${what} should have SHA-256 ${pin.sha256}; pip was served a file with ${gotHash(said)}. It was not opened.`,
      'Whoever serves this file (a mirror, a proxy) may have changed it. Correct that (see "pip config list"), then run gru-lm setup again.',
    );
  }
  const reason = lastError(result);
  return new UserError(
    'runtime-fetch',
    `pip could not download ${what}: ${reason}`,
    `Check the network and pip's settings for an index or a proxy ("pip config list"), then run gru-lm setup; or ${context.part.instead}.`,
  );
}

function gotHash(said: string): string {
  return /Got\s+([0-9a-f]{64})/.exec(said)?.[1] ?? 'another';
}

const networkCauses =
  /(Connection refused|Name or service not known|Temporary failure in name resolution|nodename nor servname[^'"]*|Network is unreachable|No route to host|timed out|certificate verify failed|Tunnel connection failed[^'"]*|\d{3} (?:Client|Server) Error[^'"\n]*)/i;

/** What of pip's output carries the cause. */
function lastError(result: ChildResult): string {
  if (result.signal !== null) return `it was ended by ${result.signal}.`;
  const network = networkCauses.exec(result.stderr)?.[1];
  if (/from versions: none/.test(result.stderr)) {
    return `the package index cannot be reached or does not offer it${network ? ` (${network})` : ''}.`;
  }
  const lines = result.stderr.split('\n').filter((line) => line.trim() !== '');
  const said = lines.findLast((line) => line.startsWith('ERROR: ')) ?? lines.at(-1);
  return said?.trim().replace(/^ERROR: /, '') ?? `it ended with exit code ${result.code}.`;
}

function watchGrowth(
  directories: readonly string[],
  report: (bytes: number) => void,
): () => Promise<void> {
  let isStopped = false;
  let last = 0;
  let timer: NodeJS.Timeout;
  let measuring = Promise.resolve();
  const schedule = () => {
    timer = setTimeout(() => {
      measuring = (async () => {
        const sizes = await Promise.all(directories.map(largestFile));
        const bytes = Math.max(...sizes);
        if (!isStopped && bytes > last) report(bytes);
        last = Math.max(last, bytes);
        if (!isStopped) schedule();
      })();
    }, pollMs);
  };
  schedule();
  return async () => {
    isStopped = true;
    clearTimeout(timer);
    await measuring;
  };
}

async function largestFile(directory: string): Promise<number> {
  let largest = 0;
  const entries = await readdir(directory, { withFileTypes: true, recursive: true }).catch(
    () => [],
  );
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const size = await stat(join(entry.parentPath, entry.name))
      .then((found) => found.size)
      .catch(() => 0);
    largest = Math.max(largest, size);
  }
  return largest;
}
