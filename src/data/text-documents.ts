/** Reads files as documents of UTF-8, or of the bytes that they have. */

import { closeSync } from 'node:fs';
import { UserError } from '../errors.ts';
import {
  assertUnchanged,
  type FileStamp,
  isSystemError,
  openFile,
  withFile,
} from './file-hashes.ts';
import { isJsonLines, readJsonLines } from './json-lines.ts';
import { normalizeNewlines } from './newlines.ts';
import { type BlockOptions, type Blocks, isGzip, readBlocks, unpackGzip } from './text-blocks.ts';
import type { TextChunk } from './text-chunk.ts';
import { decodeText } from './text-decoder.ts';
import { emptyText, readFailure } from './text-files.ts';

/** A file that is ready to be read. */
export interface TextFile {
  readonly path: string;
  /** How messages name it. */
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly stamp: FileStamp;
  /** Whether the user named this very file, which then must have text. */
  readonly isNamed: boolean;
}

/** What the options come to. */
export type TextSettings = {
  readonly encoding: string | undefined;
  readonly newlines: 'keep' | 'lf';
  readonly textField: string;
  readonly raw: boolean;
};

export interface ReadOptions {
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((bytesDone: number, bytesTotal: number) => void) | undefined;
  readonly blockSize: number | undefined;
}

/** The documents of `files`; throws what `TextSource.chunks` says. */
export async function* readFiles(
  files: readonly TextFile[],
  settings: TextSettings,
  { signal, onProgress, blockSize }: ReadOptions,
): AsyncGenerator<TextChunk, void, undefined> {
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  let isEmpty = true;
  for (const file of files) {
    const onPosition = (position: number) => onProgress?.(done + position, total);
    let fileIsEmpty = true;
    for await (const chunk of readDocuments(file, settings, { signal, onPosition, blockSize })) {
      fileIsEmpty = false;
      yield chunk;
    }
    if (fileIsEmpty && file.isNamed) {
      throw emptyText(file.name);
    }
    isEmpty &&= fileIsEmpty;
    done += file.bytes;
  }
  if (isEmpty) {
    throw emptyText(files.map(({ name }) => name).join(', '));
  }
}

/** The documents of one file. */
async function* readDocuments(
  file: TextFile,
  settings: TextSettings,
  blockOptions: BlockOptions,
): AsyncGenerator<TextChunk, void, undefined> {
  const { encoding, newlines, textField, raw } = settings;
  const { name } = file;
  const open = () => readStored(file, blockOptions);
  const asLines = isJsonLines(name);
  const asBytes = raw && encoding === undefined && !asLines;
  const text = asBytes ? open() : decodeText(open, name, encoding);
  try {
    if (asLines) {
      yield* readJsonLines(text, { name, field: textField, newlines });
      return;
    }
    let startsDocument = true;
    for await (const bytes of newlines === 'lf' ? normalizeNewlines(text) : text) {
      yield { bytes, startsDocument };
      startsDocument = false;
    }
  } catch (error) {
    if (error instanceof UserError) {
      // What seems to be damaged may be a file that is being written.
      await withFile(file.path, (handle) => assertUnchanged(handle, file.stamp, name));
    }
    throw error;
  }
}

/** The bytes of a file, unpacked if it is a gzip file. */
async function* readStored(file: TextFile, options: BlockOptions): Blocks {
  const { path, name, stamp, bytes } = file;
  const handle = openFile(path);
  try {
    assertUnchanged(handle, stamp, name);
    const isPacked = isGzip(handle);
    const stored = readBlocks(handle, bytes, options);
    yield* isPacked ? unpackGzip(stored, name, options.blockSize) : stored;
    assertUnchanged(handle, stamp, name);
  } catch (error) {
    throw isSystemError(error) ? readFailure(name, error) : error;
  } finally {
    closeSync(handle);
  }
}
