/** Files that are on the disk, and not only in its cache, when a call returns. */

import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const TEMPORARY_NAME = /^\.tmp-\d+-[0-9a-f]+$/;

/** A name that nothing has yet, for what is written before it is renamed to its place. */
export function temporaryName(): string {
  return `.tmp-${process.pid}-${randomBytes(6).toString('hex')}`;
}

/** Whether `name` is one of `temporaryName`'s: a leftover, unless its writer is still at work. */
export function isTemporaryName(name: string): boolean {
  return TEMPORARY_NAME.test(name);
}

/**
 * Writes a new file, whole or piece by piece; the next piece is asked for when one is written. Errors
 * have its `path`, which those of a write lack.
 */
export async function writeDurably(
  path: string,
  content: Uint8Array | Iterable<Uint8Array>,
): Promise<void> {
  try {
    const file = await open(path, 'wx');
    try {
      for (const piece of content instanceof Uint8Array ? [content] : content) {
        await writeAll(file, piece);
      }
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw withPath(error, path);
  }
}

/**
 * Writes at the end of what was written, by as few calls as the system allows: Node's own `writeFile`
 * cuts at 512 kB, and whatever else the process does comes between two calls.
 */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    written += (await file.write(bytes, written)).bytesWritten;
  }
}

/** Puts `bytes` in the place of what is at `path`: at every moment a whole file is there. */
export async function replaceDurably(path: string, bytes: Uint8Array): Promise<void> {
  const directory = dirname(path);
  const temporary = join(directory, temporaryName());
  try {
    await writeDurably(temporary, bytes);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw withPath(error, path);
  }
  await syncDirectory(directory);
}

function withPath(error: unknown, path: string): unknown {
  return error instanceof Error ? Object.assign(error, { path }) : error;
}

/** Makes the names in `directory` durable, on systems where a directory can be synchronised. */
export async function syncDirectory(directory: string): Promise<void> {
  try {
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['EISDIR', 'EPERM', 'EINVAL', 'EACCES', 'ENOTSUP'].includes(code)) {
      throw error;
    }
  }
}
