/** Files that a user asks for by name. */
import { access, rm } from 'node:fs/promises';
import { replaceDurably, writeDurably } from '../durable-files.ts';
import { errorMessage, UserError } from '../errors.ts';

/**
 * @param hint what to do if there is one
 * @throws UserError `file-exists` if something is at `path`
 */
export async function assertNoFile(path: string, hint: string): Promise<void> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) throw fileExists(path, hint);
}

/**
 * Writes a text whole; what was at `path` is replaced if `overwrite` says so.
 *
 * @returns its bytes
 * @throws UserError `file-exists` if something is at `path` and to stay, `file-unwritten` if it cannot be written
 */
export async function writeNewFile(
  path: string,
  text: string,
  overwrite: boolean,
  hint: string,
): Promise<number> {
  const bytes = Buffer.from(text);
  try {
    await (overwrite ? replaceDurably(path, bytes) : writeDurably(path, bytes));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw fileExists(path, hint);
    // What a full disk left of it, which was not there before.
    if (!overwrite) await rm(path, { force: true }).catch(() => undefined);
    throw new UserError(
      'file-unwritten',
      `expected to write ${path}, could not: ${errorMessage(error)}`,
      'Check the directory, and whether the disk is full.',
      { cause: error },
    );
  }
  return bytes.length;
}

function fileExists(path: string, hint: string): UserError {
  return new UserError('file-exists', `expected no file at ${path} yet, found one`, hint);
}
