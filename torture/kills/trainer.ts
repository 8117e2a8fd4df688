/** `gru-lm train` as a process that is killed at a chosen moment. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FSWatcher, watch } from 'node:fs';
import { createInterface } from 'node:readline';
import { isTemporaryName } from '../../src/durable-files.ts';
import type { Random } from '../../src/random.ts';
import { PROGRAM } from '../program.ts';

/** What a kill waits for, and how long it waits then, at most. */
const AIMS = {
  /** The start of the process. */
  start: 2500,
  /** The lock of the run. */
  lock: 30,
  /** A directory or a file that a save writes aside. */
  save: 30,
  /** A step of training. */
  step: 100,
} as const;

type Aim = keyof typeof AIMS;

/** How often what a kill waits for comes before it, at most; a save is noticed twice. */
const COUNTS: Readonly<Record<Aim, number>> = { start: 1, lock: 1, save: 12, step: 12 };

/** When to kill: `delayMs` after what `aim` names has come for the `count`th time. */
export interface Kill {
  readonly aim: Aim;
  readonly count: number;
  readonly delayMs: number;
}

/** A kill at random, more often than not in a save. */
export function randomKill(random: Random): Kill {
  const choice = random.uniform();
  const aim = choice < 0.12 ? 'start' : choice < 0.22 ? 'lock' : choice < 0.9 ? 'save' : 'step';
  const count = 1 + random.integer(COUNTS[aim]);
  // A save takes some milliseconds.
  const share = aim === 'save' ? random.uniform() ** 3 : random.uniform();
  return { aim, count, delayMs: share * AIMS[aim] };
}

/** What a trainer did before its end. */
export interface Session {
  readonly pid: number;
  /** It was killed before it had ended by itself. */
  readonly isKilled: boolean;
  /** The step that it went on from; null: it began; undefined: it came to neither. */
  readonly resumedAtStep: number | null | undefined;
  /** The steps of the checkpoints that it said were saved. */
  readonly savedSteps: readonly number[];
}

/** Trains by `args` with `--json`, and kills the process unless it ends first; the run's directory is there. */
export async function train(
  args: readonly string[],
  runDirectory: string,
  kill: Kill | undefined,
): Promise<Session> {
  const child = spawn(process.execPath, [PROGRAM, 'train', ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let timer: NodeJS.Timeout | undefined;
  let left = kill?.count ?? 0;
  const come = (aim: Aim) => {
    if (aim !== kill?.aim) return;
    left -= 1;
    if (left === 0) timer = setTimeout(() => child.kill('SIGKILL'), kill.delayMs);
  };
  const watcher = watchRun(runDirectory, come);
  come('start');
  const savedSteps: number[] = [];
  let resumedAtStep: number | null | undefined;
  createInterface(child.stdout).on('line', (line) => {
    const event = parseEvent(line);
    if (event?.event === 'start') resumedAtStep = event.resumedAtStep;
    if (event?.event === 'step') come('step');
    if (event?.event === 'checkpoint') savedSteps.push(event.step);
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  clearTimeout(timer);
  watcher.close();
  if (code !== 0 && signal !== 'SIGKILL') {
    throw new Error(`expected gru-lm train ${args.join(' ')} to go on, found: ${errors}`);
  }
  const isKilled = signal === 'SIGKILL';
  return { pid: child.pid as number, isKilled, resumedAtStep, savedSteps };
}

function watchRun(runDirectory: string, come: (aim: Aim) => void): FSWatcher {
  const seen = new Set<string>();
  return watch(runDirectory, (_, name) => {
    if (name === null || seen.has(name)) return;
    if (name === '.lock') come('lock');
    // The lock itself is written aside, too.
    if (seen.has('.lock') && isTemporaryName(name)) come('save');
    seen.add(name);
  });
}

type Event = { event: string; step: number; resumedAtStep?: number | null };

/** The event of a line; a killed process may have left half of one. */
function parseEvent(line: string): Event | undefined {
  try {
    return JSON.parse(line) as Event;
  } catch {
    return undefined;
  }
}
