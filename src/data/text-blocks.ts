/** Reads files front to back in blocks, of which no more than a few are in memory. */

import { readSync, read as readWithCallback } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import { errorMessage, UserError } from '../errors.ts';
import { describeSource } from './text-files.ts';

/** Bytes in pieces, each to be used before the next one is asked for: it may be overwritten then. */
export type Blocks = AsyncGenerator<Buffer, void, undefined>;

export interface BlockOptions {
  /** Bytes in a block. Default 1 MiB. */
  readonly blockSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told how far the file has been read, in bytes. */
  readonly onPosition?: ((position: number) => void) | undefined;
}

const BLOCK_SIZE = 2 ** 20;
/** Up to so many bytes, to wait for another thread to read takes longer than to read. */
const SMALL_FILE = 2 ** 16;
const readAsync = promisify(readWithCallback);

/**
 * Reads the first `size` bytes of an open file, or all if there are fewer. While one block is used, the
 * next is read. Throws the reason of `signal` once that is aborted.
 */
export async function* readBlocks(
  file: number,
  size: number,
  { blockSize = BLOCK_SIZE, signal, onPosition }: BlockOptions = {},
): Blocks {
  if (size <= SMALL_FILE) {
    // Between thousands of small files, too, signals are to get their turn.
    await setImmediate();
  }
  const length = Math.max(1, Math.min(blockSize, size));
  const readAt = async (buffer: Buffer, position: number): Promise<number> => {
    const wanted = Math.min(length, size - position);
    return size <= SMALL_FILE
      ? readSync(file, buffer, 0, wanted, position)
      : (await readAsync(file, buffer, 0, wanted, position)).bytesRead;
  };
  const begin = (buffer: Buffer, position: number): Promise<number> => {
    const reading = readAt(buffer, position);
    // A failure is thrown where it is awaited, and is no unhandled one until then.
    reading.catch(() => undefined);
    return reading;
  };
  let position = 0;
  let next = Buffer.allocUnsafeSlow(length);
  let other = length < size ? Buffer.allocUnsafeSlow(length) : next;
  let reading = begin(next, position);
  try {
    while (position < size) {
      signal?.throwIfAborted();
      const bytesRead = await reading;
      if (bytesRead === 0) {
        return;
      }
      const block = next.subarray(0, bytesRead);
      position += bytesRead;
      if (position < size) {
        [next, other] = [other, next];
        reading = begin(next, position);
      }
      onPosition?.(position);
      yield block;
    }
  } finally {
    // The file is not to be closed while it is read.
    await reading.catch(() => undefined);
  }
}

/** Whether a file begins as gzip files do, and UTF-8 never does. */
export function isGzip(file: number): boolean {
  const head = Buffer.alloc(2);
  return readSync(file, head, 0, 2, 0) === 2 && head[0] === 0x1f && head[1] === 0x8b;
}

/**
 * Unpacks the blocks of a gzip file of one or more members.
 *
 * Throws a UserError `corpus-encoding` naming the file where it is damaged or cut off.
 */
export async function* unpackGzip(
  blocks: Blocks,
  name: string,
  blockSize: number = BLOCK_SIZE,
): Blocks {
  const unpacker = createGunzip({ chunkSize: Math.max(blockSize, 64) });
  const closed = new Promise<void>((resolve) => unpacker.once('close', resolve));
  const feed = async () => {
    try {
      for await (const block of blocks) {
        // Once closed, it may leave the block without an answer.
        const used = new Promise<void>((resolve) => unpacker.write(block, () => resolve()));
        await Promise.race([used, closed]);
        if (unpacker.destroyed) {
          return;
        }
      }
      unpacker.end();
    } catch (error) {
      unpacker.destroy(error as Error);
    }
  };
  const fed = feed();
  try {
    for await (const block of unpacker) {
      yield block as Buffer;
    }
  } catch (error) {
    if (String((error as NodeJS.ErrnoException).code).startsWith('Z_')) {
      throw new UserError(
        'corpus-encoding',
        `${describeSource(name)}: expected text or a whole gzip file, found a gzip file that does ` +
          `not unpack: ${errorMessage(error)}`,
        'Check it with gzip --test, or unpack it first.',
        { cause: error },
      );
    }
    throw error;
  } finally {
    unpacker.destroy();
    await fed;
  }
}
