import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage } from '../errors.ts';
import { decodeRunRecord, RUN_FILE, type RunRecord } from './format.ts';
import { damaged } from './json.ts';

/**
 * What `run.json` in `directory` says; undefined if there is none.
 *
 * Throws a UserError (`checkpoint-damaged`, `checkpoint-version`) if it is not a run's.
 */
export async function readRunRecord(directory: string): Promise<RunRecord | undefined> {
  const path = join(directory, RUN_FILE);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      return undefined;
    }
    throw damaged(path, `expected a readable file, found: ${errorMessage(error)}`, error);
  }
  return decodeRunRecord(bytes, path);
}
