/**
 * Reads the text to learn from: files, or standard input for `-`.
 *
 * The text is strict UTF-8, since a damaged character would silently become something to learn. A
 * gzip file is read as the text in it.
 */

import { constants } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { errorMessage, UserError } from '../errors.ts';
import { findInvalidUtf8 } from './utf8.ts';

/** One file of a corpus, as the checkpoint's record of the data names it. */
export type CorpusSource = {
  /** The path as given; `-` for standard input. */
  readonly name: string;
  /** Length in bytes, as stored (compressed, for a gzip file). */
  readonly bytes: number;
  /** SHA-256 of those bytes, in hexadecimal. */
  readonly sha256: string;
};

/** The text of a corpus and where it came from. */
export interface CorpusText {
  /** The files' texts one after the other, in the order given, without byte-order marks. */
  readonly text: string;
  readonly sources: readonly CorpusSource[];
  /** Length of all sources in bytes. */
  readonly bytes: number;
  /** SHA-256 of the sources' bytes one after the other, in hexadecimal. */
  readonly sha256: string;
}

/**
 * Reads `paths` and joins their texts in that order.
 *
 * Throws a UserError for no path (`usage`), and for a file that is missing (`corpus-missing`), a
 * directory (`corpus-directory`), unreadable (`corpus-unreadable`), empty (`corpus-empty`), not UTF-8
 * (`corpus-encoding`) or longer than a string can be (`corpus-too-large`).
 */
export async function readCorpus(
  paths: readonly string[],
  standardInput: Readable = process.stdin,
): Promise<CorpusText> {
  if (paths.length === 0) {
    throw new UserError(
      'usage',
      'expected at least one text file, found none',
      'Name a UTF-8 text file, or - for standard input.',
    );
  }
  if (paths.filter((path) => path === '-').length > 1) {
    throw new UserError(
      'usage',
      'expected - (standard input) once, found it several times',
      'Standard input can be read only once: keep one -.',
    );
  }
  const whole = createHash('sha256');
  const sources: CorpusSource[] = [];
  const texts: string[] = [];
  let bytes = 0;
  let characters = 0;
  for (const path of paths) {
    const stored = path === '-' ? await readStream(standardInput) : await readStored(path);
    const text = decodeText(await decompress(stored, path), path);
    whole.update(stored);
    bytes += stored.length;
    characters += text.length;
    assertStringLength(characters, 'the corpus');
    sources.push({ name: path, bytes: stored.length, sha256: sha256(stored) });
    texts.push(text);
  }
  return { text: texts.join(''), sources, bytes, sha256: whole.digest('hex') };
}

async function readStream(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) {
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}

async function readStored(path: string): Promise<Buffer> {
  try {
    const stats = await stat(path);
    if (stats.isDirectory()) {
      throw new UserError(
        'corpus-directory',
        `expected a text file, found a directory: ${path}`,
        `Name the files in it, such as ${path.replace(/\/+$/, '')}/*.txt.`,
      );
    }
    assertStringLength(stats.size, path);
    return await readFile(path);
  } catch (error) {
    throw error instanceof UserError ? error : readFailure(path, error);
  }
}

function readFailure(path: string, error: unknown): UserError {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new UserError(
      'corpus-missing',
      `expected a text file, found nothing at ${path}`,
      'Check the path; it is taken from the current directory.',
      { cause: error },
    );
  }
  return new UserError(
    'corpus-unreadable',
    `expected a readable text file, could not read ${path}: ${errorMessage(error)}`,
    'Check the permissions of the file.',
    { cause: error },
  );
}

/** The bytes themselves, or what they hold if they are a gzip file (which is never UTF-8). */
async function decompress(bytes: Buffer, name: string): Promise<Buffer> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) {
    return bytes;
  }
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: constants.MAX_STRING_LENGTH });
  } catch (error) {
    throw new UserError(
      'corpus-encoding',
      `${describe(name)}: expected UTF-8 text or a whole gzip file, found a gzip file that does not ` +
        `unpack: ${errorMessage(error)}`,
      'Check it with gzip --test, or unpack it first.',
      { cause: error },
    );
  }
}

/** The text of `bytes` without a byte-order mark. */
function decodeText(bytes: Buffer, name: string): string {
  assertStringLength(bytes.length, name);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw encodingFailure(bytes, name, error);
  }
  if (text.length === 0) {
    throw new UserError(
      'corpus-empty',
      `${describe(name)}: expected text, found nothing`,
      'Name a file that has text in it.',
    );
  }
  return text;
}

function encodingFailure(bytes: Buffer, name: string, cause: unknown): UserError {
  const isUtf16 =
    (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  const from = isUtf16 ? 'UTF-16' : 'ISO-8859-1';
  const offset = findInvalidUtf8(bytes);
  const line = bytes.subarray(0, offset).reduce((count, b) => count + (b === 0x0a ? 1 : 0), 1);
  const value = (bytes[offset] ?? 0).toString(16).padStart(2, '0');
  return new UserError(
    'corpus-encoding',
    `${describe(name)}: expected UTF-8 text, found an invalid sequence at byte ${offset} ` +
      `(0x${value}, line ${line})`,
    `Convert the file, for example: iconv -f ${from} -t UTF-8 INPUT > OUTPUT`,
    { cause },
  );
}

function assertStringLength(length: number, name: string): void {
  if (length > constants.MAX_STRING_LENGTH) {
    throw new UserError(
      'corpus-too-large',
      `${describe(name)}: expected at most ${constants.MAX_STRING_LENGTH} bytes of text, ` +
        `found ${length}`,
      'Train on a part of it.',
    );
  }
}

function describe(name: string): string {
  return name === '-' ? 'standard input' : name;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
