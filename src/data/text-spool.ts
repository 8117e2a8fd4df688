/** Keeps what can be read only once, such as standard input, in a temporary file. */

import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorMessage, UserError } from '../errors.ts';
import { isSystemError } from './file-hashes.ts';
import { describeSource, readFailure } from './text-files.ts';

export interface SpooledText {
  readonly path: string;
  /** Of its bytes, in hexadecimal. */
  readonly sha256: string;
  readonly bytes: number;
  /** Removes the file; otherwise it is removed when the process exits. */
  remove(): void;
}

/**
 * Writes all of `stream` to a file that only this user can read.
 *
 * Throws the reason of `signal` once that is aborted, and a UserError `corpus-unreadable` where
 * `stream` cannot be read or the file not be written.
 */
export async function spoolText(
  stream: Readable,
  name: string,
  signal: AbortSignal | undefined,
): Promise<SpooledText> {
  const path = join(tmpdir(), `gru-lm-text-${process.pid}-${randomBytes(6).toString('hex')}`);
  const remove = () => {
    process.off('exit', remove);
    rmSync(path, { force: true });
  };
  process.on('exit', remove);
  const hash = createHash('sha256');
  let bytes = 0;
  const measure = async function* (chunks: AsyncIterable<Buffer | string>) {
    for await (const chunk of chunks) {
      const buffer = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      hash.update(buffer);
      bytes += buffer.length;
      yield buffer;
    }
  };
  const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
  const closed = new Promise<void>((resolve) => file.once('close', resolve));
  try {
    await pipeline(stream, measure, file, signal === undefined ? {} : { signal });
  } catch (error) {
    // It may just be about to be made.
    await closed;
    remove();
    signal?.throwIfAborted();
    if (!isSystemError(error)) {
      throw error;
    }
    throw stream.errored === error ? readFailure(name, error) : spoolFailure(name, error);
  }
  return { path, sha256: hash.digest('hex'), bytes, remove };
}

function spoolFailure(name: string, error: unknown): UserError {
  return new UserError(
    'corpus-unreadable',
    `expected room to keep ${describeSource(name)} while it is used, found none in ${tmpdir()}: ` +
      errorMessage(error),
    'Set TMPDIR to a directory with room, or name a file.',
    { cause: error },
  );
}
