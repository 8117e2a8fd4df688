import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hostname, uptime } from 'node:os';
import { describe, expect, it } from 'vitest';
import { fateOf, type LockOwner, parseOwner, thisProcess } from './lock-owner.ts';

const self = thisProcess();
const onLinux = it.runIf(process.platform === 'linux');
/** No process has an id larger than a system could give. */
const NO_PID = 2 ** 22 + 1;

describe('of a process in the same table', () => {
  it('this one is alive, however long it has been silent', () => {
    expect(self).toMatchObject({ pid: process.pid, host: hostname() });
    for (const beatAgoMs of [0, 1e12, -1e12]) expect(fateOf(self, beatAgoMs)).toBe('alive');
  });

  it('one that is not there is gone, however late its last sign of life', () => {
    for (const beatAgoMs of [0, 1e12, -1e12]) {
      expect(fateOf({ ...self, pid: NO_PID }, beatAgoMs)).toBe('gone');
    }
  });

  it('one is gone if its id has gone to a process that began at another time', () => {
    expect(fateOf({ ...self, started: '1' }, 0)).toBe('gone');
  });

  it('nothing is known of one whose id is in use, if its beginning is not known', () => {
    expect(fateOf({ ...self, started: null }, 0)).toBe('unknown');
  });

  onLinux('one that has ended is gone, though its parent has not asked for its end', async () => {
    const parent = spawn('sh', ['-c', 'sleep 0.01 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const zombie = { ...self, pid: Number(line.toString()), started: null };
      await expect.poll(() => fateOf(zombie, 0), { timeout: 30_000 }).toBe('gone');
    } finally {
      parent.kill('SIGKILL');
    }
  });
});

describe('of a process in another table', () => {
  const sinceBootMs = uptime() * 1000;
  const elsewhere = { ...self, processTable: 'another', pid: process.pid };
  const machine = { ...self, machine: 'ab' };
  const before = { ...elsewhere, machine: 'ab', boot: 'earlier' };

  it('one of an earlier start of this machine is gone, whatever runs under its id now', () => {
    expect(fateOf(before, sinceBootMs + 1e6, { ...machine, boot: 'now' })).toBe('gone');
    // The clock may have gone back on the way.
    expect(fateOf(before, -1e9, { ...machine, boot: 'now' })).toBe('gone');
  });

  it('nothing is known of one on a machine of the same number that was alive since this began', () => {
    expect(fateOf(before, sinceBootMs / 2, { ...machine, boot: 'now' })).toBe('unknown');
  });

  it.each([
    ['in another container', { boot: 'now' }],
    ['on another machine of the same name', { machine: 'cd' }],
    ['on another machine of the same number', { host: 'elsewhere' }],
    ['on a machine without a number', { machine: null }],
    ['on a system without a boot number', { boot: null }],
  ])('nothing is known of one %s', (_, change) => {
    const owner = { ...before, ...change };
    expect(fateOf(owner, sinceBootMs + 1e6, { ...machine, boot: 'now' })).toBe('unknown');
  });

  it('nothing is known where neither has a number or a table', () => {
    const bare = { ...self, machine: null, boot: null, processTable: null };
    expect(fateOf({ ...bare, pid: NO_PID }, 1e12, bare)).toBe('unknown');
  });
});

describe('parseOwner', () => {
  const owner: LockOwner = { ...self, nonce: '0123456789abcdef'.repeat(2), since: '2026-01-01' };

  it('reads what was written', () => {
    expect(parseOwner(JSON.stringify(owner))).toEqual(owner);
  });

  it.each([
    ['', 'nothing'],
    ['null', 'null'],
    ['[1]', 'an array'],
    [JSON.stringify(owner).slice(0, -1), 'half of it'],
    [JSON.stringify({ ...owner, pid: -1 }), 'a group of processes'],
    [JSON.stringify({ ...owner, pid: 0 }), 'no process'],
    [JSON.stringify({ ...owner, pid: 1.5 }), 'half a process'],
    [JSON.stringify({ ...owner, nonce: '../../etc/passwd' }), 'a path for a nonce'],
    [JSON.stringify({ ...owner, host: 7 }), 'a number for a host'],
    [JSON.stringify({ ...owner, processTable: {} }), 'an object for a table'],
  ])('does not take %j, %s, for one', (content) => {
    expect(parseOwner(content)).toBeUndefined();
  });
});
