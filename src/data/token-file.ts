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

  /** Returns when all is on the disk, and closes the file. */
  async finish(): Promise<TokenFileRecord> {
    await this.flush();
    await this.writing;
    await this.file.datasync();
    await this.file.close();
    return { tokens: this.tokens, vocabularySize: this.vocabularySize };
  }

  /** Closes the file as it is. */
  async abandon(): Promise<void> {
    await this.writing.catch(() => undefined);
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
    this.fill(bytesOf(ids), 0);
    this.assertTokens(ids);
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

  private assertTokens(ids: Int32Array | Uint16Array): void {
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

/** Whether all of `ids` are in [0, vocabularySize). */
function areTokens(ids: Int32Array | Uint16Array, vocabularySize: number): boolean {
  const last = vocabularySize - 1;
  let signs = 0;
  for (let i = 0; i < ids.length; i += 1) {
    const id = ids[i]!;
    signs |= id | (last - id);
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
