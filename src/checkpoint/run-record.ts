import { join } from 'node:path';
import { readShortFile } from './checked-file.ts';
import { decodeRunRecord, LONGEST_RECORD, RUN_FILE, type RunRecord } from './format.ts';

/**
 * What `run.json` in `directory` says; undefined if there is none.
 *
 * Throws a UserError (`checkpoint-damaged`, `checkpoint-unreadable`, `checkpoint-version`) if it is
 * not a run's.
 */
export async function readRunRecord(directory: string): Promise<RunRecord | undefined> {
  const path = join(directory, RUN_FILE);
  let bytes: Uint8Array;
  try {
    bytes = await readShortFile(path, LONGEST_RECORD);
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      return undefined;
    }
    throw error;
  }
  return decodeRunRecord(bytes, path);
}
