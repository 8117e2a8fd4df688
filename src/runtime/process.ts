import { type ChildProcess, spawn } from 'node:child_process';

/** How a child process ended. */
export interface ChildResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** True if it was ended because its time was up. */
  timedOut: boolean;
}

/** Settings of a child process. */
export interface ChildOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
}

/** The error of a program that could not be started at all. */
export class SpawnError extends Error {
  readonly code: string | undefined;

  constructor(command: string, cause: NodeJS.ErrnoException) {
    super(`${command} could not be started: ${cause.code ?? cause.message}`, { cause });
    this.name = 'SpawnError';
    this.code = cause.code;
  }
}

/** `ldconfig -p` has a hundred bytes or so for each library, and a machine may have thousands. */
const keptOutputLength = 8 * 1024 * 1024;
const keptErrorsLength = 64 * 1024;
const killGraceMs = 2000;
const running = new Set<ChildProcess>();

/**
 * Runs a program to its end and gives back what it wrote, or of very much the end.
 *
 * The child leads a process group of its own, so that an abort also ends what it started itself (a
 * compiler driver's passes). A child never outlives an orderly exit of this process.
 */
export async function runChild(
  command: string,
  args: readonly string[],
  options: ChildOptions = {},
): Promise<ChildResult> {
  const { signal, timeoutMs } = options;
  signal?.throwIfAborted();
  const child = start(command, args, options);
  watchExit(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout = (stdout + text).slice(-keptOutputLength);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-keptErrorsLength);
  });

  let graceTimer: NodeJS.Timeout | undefined;
  const stop = () => {
    killGroup(child, 'SIGTERM');
    graceTimer = setTimeout(() => killGroup(child, 'SIGKILL'), killGraceMs);
  };
  signal?.addEventListener('abort', stop, { once: true });
  let timedOut = false;
  const giveUp = () => {
    timedOut = true;
    stop();
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(giveUp, timeoutMs);
  try {
    const result = await new Promise<ChildResult>((resolve, reject) => {
      child.once('error', (error) => reject(new SpawnError(command, error)));
      child.once('close', (code, childSignal) =>
        resolve({ code, signal: childSignal, stdout, stderr, timedOut }),
      );
    });
    signal?.throwIfAborted();
    return result;
  } finally {
    running.delete(child);
    clearTimeout(timer);
    clearTimeout(graceTimer);
    signal?.removeEventListener('abort', stop);
  }
}

/** Node throws some of the reasons for which a program cannot be started, and emits the others. */
function start(command: string, args: readonly string[], { cwd, env }: ChildOptions) {
  try {
    return spawn(command, args, {
      cwd,
      env: env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      windowsHide: true,
    });
  } catch (error) {
    throw new SpawnError(command, error as NodeJS.ErrnoException);
  }
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    child.kill(signal);
  }
}

let isWatchingExit = false;

function watchExit(child: ChildProcess): void {
  running.add(child);
  if (isWatchingExit) return;
  isWatchingExit = true;
  process.on('exit', () => {
    for (const left of running) killGroup(left, 'SIGKILL');
  });
}
