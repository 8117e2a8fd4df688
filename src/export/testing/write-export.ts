import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExportedFile } from '../exporter.ts';
import type { Expected } from './small-models.ts';

/** Writes an export into a new directory, and beside it what a program should make of it. */
export function writeExport(
  directory: string,
  files: readonly ExportedFile[],
  expected: Expected,
): void {
  mkdirSync(directory, { recursive: true });
  for (const { name, content } of files) {
    const pieces = content instanceof Uint8Array ? [content] : [...content];
    writeFileSync(join(directory, name), Buffer.concat(pieces));
  }
  writeFileSync(join(directory, 'expected.json'), JSON.stringify(expected));
}
