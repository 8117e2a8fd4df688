/** Reads files that may be anything: not what is no file, not more than asked for, not a changed byte. */

import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { errorMessage, UserError } from '../errors.ts';
import { damaged } from './json.ts';

/** What a file must be. */
export interface FileRecord {
  readonly bytes: number;
  /** In hexadecimal. */
  readonly sha256: string;
}

/** Bytes that are read front to back. */
export interface ByteSource {
  /** All that there are. */
  readonly length: number;
  /** Fills `target` with the next bytes; there must be as many. */
  read(target: Uint8Array): Promise<void>;
}

/** What is read at once, and hashed while it is in the processor's cache. */
const SLICE_BYTES = 1 << 20;

/** What fits in a string of V8's. */
const LONGEST_TEXT = 2 ** 29 - 2 ** 10;
/** Of a file with no more bytes, it is known in less than a second or two whether they are damaged. */
const SOON_HASHED = 2 ** 30;

/**
 * What `use` makes of the file at `path`, which must have the length and SHA-256 of `record`. What `use`
 * leaves is read and hashed too. Of a file that is not as recorded that is said, and not what `use` found
 * in it, unless it is larger than a gigabyte.
 *
 * Throws a UserError: `checkpoint-damaged`, or as `openRegular`.
 */
export async function withCheckedFile<T>(
  path: string,
  record: FileRecord,
  use: (source: ByteSource) => T | Promise<T>,
): Promise<T> {
  return withRegularFile(path, async (file, { size }) => {
    if (size !== record.bytes) {
      throw damaged(path, `expected ${record.bytes} bytes, found ${size}`);
    }
    const source = new HashingSource(file, path, size);
    const assertSame = async () => {
      const sha256 = await source.finish();
      if (sha256 !== record.sha256) {
        throw damaged(path, `expected SHA-256 ${record.sha256}, found ${sha256}`);
      }
    };
    let result: T;
    try {
      result = await use(source);
    } catch (error) {
      if (size <= SOON_HASHED) await assertSame();
      throw error;
    }
    await assertSame();
    return result;
  });
}

/**
 * What `use` makes of the file at `path`, whatever is in it.
 *
 * Throws a UserError as `openRegular`.
 */
export async function withFile<T>(
  path: string,
  use: (source: ByteSource) => Promise<T>,
): Promise<T> {
  return withRegularFile(path, (file, { size }) => use(new HashingSource(file, path, size)));
}

/**
 * The content of the file at `path`, which must have at most `longest` bytes.
 *
 * Throws a UserError: `checkpoint-damaged`, or as `openRegular`.
 */
export async function readShortFile(path: string, longest: number): Promise<Uint8Array> {
  return withRegularFile(path, async (file, { size }) => {
    if (size > longest) {
      throw damaged(path, `expected at most ${longest} bytes, found ${size}`);
    }
    const bytes = new Uint8Array(size);
    await new HashingSource(file, path, size).read(bytes);
    return bytes;
  });
}

/**
 * All that `source` has, the content of the file `path`, for what must be in memory as a whole; throws a
 * UserError (`checkpoint-damaged`) for more than a text can have.
 */
export async function readText(source: ByteSource, path: string): Promise<Uint8Array> {
  if (source.length > LONGEST_TEXT) {
    throw damaged(path, `expected at most ${LONGEST_TEXT} bytes, found ${source.length}`);
  }
  const bytes = new Uint8Array(source.length);
  await source.read(bytes);
  return bytes;
}

class HashingSource implements ByteSource {
  readonly length: number;
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #hash = createHash('sha256');
  #position = 0;

  constructor(file: FileHandle, path: string, length: number) {
    this.#file = file;
    this.#path = path;
    this.length = length;
  }

  async read(target: Uint8Array): Promise<void> {
    for (let done = 0; done < target.length; ) {
      const slice = target.subarray(done, done + SLICE_BYTES);
      const { bytesRead } = await this.#file.read(slice, 0, slice.length, this.#position);
      if (bytesRead === 0) {
        throw damaged(this.#path, `expected ${this.length} bytes, found ${this.#position}`);
      }
      this.#hash.update(slice.subarray(0, bytesRead));
      this.#position += bytesRead;
      done += bytesRead;
    }
  }

  /** The SHA-256 of all, once. */
  async finish(): Promise<string> {
    const rest = this.length - this.#position;
    const slice = new Uint8Array(Math.min(rest, SLICE_BYTES));
    while (this.#position < this.length) {
      await this.read(slice.subarray(0, this.length - this.#position));
    }
    return this.#hash.digest('hex');
  }
}

async function withRegularFile<T>(
  path: string,
  use: (file: FileHandle, stats: Stats) => Promise<T>,
): Promise<T> {
  let file: FileHandle | undefined;
  try {
    // Before it is opened, since to open a device may do something; and after, for what came meanwhile.
    assertRegular(path, await stat(path));
    // A pipe without a writer would be waited for.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = await file.stat();
    assertRegular(path, stats);
    return await use(file, stats);
  } catch (error) {
    throw error instanceof UserError || !isSystemError(error) ? error : unreadable(path, error);
  } finally {
    await file?.close();
  }
}

function assertRegular(path: string, stats: Stats): void {
  if (!stats.isFile()) throw damaged(path, `expected a file, found ${nameOfKind(stats)}`);
}

/** How messages call what is no file. */
export function nameOfKind(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a pipe';
  return stats.isSocket() ? 'a socket' : 'a device';
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

/** Errors of this process or its rights, and none of the file. */
const NOT_THE_FILES_FAULT = ['EACCES', 'EPERM', 'EMFILE', 'ENFILE', 'ENOMEM'];

/** `checkpoint-incomplete`, or `checkpoint-unreadable` where the file itself may be whole. */
function unreadable(path: string, error: NodeJS.ErrnoException): UserError {
  const found = error.code === 'ENOENT' ? 'none' : errorMessage(error);
  const isWhole = NOT_THE_FILES_FAULT.includes(error.code ?? '');
  return new UserError(
    isWhole ? 'checkpoint-unreadable' : 'checkpoint-incomplete',
    `${dirname(path)}: expected the file ${basename(path)}, found ${found}`,
    isWhole
      ? 'Check the permissions there.'
      : 'Copy the whole checkpoint directory, or use another checkpoint.',
    { cause: error },
  );
}
