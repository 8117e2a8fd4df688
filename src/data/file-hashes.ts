/** SHA-256 of files, remembered so that a large file that stays as it is is hashed only once. */

import { createHash } from 'node:crypto';
import { type BigIntStats, closeSync, fstatSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { replaceDurably } from '../durable-files.ts';
import { UserError } from '../errors.ts';
import { makeDirectories } from '../make-directories.ts';
import { type BlockOptions, readBlocks } from './text-blocks.ts';
import { describeSource, readFailure } from './text-files.ts';

/** What tells a file from another, and from itself after a change. */
export type FileStamp = Pick<BigIntStats, 'dev' | 'ino' | 'size' | 'mtimeNs' | 'ctimeNs'>;

export interface HashedFile {
  /** In hexadecimal. */
  readonly sha256: string;
  readonly stamp: FileStamp;
}

export interface HashOptions extends BlockOptions {
  /** Where hashes are remembered; undefined: none are. */
  readonly hashDirectory?: string | undefined;
}

/** Smaller files are hashed as fast as a record is read. */
const LEAST_REMEMBERED_SIZE = 2n ** 20n;
/** A file changed this short a time ago may change again without its times showing it. */
const SETTLED_AFTER_NS = 2_000_000_000n;

/**
 * The SHA-256 of the file at `path`, as remembered if its length, times and place on the disk are those
 * of then.
 *
 * Throws a UserError for a file that cannot be read (`corpus-missing`, `corpus-unreadable`) or changes
 * meanwhile (`corpus-changed`).
 */
export async function hashFile(path: string, options: HashOptions = {}): Promise<HashedFile> {
  return withFile(path, async (file) => {
    const stamp = readStamp(file);
    const size = Number(stamp.size);
    const record =
      options.hashDirectory === undefined || stamp.size <= LEAST_REMEMBERED_SIZE
        ? undefined
        : recordPath(options.hashDirectory, path);
    const remembered = record && (await recall(record, path, stamp));
    if (remembered !== undefined) {
      options.onPosition?.(size);
      return { sha256: remembered, stamp };
    }
    const startedNs = BigInt(Date.now()) * 1_000_000n;
    const hash = createHash('sha256');
    for await (const block of readBlocks(file, size, options)) {
      hash.update(block);
    }
    const sha256 = hash.digest('hex');
    assertUnchanged(file, stamp, path);
    const changedNs = stamp.mtimeNs > stamp.ctimeNs ? stamp.mtimeNs : stamp.ctimeNs;
    if (record !== undefined && changedNs < startedNs - SETTLED_AFTER_NS) {
      await remember(record, recordText(path, stamp, sha256));
    }
    return { sha256, stamp };
  });
}

/** Opens the file at `path` for `use`; what the system refuses becomes a UserError. */
export async function withFile<T>(path: string, use: (file: number) => T | Promise<T>): Promise<T> {
  const file = openFile(path);
  try {
    return await use(file);
  } catch (error) {
    throw isSystemError(error) ? readFailure(path, error) : error;
  } finally {
    closeSync(file);
  }
}

export function openFile(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw readFailure(path, error);
  }
}

export function readStamp(file: number): FileStamp {
  return fstatSync(file, { bigint: true });
}

/** Whether the operating system, and no code, refused something. */
export function isSystemError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

/** Throws a UserError `corpus-changed` unless `file` is the one that had `stamp`. */
export function assertUnchanged(file: number, stamp: FileStamp, name: string): void {
  const now = readStamp(file);
  // Links and permissions, which ctime is about as well, do not change the text.
  for (const field of ['dev', 'ino', 'size', 'mtimeNs'] as const) {
    if (now[field] !== stamp[field]) {
      throw new UserError(
        'corpus-changed',
        `expected ${describeSource(name)} to stay as it is while it is read, found it changed`,
        'Begin again when nothing writes to it.',
      );
    }
  }
}

/** One file for each path, so that a changed file takes the place of what it was. */
function recordPath(hashDirectory: string, path: string): string {
  const name = createHash('sha256').update(resolve(path)).digest('hex');
  return join(hashDirectory, `${name}.json`);
}

function recordText(path: string, stamp: FileStamp, sha256: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = stamp;
  const numbers = [dev, ino, size, mtimeNs, ctimeNs].map(String);
  return `${JSON.stringify({ path: resolve(path), stamp: numbers, sha256 })}\n`;
}

async function recall(record: string, path: string, stamp: FileStamp): Promise<string | undefined> {
  try {
    const text = await readFile(record, 'utf8');
    const sha256 = String((JSON.parse(text) as { sha256?: unknown }).sha256);
    // Whatever differs from what would be written now is of no use.
    const isValid = /^[0-9a-f]{64}$/.test(sha256) && text === recordText(path, stamp, sha256);
    return isValid ? sha256 : undefined;
  } catch {
    return undefined;
  }
}

/** Does nothing where it cannot be done: remembering only saves time. */
async function remember(record: string, text: string): Promise<void> {
  try {
    await makeDirectories(dirname(record));
    await replaceDurably(record, Buffer.from(text));
  } catch {
    // It is hashed again.
  }
}
