/** `gru-lm train` as a process, and the hashes of what it leaves. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { MANIFEST_FILE, PART_FILES } from '../../src/checkpoint/format.ts';
import { readRunRecord } from '../../src/checkpoint/run-record.ts';
import { PROGRAM } from '../program.ts';

/** A line of `--json`. */
export type ProgramEvent = Record<string, unknown> & { event: string };

export interface Session {
  exitCode: number | null;
  events: ProgramEvent[];
}

/** Trains with `--json`; `onEvent` may send a signal. Throws unless the exit code is in `codes`. */
export async function train(
  args: readonly string[],
  {
    cwd,
    codes = [0],
    onEvent,
  }: {
    cwd: string;
    codes?: readonly number[];
    onEvent?: (event: ProgramEvent, kill: (signal: NodeJS.Signals) => void) => void;
  },
): Promise<Session> {
  const child = spawn(process.execPath, [PROGRAM, 'train', ...args, '--json'], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const events: ProgramEvent[] = [];
  createInterface(child.stdout).on('line', (line) => {
    const event = JSON.parse(line) as ProgramEvent;
    events.push(event);
    onEvent?.(event, (signal) => child.kill(signal));
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    errors += piece;
  });
  const [exitCode] = (await once(child, 'close')) as [number | null];
  if (!codes.includes(exitCode ?? -1)) {
    throw new Error(`expected exit code ${codes.join(' or ')}, found ${exitCode}: ${errors}`);
  }
  return { exitCode, events };
}

/** What depends on how fast the machine was, and on the date. */
const TIMED: ReadonlySet<string> = new Set([PART_FILES.clock, MANIFEST_FILE]);

/** SHA-256 of each file of the run's last checkpoint but those with times: equal where training was. */
export async function hashesOfLast(run: string): Promise<Record<string, string>> {
  const record = await readRunRecord(run);
  if (!record) throw new Error(`expected a run in ${run}, found none`);
  const checkpoint = join(run, record.last);
  const hashes: Record<string, string> = {};
  for (const name of (await readdir(checkpoint)).sort()) {
    if (TIMED.has(name)) continue;
    const bytes = await readFile(join(checkpoint, name));
    hashes[name] = createHash('sha256').update(bytes).digest('hex');
  }
  return hashes;
}

/** Throws unless both are the same, naming the files that are not. */
export function assertSameHashes(
  found: Record<string, string>,
  expected: Record<string, string>,
  what: string,
): void {
  const names = new Set([...Object.keys(found), ...Object.keys(expected)]);
  const others = [...names].filter((name) => found[name] !== expected[name]);
  if (others.length > 0) throw new Error(`${what}: other bytes in ${others.join(', ')}`);
}
