/** Files that a user asks for by name. */
import { rm } from 'node:fs/promises';
import { replaceDurably, writeDurably } from '../durable-files.ts';
import { errorMessage, UserError } from '../errors.ts';
import { NAME_A_FILE, placeToWrite } from './file-place.ts';

/**
 * Makes sure that a file may be written at `path`, before the work for it is done.
 *
 * @param hint what to do if there is one
 * @throws UserError `file-exists` if something is at `path` and to stay, `file-unwritten` if it is no file
 */
export async function assertFilePlace(
  path: string,
  overwrite: boolean,
  hint: string,
): Promise<void> {
  await findPlace(path, overwrite, hint);
}

/**
 * Writes a text whole; what was at `path` is replaced if `overwrite` says so, and where it is a link, what
 * that leads to.
 *
 * @returns its bytes
 * @throws UserError as `assertFilePlace`, and `file-unwritten` if it cannot be written
 */
export async function writeNewFile(
  path: string,
  text: string,
  overwrite: boolean,
  hint: string,
): Promise<number> {
  const file = await findPlace(path, overwrite, hint);
  const bytes = Buffer.from(text);
  try {
    await (overwrite ? replaceDurably(file, bytes) : writeDurably(file, bytes));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw fileExists(path, hint);
    // What a full disk left of it, which was not there before.
    if (!overwrite) await rm(file, { force: true }).catch(() => undefined);
    throw unwritten(path, error);
  }
  return bytes.length;
}

/** The file that `path` means. */
function findPlace(path: string, overwrite: boolean, hint: string): Promise<string> {
  return placeToWrite(path, overwrite, {
    noFile: (found) =>
      new UserError(
        'file-unwritten',
        `expected to write a file at ${path}, found ${found}`,
        NAME_A_FILE,
      ),
    there: () => fileExists(path, hint),
    refused: (error) => unwritten(path, error),
  });
}

function unwritten(path: string, error: unknown): UserError {
  return new UserError(
    'file-unwritten',
    `expected to write ${path}, could not: ${errorMessage(error)}`,
    'Check the directory, and whether the disk is full.',
    { cause: error },
  );
}

function fileExists(path: string, hint: string): UserError {
  return new UserError('file-exists', `expected no file at ${path} yet, found one`, hint);
}
