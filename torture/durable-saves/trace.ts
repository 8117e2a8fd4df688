/** The system calls of a process on files, by strace. */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A system call that succeeded. */
export interface Call {
  readonly name: string;
  /** Of its descriptor, or those that it was given. */
  readonly paths: readonly string[];
  readonly creates: boolean;
  /** Places in the trace. */
  readonly begins: number;
  readonly ends: number;
}

const TRACED = [
  ...['open', 'openat', 'creat', 'mkdir', 'mkdirat', 'link', 'linkat', 'symlink', 'symlinkat'],
  ...['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'ftruncate', 'fallocate', 'sendfile'],
  ...['copy_file_range', 'fsync', 'fdatasync', 'rename', 'renameat', 'renameat2'],
  ...['unlink', 'unlinkat', 'rmdir'],
];

/** Whether strace is here and may trace. */
export function canTrace(): boolean {
  return spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;
}

/** Runs a program of Node's to its end; returns its system calls on files below `root`. */
export function traceNode(args: readonly string[], root: string): Call[] {
  const directory = mkdtempSync(join(tmpdir(), 'gru-lm-trace-'));
  try {
    const file = join(directory, 'trace');
    const options = ['-f', '-y', '-qq', '-s', '0', '-e', `trace=${TRACED.join(',')}`, '-o', file];
    execFileSync('strace', [...options, process.execPath, ...args], {
      // Calls that go through a ring are not seen.
      env: { ...process.env, UV_USE_IO_URING: '0' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return parseTrace(readFileSync(file, 'utf8'), root);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What strace wrote, without calls that failed or were about files elsewhere. */
export function parseTrace(text: string, root: string): Call[] {
  const calls: Call[] = [];
  const unfinished = new Map<string, { text: string; begins: number }>();
  for (const [line, content] of text.split('\n').entries()) {
    const [, pid = '', said = ''] = /^(\d+) +(.*)$/.exec(content) ?? [];
    const begun = /^(.*) <unfinished \.\.\.>$/.exec(said)?.[1];
    if (begun !== undefined) {
      unfinished.set(pid, { text: begun, begins: line });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(said)?.[1];
    const first = resumed === undefined ? undefined : unfinished.get(pid);
    const call = parseCall(first === undefined ? said : first.text + resumed);
    if (call?.paths.some((path) => path === root || path.startsWith(`${root}/`))) {
      calls.push({ ...call, begins: first?.begins ?? line, ends: line });
    }
  }
  return calls;
}

function parseCall(text: string): Pick<Call, 'name' | 'paths' | 'creates'> | undefined {
  const [, name, args = '', result = '-'] = /^(\w+)\((.*)\) += (\S+)/.exec(text) ?? [];
  if (name === undefined || result.startsWith('-')) return undefined;
  const given = [...args.matchAll(/"([^"]+)"/g)].map(([, path]) => path!);
  const descriptor = /^\d+<([^>]+)>/.exec(args)?.[1];
  const paths = given.length > 0 ? given : descriptor === undefined ? [] : [descriptor];
  return { name, paths, creates: name === 'creat' || /\bO_CREAT\b/.test(args) };
}
