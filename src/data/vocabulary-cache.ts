/**
 * Tokenizers that were learned before, each under a key that stands for the text and the options that
 * it was learned from and with.
 */
import { readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceDurably } from '../durable-files.ts';
import { makeDirectories } from '../make-directories.ts';
import { type Tokenizer, tokenizerFromJson } from './tokenizer.ts';

export interface LearnedTokenizer {
  readonly tokenizer: Tokenizer;
  /** What a user should know of how the vocabulary was chosen. */
  readonly notices: readonly string[];
}

const VERSION = 1;
const UNUSED_DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * What is kept in `directory` under `key`; otherwise what `learn` gives, which is then kept. A cache
 * that cannot be read or written is none.
 */
export async function learnOnce(
  directory: string,
  key: string,
  learn: () => Promise<LearnedTokenizer>,
): Promise<LearnedTokenizer> {
  const path = join(directory, `${key}.json`);
  const known = await readKnown(path);
  if (known !== undefined) return known;
  const learned = await learn();
  await keep(directory, path, learned).catch(() => undefined);
  return learned;
}

async function readKnown(path: string): Promise<LearnedTokenizer | undefined> {
  try {
    const { version, tokenizer, notices } = JSON.parse(await readFile(path, 'utf8'));
    if (version !== VERSION || !isTexts(notices)) return undefined;
    const known = { tokenizer: tokenizerFromJson(tokenizer), notices };
    const now = new Date();
    await utimes(path, now, now).catch(() => undefined);
    return known;
  } catch {
    return undefined;
  }
}

async function keep(
  directory: string,
  path: string,
  { tokenizer, notices }: LearnedTokenizer,
): Promise<void> {
  await makeDirectories(directory);
  const json = JSON.stringify({ version: VERSION, tokenizer: tokenizer.toJSON(), notices });
  await replaceDurably(path, Buffer.from(json));
  await removeUnused(directory);
}

async function removeUnused(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > UNUSED_DAYS * DAY_MS) await rm(path, { force: true });
  }
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
