/** Tells the directories that gru-lm saved from those of others. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readShortFile } from './checked-file.ts';
import { LONGEST_RECORD, MANIFEST_FILE, RUN_FILE } from './format.ts';

export type Saved = 'run' | 'checkpoint';

/** What a directory is by the file in it that says so. */
const RECORDS: readonly [file: string, format: string, kind: Saved][] = [
  [RUN_FILE, '"gru-lm-run"', 'run'],
  [MANIFEST_FILE, '"gru-lm-checkpoint"', 'checkpoint'],
];

/** What `directory` is, whole or damaged; undefined: nothing that gru-lm saved. */
export async function whatIsSaved(directory: string): Promise<Saved | undefined> {
  for (const [file, format, kind] of RECORDS) {
    const path = join(directory, file);
    // Most directories of texts have neither file, which is told ten times as fast like this.
    if (!existsSync(path)) continue;
    const bytes = await readShortFile(path, LONGEST_RECORD).catch(() => new Uint8Array());
    if (Buffer.from(bytes).includes(format)) return kind;
  }
  return undefined;
}
