/**
 * The text to learn from, as a stream: files, directories, globs, or standard input for `-`.
 *
 * A gzip file is read as what is in it. Each file is a document, and in a file of JSON lines each
 * line. However long they are, only a few pieces are in memory.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { UserError } from '../errors.ts';
import { hashFile, readStamp, withFile } from './file-hashes.ts';
import { isJsonLines } from './json-lines.ts';
import type { TextChunks } from './text-chunk.ts';
import { canonicalEncoding } from './text-decoder.ts';
import { readFiles, type TextFile, type TextSettings } from './text-documents.ts';
import { emptyText, findOperands, type Operand, operandFiles } from './text-files.ts';
import { type SpooledText, spoolText } from './text-spool.ts';

/** How files become text. */
export interface TextOptions {
  /** A name that TextDecoder knows. Default: UTF-8, or UTF-16 where a byte-order mark says so. */
  readonly encoding?: string | undefined;
  /** `lf`: every CRLF and lone CR becomes a line feed. Default `keep`. */
  readonly newlines?: 'keep' | 'lf' | undefined;
  /** The field of each line of a .jsonl or .ndjson file that holds its text. Default `text`. */
  readonly textField?: string | undefined;
  /**
   * Gives the bytes of files (unpacked if gzip) as they are, text or not. JSON lines are still read as
   * such, and `encoding` and `newlines` still do what they say. Default false.
   */
  readonly raw?: boolean | undefined;
}

/** Told how many of the stored bytes are done. */
export type TextProgress = (bytesDone: number, bytesTotal: number) => void;

export interface OpenTextContext {
  /** Default: the process's own. */
  readonly standardInput?: Readable | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Where hashes of large files are remembered; undefined: none are. */
  readonly hashDirectory?: string | undefined;
  /** Told while files are hashed. */
  readonly onProgress?: TextProgress | undefined;
  /** Bytes that are read at once, for tests. Default 1 MiB. */
  readonly blockSize?: number | undefined;
  /**
   * Whether to refuse (`corpus-missing`) what can be read only once: a name out of a checkpoint may be
   * that of a pipe or device, which never ends. Default false.
   */
  readonly filesOnly?: boolean | undefined;
}

/** What one operand means, as the checkpoint's record of the data names it. */
export type CorpusSource = {
  /** The operand as given; `-` for standard input. */
  readonly name: string;
  /** Length in bytes, as stored (compressed, for a gzip file). */
  readonly bytes: number;
  /**
   * SHA-256 in hexadecimal: of the bytes of a file; for a directory or glob, of what `sha256sum` prints
   * for its files in their order, by their paths below it.
   */
  readonly sha256: string;
  /** How many files a directory or glob stands for; undefined: the operand is one. */
  readonly files?: number;
};

export interface TextSource {
  /** One an operand, in the order given. */
  readonly sources: readonly CorpusSource[];
  /** Length of all files in bytes, as stored. */
  readonly bytes: number;
  /**
   * SHA-256 in hexadecimal that stands for the stored bytes, the order and ends of the files, and the
   * options: equal keys, equal documents.
   */
  readonly key: string;
  /**
   * The text from its beginning, as often as asked.
   *
   * Throws a UserError where a file has changed since it was hashed (`corpus-changed`), cannot be read
   * (`corpus-missing`, `corpus-unreadable`), is no text (`corpus-encoding`, `corpus-json`) or has none
   * (`corpus-empty`), and the reason of `signal` once that is aborted.
   */
  chunks(signal?: AbortSignal, onProgress?: TextProgress): TextChunks;
  /** Removes the copy of standard input. */
  close(): Promise<void>;
}

/** Raise it when the same files and options come to mean other text. */
const KEY_VERSION = 1;

/**
 * Finds and hashes what `operands` name, and keeps a copy of what can be read only once.
 *
 * Throws a UserError for an unknown encoding (`usage`), as `findOperands` does for operands, and for
 * files as `hashFile` does.
 */
export async function openText(
  operands: readonly string[],
  options: TextOptions = {},
  context: OpenTextContext = {},
): Promise<TextSource> {
  const settings: TextSettings = {
    encoding: options.encoding === undefined ? undefined : canonicalEncoding(options.encoding),
    newlines: options.newlines ?? 'keep',
    textField: options.textField ?? 'text',
    raw: options.raw ?? false,
  };
  const found = await findOperands(operands);
  const stream = found.find(({ kind }) => kind === 'stream');
  if (context.filesOnly && stream) {
    throw new UserError(
      'corpus-missing',
      `expected a text file, found what can be read only once at ${stream.name}`,
      'Name the text itself on the command line.',
    );
  }
  const spooled: SpooledText[] = [];
  const close = async () => {
    for (const text of spooled.splice(0)) {
      text.remove();
    }
  };
  try {
    const hash = fileHasher(found, context);
    const sources: CorpusSource[] = [];
    const files: TextFile[] = [];
    for (const operand of found) {
      const opened =
        operand.kind === 'stream'
          ? [await openStream(operand.name, spooled, context)]
          : await hash(operand);
      sources.push(describeOperand(operand, opened));
      files.push(...opened);
    }
    return {
      sources,
      bytes: sum(files),
      key: textKey(files, settings),
      chunks: (signal, onProgress) =>
        readFiles(files, settings, { signal, onProgress, blockSize: context.blockSize }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openStream(
  name: string,
  spooled: SpooledText[],
  { standardInput, signal }: OpenTextContext,
): Promise<TextFile> {
  const stream = name === '-' ? (standardInput ?? process.stdin) : createReadStream(name);
  const text = await spoolText(stream, name, signal);
  spooled.push(text);
  if (text.bytes === 0) {
    throw emptyText(name);
  }
  const { path, bytes, sha256 } = text;
  const stamp = await withFile(path, readStamp);
  return { path, name, bytes, sha256, stamp, isNamed: true };
}

/** Hashes the files of one operand after the other, and tells the progress through all. */
function fileHasher(operands: readonly Operand[], context: OpenTextContext) {
  const { signal, hashDirectory, onProgress, blockSize } = context;
  const total = sum(operands.flatMap(operandFiles));
  let done = 0;
  return async (operand: Operand): Promise<TextFile[]> => {
    const hashed: TextFile[] = [];
    for (const { path } of operandFiles(operand)) {
      signal?.throwIfAborted();
      const onPosition = (position: number) => onProgress?.(done + position, total);
      const { sha256, stamp } = await hashFile(path, {
        signal,
        hashDirectory,
        blockSize,
        onPosition,
      });
      const bytes = Number(stamp.size);
      done += bytes;
      hashed.push({ path, name: path, bytes, sha256, stamp, isNamed: operand.kind === 'file' });
    }
    return hashed;
  };
}

function describeOperand(operand: Operand, files: readonly TextFile[]): CorpusSource {
  const { name } = operand;
  if (operand.kind !== 'files') {
    const { bytes, sha256 } = files[0]!;
    return { name, bytes, sha256 };
  }
  const sums = files.map(({ sha256 }, i) => sumLine(sha256, operand.files[i]!.relativePath));
  return { name, bytes: sum(files), sha256: digest(sums.join('')), files: files.length };
}

/** As `sha256sum` prints it: names of several lines are escaped. */
function sumLine(sha256: string, path: string): string {
  const escaped = path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  return `${escaped === path ? '' : '\\'}${sha256}  ${escaped}\n`;
}

function textKey(files: readonly TextFile[], settings: TextSettings): string {
  const read = files.map(({ sha256, name }) => [sha256, isJsonLines(name) ? 'json-lines' : 'text']);
  return digest(JSON.stringify({ version: KEY_VERSION, ...settings, files: read }));
}

function sum(files: readonly { readonly bytes: number }[]): number {
  return files.reduce((total, { bytes }) => total + bytes, 0);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
