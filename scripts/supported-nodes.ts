import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The releases of Node.js that gru-lm is tested with, by their first numbers. */
export const supportedNodes = [20, 22, 24];

const kept = fileURLToPath(new URL('../node_modules/.cache/gru-lm/', import.meta.url));

/** The executable of a Node.js; releases other than this one come from npm, and are kept. */
export async function nodeOf(major: number): Promise<string> {
  if (Number.parseInt(process.versions.node, 10) === major) return process.execPath;
  const place = join(kept, `node-${major}`);
  const node = join(place, 'node_modules', '.bin', 'node');
  if (!existsSync(node)) {
    await mkdir(place, { recursive: true });
    const args = ['install', '--prefix', place, '--no-save', `node@${major}`];
    await promisify(execFile)('npm', args, { cwd: place });
  }
  return node;
}
