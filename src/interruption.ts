/** What stops a command before its end: signals, and output that nothing takes any more. */
import { closeSync } from 'node:fs';
import { UserError } from './errors.ts';

/** A terminal that goes away ends a program as a request to end does. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 143 } as const;
/** One Ctrl-C may come more than once: from the terminal, and from npm or timeout, which pass it on. */
const ECHO_MS = 250;
/** What is left to do after a command has ended by a signal, such as removing files, may take so long. */
const LEFTOVERS_MS = 3000;

export interface Interruption {
  /** Aborts when the command is to finish what it is at, save, and end. */
  readonly signal: AbortSignal;
  /** How the process is to end if it was asked to; 0: nothing reads its output any more. */
  exitCode(): number | undefined;
  /** Why the output could not be written, where that is to be said. */
  failure(): UserError | undefined;
  /** To be called when the command has ended. */
  stop(): void;
}

/**
 * The first SIGINT, SIGTERM or SIGHUP, and output into a closed pipe, abort a signal. From then on
 * SIGINT and SIGTERM are the system's again: another one ends the process at once, whatever it is at.
 * Another SIGHUP does nothing, since a shell and its terminal both send one.
 */
export function listenForInterruption(): Interruption {
  const controller = new AbortController();
  let signalCode: number | undefined;
  let outputCode: number | undefined;
  let failure: UserError | undefined;
  const handlers = Object.entries(EXIT_CODES).map(([name, exitCode]) => {
    const handler = () => {
      if (name === 'SIGHUP') leaveTerminalAlone();
      if (signalCode !== undefined) return;
      signalCode = exitCode;
      controller.abort();
      setTimeout(leaveSignalsToSystem, ECHO_MS).unref();
    };
    process.on(name, handler);
    return { name, handler };
  });
  onOutputError((error, stream) => {
    if (error.code === 'EPIPE') {
      outputCode ??= 0;
    } else if (stream === process.stdout && error.code !== 'EIO') {
      outputCode = 1;
      failure ??= outputError(error);
    } else {
      // The terminal is gone, or what is said on the way cannot be kept: the work goes on.
      if (error.code === 'EIO') leaveTerminalAlone();
      return;
    }
    controller.abort();
  });
  const exitCode = () => signalCode ?? outputCode;
  return {
    signal: controller.signal,
    exitCode,
    failure: () => failure,
    stop() {
      const isStopped = exitCode() !== undefined;
      for (const { name, handler } of handlers) {
        if (!isStopped || name !== 'SIGHUP') process.off(name, handler);
      }
      if (!isStopped) return;
      // A read that was given up would keep the process waiting for its input.
      process.stdin.destroy();
      setTimeout(() => process.exit(), LEFTOVERS_MS).unref();
    },
  };
}

/** After those that wait to be handled have been. */
function leaveSignalsToSystem(): void {
  setImmediate(() => {
    for (const name of ['SIGINT', 'SIGTERM']) process.removeAllListeners(name);
  });
}

let isTerminalGone = false;

/** Node crashes where it cannot set a terminal back at the exit, which it tries for open descriptors. */
function leaveTerminalAlone(): void {
  if (isTerminalGone) return;
  isTerminalGone = true;
  process.once('exit', () => {
    for (const descriptor of [0, 1, 2]) {
      try {
        closeSync(descriptor);
      } catch {
        // It is closed.
      }
    }
  });
}

/** What cannot be written is dropped; `answer` says what comes of it. */
function onOutputError(
  answer: (error: NodeJS.ErrnoException, stream: NodeJS.WriteStream) => void,
): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => answer(error, stream));
  }
}

function outputError(cause: NodeJS.ErrnoException): UserError {
  return new UserError(
    'output',
    `expected to write to standard output, could not: ${cause.message}`,
    'Send it where there is room; what a run has saved is whole, and --resume goes on from there.',
    { cause },
  );
}
