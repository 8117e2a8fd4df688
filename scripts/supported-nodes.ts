import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The releases of Node.js that gru-lm is tested with: the oldest that it works on, and the newest of later ones. */
export const supportedNodes = ['20.12.0', '22', '24'];

const kept = fileURLToPath(new URL('../node_modules/.cache/gru-lm/', import.meta.url));

/** The executable of a Node.js; releases other than this one come from npm, and are kept. */
export async function nodeOf(release: string): Promise<string> {
  if (`${process.versions.node}.`.startsWith(`${release}.`)) return process.execPath;
  const place = join(kept, `node-${release}`);
  const node = join(place, 'node_modules', '.bin', 'node');
  if (!existsSync(node)) {
    await mkdir(place, { recursive: true });
    // A connection that stands still is given up early, and tried again.
    const quietly = [
      '--no-audit',
      '--no-fund',
      '--fetch-timeout=20000',
      '--fetch-retry-mintimeout=500',
    ];
    const args = ['install', '--prefix', place, '--no-save', ...quietly, `node@${release}`];
    await promisify(execFile)('npm', args, { cwd: place });
  }
  return node;
}
