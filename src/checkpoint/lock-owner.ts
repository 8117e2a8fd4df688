/** Who holds a lock, and whether that process is still there. */

import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, uptime } from 'node:os';

/** A process, as others can tell it from every other one. null: this system does not say. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it began, in its system's words: another process may get its id later. */
  readonly started: string | null;
  readonly host: string;
  /** The number of the system's installation, which outlives its starts. */
  readonly machine: string | null;
  /** The number of the system's start. */
  readonly boot: string | null;
  /** The table of processes in which `pid` can be looked up: containers have one each. */
  readonly processTable: string | null;
}

/** The process that holds a lock. */
export interface LockOwner extends ProcessIdentity {
  /** Of this lock alone: 32 hexadecimal digits. */
  readonly nonce: string;
  /** ISO 8601. */
  readonly since: string;
}

/** `alive` and `gone` are proven; whatever a clock says has no part in them. */
export type Fate = 'alive' | 'gone' | 'unknown';

let known: ProcessIdentity | undefined;

/** Who this process is. */
export function thisProcess(): ProcessIdentity {
  if (known !== undefined) return known;
  const boot = readLine('/proc/sys/kernel/random/boot_id');
  known = {
    pid: process.pid,
    started: findProcess(process.pid).started,
    host: hostname(),
    machine: readLine('/etc/machine-id') ?? readLine('/var/lib/dbus/machine-id'),
    boot,
    processTable: processTable(boot),
  };
  return known;
}

/**
 * What has become of `owner`, as far as can be proven here.
 *
 * @param beatAgoMs how long ago it gave its last sign of life; negative if the clock has gone back
 */
export function fateOf(owner: ProcessIdentity, beatAgoMs: number, self = thisProcess()): Fate {
  if (owner.processTable !== null && owner.processTable === self.processTable) {
    return fateOfNeighbour(owner);
  }
  const isOurMachine =
    owner.machine !== null && owner.machine === self.machine && owner.host === self.host;
  const isOtherBoot = owner.boot !== null && self.boot !== null && owner.boot !== self.boot;
  // Copies of one disk image share name and number. A process that gave a sign of life since this
  // system began runs on another of them.
  const mayBeCopy = beatAgoMs >= 0 && beatAgoMs < uptime() * 1000;
  return isOurMachine && isOtherBoot && !mayBeCopy ? 'gone' : 'unknown';
}

/** What has become of a process that would be in this process's own table. */
function fateOfNeighbour(owner: ProcessIdentity): Fate {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // Otherwise it is there, and another user's.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 'gone';
  }
  const { started, hasEnded } = findProcess(owner.pid);
  if (hasEnded) return 'gone';
  if (started === null || owner.started === null) return 'unknown';
  return started === owner.started ? 'alive' : 'gone';
}

/** The owner that the content of a lock file names; undefined if it names none. */
export function parseOwner(content: string): LockOwner | undefined {
  let json: Record<string, unknown>;
  try {
    json = Object(JSON.parse(content)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { pid, host, nonce, since, started, machine, boot, processTable } = json;
  const isPid = Number.isInteger(pid) && (pid as number) > 0 && (pid as number) < 2 ** 31;
  const isNonce = typeof nonce === 'string' && /^[0-9a-f]{32}$/.test(nonce);
  const isText = typeof host === 'string' && typeof since === 'string';
  const isKnownOrNot = [started, machine, boot, processTable].every(
    (value) => value === null || typeof value === 'string',
  );
  return isPid && isNonce && isText && isKnownOrNot ? (json as unknown as LockOwner) : undefined;
}

function processTable(boot: string | null): string | null {
  if (process.platform !== 'linux') return `${process.platform} ${hostname()}`;
  try {
    return boot && `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return null;
  }
}

/** When the process `pid` began, and whether it has ended though its parent has not asked yet. */
function findProcess(pid: number): { started: string | null; hasEnded: boolean } {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The second field is the program's name in parentheses, which may hold any of them.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return { started: fields[19] ?? null, hasEnded: fields[0] === 'Z' || fields[0] === 'X' };
    }
    if (process.platform !== 'win32') {
      const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
      const args = ['-o', 'lstart=', '-p', `${pid}`];
      const started = execFileSync('ps', args, { env, encoding: 'utf8', stdio: 'pipe' }).trim();
      return { started: started || null, hasEnded: false };
    }
  } catch {
    // It has just ended, or is hidden from this user.
  }
  return { started: null, hasEnded: false };
}

function readLine(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim() || null;
  } catch {
    return null;
  }
}
