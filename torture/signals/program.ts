/** `gru-lm` as a process that gets a signal at a chosen moment. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROGRAM } from '../program.ts';

const POLL_MS = 5;

export interface Ended {
  /** As a shell gives it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** From the signal to the end; undefined: it ended before its moment came. */
  readonly seconds: number | undefined;
}

/** When a signal is sent: `delayMs` after `isReached` of what the program has printed. */
export interface Moment {
  readonly signal: NodeJS.Signals;
  readonly isReached: (stdout: string) => boolean;
  readonly delayMs: number;
}

/** Runs `gru-lm` with `args` in `cwd`. */
export async function runProgram(
  args: readonly string[],
  cwd: string,
  { env = {}, moment }: { env?: NodeJS.ProcessEnv; moment?: Moment | undefined } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  let hasEnded = false;
  const ended = once(child, 'close').then((result) => {
    hasEnded = true;
    return result as [number | null, NodeJS.Signals | null];
  });
  let sentMs: number | undefined;
  if (moment) {
    while (!hasEnded && !moment.isReached(stdout)) await sleep(POLL_MS);
    await sleep(moment.delayMs);
    if (!hasEnded) {
      sentMs = performance.now();
      child.kill(moment.signal);
    }
  }
  const [code, signal] = await ended;
  return {
    exitCode: code ?? 128 + constants.signals[signal as NodeJS.Signals],
    stdout,
    stderr,
    seconds: sentMs === undefined ? undefined : (performance.now() - sentMs) / 1000,
  };
}
