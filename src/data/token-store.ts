/**
 * Keeps the tokens of texts on the disk, so that they are made once and read in windows.
 *
 * ```text
 * <directory>/
 *   <key>/             an entry: the tokens of one text by one tokenizer, in parts
 *     train.ids        see token-file.ts
 *     valid.ids
 *     tokens.json      what is in them, and what the caller knows of them; written last
 * ```
 *
 * An entry is whole or absent, and never changed. Processes that make the same one at once do not wait
 * for each other: the first to end keeps its own, which the others then use. Who has an entry open
 * can read it to the end, also when it is removed.
 */

import { readdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type EntryUse,
  install,
  makeTemporary,
  pruneEntries,
  removeEntry,
  type TemporaryDirectory,
} from './store-directory.ts';
import {
  EntryWriter,
  explained,
  type OpenEntry,
  openEntry,
  RECORD_NAME,
  readRecord,
  type TokenWriter,
} from './token-entry.ts';

export interface TokenStoreOptions {
  readonly signal?: AbortSignal | undefined;
  /** What the whole store takes at most, beside the entry in use. Default 20 GiB. */
  readonly limitBytes?: number | undefined;
}

export interface StoredTokens<Meta> extends OpenEntry<Meta> {
  /** Whether the tokens were in the store already. */
  readonly wasCached: boolean;
  /** Whether they are in the store now; not where it cannot be written. */
  readonly isKept: boolean;
}

const LIMIT_BYTES = 20 * 2 ** 30;

/**
 * The tokens that are kept in `directory` under `key`, hexadecimal digits; `produce` makes them if
 * they are not there, or not whole, and returns what else is to be kept, which must survive JSON.
 *
 * Where `directory` cannot be written, the tokens are kept in a temporary place until `close`. Throws
 * the reason of `signal` once that is aborted, and a UserError `token-cache-full` where there is no
 * room, or `token-cache-unwritten` where the system refuses something else. Reading the parts throws a
 * UserError `token-cache-damaged` for ids that cannot be.
 */
export async function openTokens<Meta>(
  directory: string,
  key: string,
  produce: (writer: TokenWriter) => Promise<Meta>,
  { signal, limitBytes = LIMIT_BYTES }: TokenStoreOptions = {},
): Promise<StoredTokens<Meta>> {
  if (!isKey(key)) {
    throw new RangeError(`expected a key of hexadecimal digits, found "${key}"`);
  }
  signal?.throwIfAborted();
  const entry = join(directory, key);
  const cached = await openEntry<Meta>(entry);
  if (cached !== undefined) {
    await touch(entry);
    return { ...cached, wasCached: true, isKept: true };
  }
  const refused = (error: unknown) => {
    throw explained(error, directory, 0);
  };
  const temporary = await makeTemporary(directory).catch(refused);
  try {
    await buildEntry(temporary.path, produce, signal);
    if (temporary.isInStore) {
      await install(temporary.path, entry, () => isWhole(entry)).catch(refused);
    }
    const opened = await openBuilt<Meta>(entry, temporary);
    if (opened.isKept) {
      // The tokens are there: what cannot be removed now is tried again with the next entry.
      await prune(directory, key, limitBytes).catch(() => undefined);
    }
    return opened;
  } finally {
    await temporary.remove();
  }
}

/** Opens what was built: as an entry, or where it was built if it could not become one. */
async function openBuilt<Meta>(
  entry: string,
  temporary: TemporaryDirectory,
): Promise<StoredTokens<Meta>> {
  const kept = temporary.isInStore ? await openEntry<Meta>(entry) : undefined;
  if (kept !== undefined) {
    return { ...kept, wasCached: false, isKept: true };
  }
  const opened = await openEntry<Meta>(temporary.path);
  if (opened === undefined) {
    throw new Error(`expected the tokens just written in ${entry}, found none that are whole`);
  }
  return {
    ...opened,
    wasCached: false,
    isKept: false,
    async close() {
      await opened.close();
      // Files that are open cannot be removed everywhere.
      await temporary.remove();
    },
  };
}

async function isWhole(entry: string): Promise<boolean> {
  const opened = await openEntry(entry);
  await opened?.close();
  return opened !== undefined;
}

async function buildEntry<Meta>(
  path: string,
  produce: (writer: TokenWriter) => Promise<Meta>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const writer = new EntryWriter(path, signal);
  try {
    const meta = await produce(writer);
    signal?.throwIfAborted();
    await writer.finish(meta);
  } finally {
    await writer.close();
  }
}

/** Marks an entry as used; where that cannot be, it goes sooner than it might. */
async function touch(entry: string): Promise<void> {
  const now = new Date();
  await utimes(join(entry, RECORD_NAME), now, now).catch(() => undefined);
}

/** Removes entries of other versions, and those not used for longest where the store is too large. */
async function prune(directory: string, inUse: string, limitBytes: number): Promise<void> {
  const entries: EntryUse[] = [];
  for (const name of (await readdir(directory)).filter(isKey)) {
    const entry = join(directory, name);
    const record = await readRecord(entry);
    const used = await stat(join(entry, RECORD_NAME)).catch(() => undefined);
    if (record === undefined || used === undefined) {
      await removeEntry(entry);
      continue;
    }
    const bytes = Object.values(record.parts).reduce((sum, part) => sum + part.bytes, used.size);
    entries.push({ name, bytes, usedMs: used.mtimeMs });
  }
  await pruneEntries(directory, entries, limitBytes, inUse);
}

function isKey(name: string): boolean {
  return /^[0-9a-f]{8,}$/.test(name);
}
