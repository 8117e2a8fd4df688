import { execFile } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

/** The checkout that is tested. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Copies the checkout as git has it, without what is large and not needed to build. */
export async function copyCheckout(to: string): Promise<void> {
  const left = new Set([
    ...['.git', 'node_modules', 'dist', 'prebuilds', 'checkpoints', 'corpora', 'coverage'],
  ]);
  await cp(ROOT, to, {
    recursive: true,
    filter: (path) => path === ROOT || !left.has(basename(path)),
  });
}

/** What of a package.json is looked at. */
export interface Manifest {
  scripts?: Record<string, string>;
  allowScripts: Record<string, boolean>;
}

/** Reads the package.json of a directory. */
export async function readManifest(directory: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as Manifest;
}

/** How a program ended. */
export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end, with nothing to read. */
export function run(
  command: string,
  args: string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 1e8 };
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
    child.stdin?.end();
  });
}

/** The output of a program that should do well. */
export async function runWell(
  ...[command, args, cwd, env]: Parameters<typeof run>
): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, cwd, env);
  expect({ code, stderr: code === 0 ? '' : stderr }, `${command} ${args.join(' ')}`).toEqual({
    code: 0,
    stderr: '',
  });
  return stdout;
}
