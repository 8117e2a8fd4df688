/** One entry of the token store: files of tokens, and a record of them that is written last. */

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory, writeDurably } from '../durable-files.ts';
import { errorMessage, UserError } from '../errors.ts';
import { isSystemError } from './file-hashes.ts';
import {
  bytesPerToken,
  type OpenTokens,
  openTokenFile,
  type TokenFileRecord,
  TokenFileWriter,
} from './token-file.ts';
import type { TokenSequence } from './token-sequence.ts';

const VERSION = 1;
export const RECORD_NAME = 'tokens.json';

/** `tokens.json`. */
type EntryRecord = {
  readonly format: 'gru-lm tokens';
  readonly version: typeof VERSION;
  readonly parts: { readonly [part: string]: PartRecord };
  /** What `produce` returned. */
  readonly meta: unknown;
};

type PartRecord = TokenFileRecord & {
  readonly bytesPerToken: number;
  readonly bytes: number;
};

/** An entry that can be read until it is closed, also when it is removed. */
export interface OpenEntry<Meta> {
  /** By name. */
  readonly parts: ReadonlyMap<string, TokenSequence>;
  readonly meta: Meta;
  close(): Promise<void>;
}

/** Opens all parts of an entry; undefined: it is absent, or not what its record says. */
export async function openEntry<Meta>(entry: string): Promise<OpenEntry<Meta> | undefined> {
  const record = await readRecord(entry);
  if (record === undefined) {
    return undefined;
  }
  const opened = await openParts(entry, record.parts).catch(() => undefined);
  return opened && { ...opened, meta: record.meta as Meta };
}

async function openParts(
  entry: string,
  records: { readonly [part: string]: TokenFileRecord },
): Promise<Omit<OpenEntry<unknown>, 'meta'>> {
  const parts = new Map<string, OpenTokens>();
  const close = async () => {
    await Promise.all([...parts.values()].map((tokens) => tokens.close()));
  };
  try {
    for (const [part, file] of Object.entries(records)) {
      parts.set(part, await openTokenFile(join(entry, fileName(part)), file));
    }
    return { parts, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** An entry's record; undefined if it has none that this version can read. */
export async function readRecord(entry: string): Promise<EntryRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(join(entry, RECORD_NAME), 'utf8')) as EntryRecord;
    const isOurs = record.format === 'gru-lm tokens' && record.version === VERSION;
    const parts = Object.entries(record.parts);
    return isOurs && parts.every(([name, part]) => isPart(name, part)) ? record : undefined;
  } catch {
    return undefined;
  }
}

function isPart(name: string, { tokens, vocabularySize, ...file }: PartRecord): boolean {
  return (
    isPartName(name) &&
    Number.isSafeInteger(tokens) &&
    tokens >= 0 &&
    Number.isSafeInteger(vocabularySize) &&
    file.bytesPerToken === bytesPerToken(vocabularySize) &&
    file.bytes === tokens * file.bytesPerToken
  );
}

/** Takes the tokens of an entry's parts, one part after the other. Await each call before the next. */
export interface TokenWriter {
  /** Begins a part, to which the tokens belong that are written from now on; each name once. */
  begin(part: string, vocabularySize: number): Promise<void>;
  /** Appends `ids`, all below the part's `vocabularySize`; they may be changed once this returns. */
  write(ids: Int32Array): Promise<void>;
  /** Calls `use` with all that was written, by part; no part may be written to after it. */
  readBack<Result>(
    use: (parts: ReadonlyMap<string, TokenSequence>) => Promise<Result>,
  ): Promise<Result>;
}

/** Writes a new entry into an empty directory. */
export class EntryWriter implements TokenWriter {
  private readonly directory: string;
  private readonly signal: AbortSignal | undefined;
  private readonly parts = new Map<string, PartRecord>();
  private current: { readonly part: string; readonly file: TokenFileWriter } | undefined;
  /** Files that are written, and on their way to the disk. */
  private readonly ended: TokenFileWriter[] = [];

  constructor(directory: string, signal: AbortSignal | undefined) {
    this.directory = directory;
    this.signal = signal;
  }

  async begin(part: string, vocabularySize: number): Promise<void> {
    if (!isPartName(part) || this.parts.has(part) || part === this.current?.part) {
      throw new RangeError(`expected a new part with a name of letters, found "${part}"`);
    }
    await this.endPart();
    await this.explaining(async () => {
      const path = join(this.directory, fileName(part));
      this.current = { part, file: await TokenFileWriter.create(path, vocabularySize) };
    });
  }

  async write(ids: Int32Array): Promise<void> {
    this.signal?.throwIfAborted();
    const { current } = this;
    if (current === undefined) {
      throw new Error('expected a part to be begun before tokens are written');
    }
    await this.explaining(() => current.file.write(ids));
  }

  async readBack<Result>(
    use: (parts: ReadonlyMap<string, TokenSequence>) => Promise<Result>,
  ): Promise<Result> {
    await this.endPart();
    const opened = await this.explaining(() =>
      openParts(this.directory, Object.fromEntries(this.parts)),
    );
    try {
      return await use(opened.parts);
    } finally {
      await opened.close();
    }
  }

  /** Writes the record, after which the entry is whole. */
  async finish(meta: unknown): Promise<void> {
    await this.endPart();
    const record: EntryRecord = {
      format: 'gru-lm tokens',
      version: VERSION,
      parts: Object.fromEntries(this.parts),
      meta,
    };
    await this.explaining(async () => {
      for (let file = this.ended[0]; file !== undefined; file = this.ended[0]) {
        await file.close();
        this.ended.shift();
      }
      const json = Buffer.from(`${JSON.stringify(record)}\n`);
      await writeDurably(join(this.directory, RECORD_NAME), json);
      await syncDirectory(this.directory);
    });
  }

  /** Closes what is open. */
  async close(): Promise<void> {
    for (const file of this.ended) {
      await file.abandon();
    }
    await this.current?.file.abandon();
  }

  private async endPart(): Promise<void> {
    const { current } = this;
    if (current !== undefined) {
      const file = await this.explaining(() => current.file.end());
      this.ended.push(current.file);
      const width = bytesPerToken(file.vocabularySize);
      this.parts.set(current.part, {
        ...file,
        bytesPerToken: width,
        bytes: file.tokens * width,
      });
      this.current = undefined;
    }
  }

  /** All that was written so far. */
  private bytes(): number {
    const ended = [...this.parts.values()].reduce((sum, part) => sum + part.bytes, 0);
    return ended + (this.current?.file.bytes ?? 0);
  }

  private async explaining<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw explained(error, dirname(this.directory), this.bytes());
    }
  }
}

/** Turns what the system refuses into an error that says what to do; other errors stay. */
export function explained(error: unknown, directory: string, bytes: number): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new UserError(
      'token-cache-full',
      `expected room for the tokens of the text, more than ${bytes} bytes, in ${directory}, found none`,
      'Make room there, or name a directory on a larger disk in GRU_LM_CACHE.',
      { cause: error },
    );
  }
  if (!isSystemError(error)) {
    return error;
  }
  return new UserError(
    'token-cache-unwritten',
    `expected to keep the tokens of the text in ${directory}, could not: ${errorMessage(error)}`,
    'Check the disk and the limits of the process (ulimit -a), or name another directory in ' +
      'GRU_LM_CACHE.',
    { cause: error },
  );
}

function isPartName(name: string): boolean {
  return /^[a-z]+$/.test(name);
}

function fileName(part: string): string {
  return `${part}.ids`;
}
