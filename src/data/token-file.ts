/** Token ids on disk: two bytes each where that is enough, else four, little-endian, nothing else. */

import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorMessage, UserError } from '../errors.ts';
import { assertWindow, TokenArray, type TokenSequence } from './token-sequence.ts';

/** Tokens that are collected before they are written, twice over. */
const WRITTEN_AT_ONCE = 2 ** 19;
/** Tokens that are converted at a time when they are read. */
const READ_AT_ONCE = 2 ** 18;
/** While a file is written, so much of it may wait for the disk: it is busy from the beginning. */
const SYNCED_BYTES = 64 * 2 ** 20;
/** A file no larger than this is read into memory once: it takes fewer calls of the system. */
const LOADED_BYTES = 64 * 2 ** 20;

/** What must be known of a file to read it. */
export type TokenFileRecord = {
  readonly tokens: number;
  /** Every id is below it. */
  readonly vocabularySize: number;
};

export function bytesPerToken(vocabularySize: number): 2 | 4 {
  return vocabularySize <= 2 ** 16 ? 2 : 4;
}

/** Writes a new file. While one buffer is filled, the other goes to the disk. */
export class TokenFileWriter {
  private tokens = 0;
  private readonly file: FileHandle;
  private readonly vocabularySize: number;
  private filled = 0;
  private buffer: Uint16Array | Int32Array;
  private other: Uint16Array | Int32Array;
  private writing: Promise<void> = Promise.resolve();
  private syncing: Promise<void> = Promise.resolve();
  private unsynced = 0;

  private constructor(file: FileHandle, vocabularySize: number) {
    this.file = file;
    this.vocabularySize = vocabularySize;
    const Ids = bytesPerToken(vocabularySize) === 2 ? Uint16Array : Int32Array;
    this.buffer = new Ids(WRITTEN_AT_ONCE);
    this.other = new Ids(WRITTEN_AT_ONCE);
  }

  static async create(path: string, vocabularySize: number): Promise<TokenFileWriter> {
    return new TokenFileWriter(await open(path, 'wx'), vocabularySize);
  }

  get bytes(): number {
    return this.tokens * this.buffer.BYTES_PER_ELEMENT;
  }

  /** Appends `ids`, which the caller may change again when this has returned. */
  async write(ids: Int32Array): Promise<void> {
    if (!areTokens(ids, this.vocabularySize)) {
      throw new RangeError(`expected ids below ${this.vocabularySize}, found others`);
    }
    for (let start = 0; start < ids.length; ) {
      const part = ids.subarray(start, start + WRITTEN_AT_ONCE - this.filled);
      this.buffer.set(part, this.filled);
      this.filled += part.length;
      start += part.length;
      if (this.filled === WRITTEN_AT_ONCE) {
        await this.flush();
      }
    }
    this.tokens += ids.length;
  }

  /** Ends the file, which can be read then but may not be on the disk yet. */
  async end(): Promise<TokenFileRecord> {
    await this.flush();
    await this.writing;
    this.sync();
    return { tokens: this.tokens, vocabularySize: this.vocabularySize };
  }

  /** Returns when all is on the disk, and closes the file. */
  async close(): Promise<void> {
    await this.syncing;
    await this.file.close();
  }

  /** Closes the file as it is. */
  async abandon(): Promise<void> {
    await this.writing.catch(() => undefined);
    await this.syncing.catch(() => undefined);
    await this.file.close();
  }

  private async flush(): Promise<void> {
    await this.writing;
    const full = this.buffer.subarray(0, this.filled);
    [this.buffer, this.other] = [this.other, this.buffer];
    this.filled = 0;
    this.writing = writeAll(this.file, bytesOf(full));
    // A failure is thrown where it is awaited, and is no unhandled one until then.
    this.writing.catch(() => undefined);
    this.unsynced += full.byteLength;
    if (this.unsynced >= SYNCED_BYTES) {
      await this.syncing;
      this.sync();
    }
  }

  /** Begins to bring to the disk what is written, after what is being brought there. */
  private sync(): void {
    this.unsynced = 0;
    const { syncing, writing } = this;
    this.syncing = Promise.all([syncing, writing]).then(() => this.file.datasync());
    this.syncing.catch(() => undefined);
  }
}

/** A sequence that holds a file open until it is closed. */
export interface OpenTokens extends TokenSequence {
  close(): Promise<void>;
}

/**
 * Opens the tokens at `path`; once they are open, the file may be removed.
 *
 * Throws a UserError (`token-cache-damaged`) for a file of another length, and for one with other ids:
 * at once if it has `loadedBytes` at most and is read into memory, else when they are read.
 */
export async function openTokenFile(
  path: string,
  { tokens, vocabularySize }: TokenFileRecord,
  loadedBytes = LOADED_BYTES,
): Promise<OpenTokens> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const expected = tokens * bytesPerToken(vocabularySize);
    if (size !== expected) {
      throw damaged(path, `expected ${expected} bytes in ${path}, found ${size}`);
    }
    const opened = new TokenFile(file, path, tokens, vocabularySize);
    if (size > loadedBytes) {
      return opened;
    }
    const loaded = opened.load();
    await opened.close();
    return loaded;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Tokens that are read from a file when they are asked for. */
class TokenFile implements OpenTokens {
  readonly length: number;
  private readonly path: string;
  private readonly vocabularySize: number;
  /** Undefined: closed. Another file may have its descriptor by now. */
  private file: FileHandle | undefined;
  private buffer = new Uint16Array(0);

  constructor(file: FileHandle, path: string, tokens: number, vocabularySize: number) {
    this.file = file;
    this.path = path;
    this.length = tokens;
    this.vocabularySize = vocabularySize;
  }

  read(start: number, target: Int32Array): void {
    assertWindow(this, start, target.length);
    if (bytesPerToken(this.vocabularySize) === 4) {
      this.fill(bytesOf(target), 4 * start);
    } else {
      for (let done = 0; done < target.length; done += READ_AT_ONCE) {
        const ids = this.bufferOf(Math.min(READ_AT_ONCE, target.length - done));
        this.fill(bytesOf(ids), 2 * (start + done));
        target.set(ids, done);
      }
    }
    this.assertTokens(target);
  }

  /** All tokens, in memory. */
  load(): OpenTokens {
    const Ids = bytesPerToken(this.vocabularySize) === 2 ? Uint16Array : Int32Array;
    const ids = new Ids(this.length);
    for (let start = 0; start < this.length; start += READ_AT_ONCE) {
      const part = new Int32Array(Math.min(READ_AT_ONCE, this.length - start));
      this.read(start, part);
      ids.set(part, start);
    }
    return Object.assign(new TokenArray(ids), { close: () => Promise.resolve() });
  }

  async close(): Promise<void> {
    const { file } = this;
    this.file = undefined;
    await file?.close();
  }

  private bufferOf(length: number): Uint16Array {
    if (this.buffer.length < length) {
      this.buffer = new Uint16Array(length);
    }
    return this.buffer.subarray(0, length);
  }

  private fill(bytes: Uint8Array, position: number): void {
    if (this.file === undefined) {
      throw new Error(`expected ${this.path} to be open, found it closed`);
    }
    for (let done = 0; done < bytes.length; ) {
      const count = readAt(this.file, this.path, bytes.subarray(done), position + done);
      if (count === 0) {
        throw damaged(this.path, `expected more than ${position + done} bytes in ${this.path}`);
      }
      done += count;
    }
  }

  private assertTokens(ids: Int32Array): void {
    if (!areTokens(ids, this.vocabularySize)) {
      const { path, vocabularySize } = this;
      throw damaged(path, `expected ids below ${vocabularySize} in ${path}, found others`);
    }
  }
}

function readAt(file: FileHandle, path: string, bytes: Uint8Array, position: number): number {
  try {
    return readSync(file.fd, bytes, 0, bytes.length, position);
  } catch (error) {
    throw damaged(path, `expected to read ${path}, found: ${errorMessage(error)}`, error);
  }
}

function damaged(path: string, message: string, cause?: unknown): UserError {
  return new UserError(
    'token-cache-damaged',
    message,
    `Remove ${dirname(path)}: it is made anew from the text.`,
    { cause },
  );
}

/** Whether all of `ids` are in [0, vocabularySize): four at a time, which is twice as fast. */
function areTokens(ids: Int32Array, vocabularySize: number): boolean {
  const last = vocabularySize - 1;
  const { length } = ids;
  let signs = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    const a = ids[i]!;
    const b = ids[i + 1]!;
    const c = ids[i + 2]!;
    const d = ids[i + 3]!;
    signs |= a | b | c | d | (last - a) | (last - b) | (last - c) | (last - d);
  }
  for (; i < length; i += 1) {
    signs |= ids[i]! | (last - ids[i]!);
  }
  return signs >= 0;
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done);
    done += bytesWritten;
  }
}

function bytesOf(ids: Uint16Array | Int32Array): Uint8Array {
  return new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength);
}
