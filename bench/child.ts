/** Runs one measuring process. */
import { fileURLToPath } from 'node:url';
import { runChild } from '../src/runtime/process.ts';
import { type Peer, scriptPath } from './peers.ts';
import type { Work } from './work.ts';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs a peer's script and gives back what it answered. */
export async function ask<Answer>(
  { language, settings }: Peer,
  script: string,
  work: Work,
  { python, signal }: { python: string | undefined; signal: AbortSignal },
): Promise<Answer> {
  const path = scriptPath(script);
  const told = JSON.stringify({ ...work, ...settings });
  const [command, args] =
    language === 'node'
      ? [process.execPath, ['--import', 'tsx', path, told]]
      : [python ?? 'python3', [path, told]];
  const output = await runToEnd(command, args, { threads: work.threads, signal });
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as Answer;
}

/** Runs a program and gives back its standard output; an error with its last words if it fails. */
export async function runToEnd(
  command: string,
  args: string[],
  { threads, signal, cwd = root }: { threads?: number; signal: AbortSignal; cwd?: string },
): Promise<string> {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
  if (threads !== undefined) {
    const names = ['OMP_NUM_THREADS', 'TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS'];
    Object.assign(env, Object.fromEntries(names.map((name) => [name, String(threads)])));
  }
  const ended = await runChild(command, args, { cwd, env, signal });
  if (ended.code === 0) return ended.stdout;
  const lines = ended.stderr.split('\n').filter((line) => line.trim() !== '');
  const cause = lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1);
  const how = ended.signal ? `ended by ${ended.signal}` : `exit code ${ended.code}`;
  throw new Error(cause?.trim() ?? how);
}
