/** Tokenizers: learned from the training text, kept in the checkpoint. */

import { UserError } from '../errors.ts';
import { CharTokenizer } from './char-tokenizer.ts';
import {
  type Tokenizer,
  type TokenizerKind,
  UNKNOWN_TOKEN,
  type VocabularyOptions,
} from './tokenizer-types.ts';
import { WORD_SPECIAL_TOKENS, WordTokenizer } from './word-tokenizer.ts';

export type { Tokenizer, TokenizerKind } from './tokenizer-types.ts';

/**
 * A tokenizer whose vocabulary comes from `text`, which should be the training part alone.
 *
 * Throws a UserError for a vocabulary size without room (`usage`) or a text without a token to keep
 * (`corpus-too-short`).
 */
export function trainTokenizer(
  text: string,
  options: VocabularyOptions & { readonly kind: TokenizerKind },
): Tokenizer {
  return options.kind === 'char'
    ? CharTokenizer.train(text, options)
    : WordTokenizer.train(text, options);
}

/**
 * The tokenizer that `toJSON` wrote as `json`.
 *
 * Throws a UserError (`checkpoint-tokenizer`, or `checkpoint-version` for a newer format) that names
 * the field that is wrong.
 */
export function tokenizerFromJson(json: unknown): Tokenizer {
  const record = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  if (record.format !== 'gru-lm-tokenizer') {
    throw badField('format', '"gru-lm-tokenizer"', record.format);
  }
  if (Number.isInteger(record.version) && (record.version as number) > 1) {
    throw new UserError(
      'checkpoint-version',
      `tokenizer: expected format version 1, found ${record.version}`,
      'The checkpoint was written by a newer gru-lm: update gru-lm.',
    );
  }
  if (record.version !== 1) {
    throw badField('version', '1', record.version);
  }
  const { kind, lowercase, tokens } = record;
  if (typeof lowercase !== 'boolean') {
    throw badField('lowercase', 'true or false', lowercase);
  }
  if (!Array.isArray(tokens)) {
    throw badField('tokens', 'an array of strings', tokens);
  }
  if (kind === 'char') {
    return new CharTokenizer(parseCharacters(tokens), lowercase);
  }
  if (kind === 'word') {
    return new WordTokenizer(parseWords(tokens), lowercase);
  }
  throw badField('kind', '"char" or "word"', kind);
}

function parseCharacters(tokens: readonly unknown[]): string[] {
  const last = tokens.length - 1;
  if (tokens[last] !== UNKNOWN_TOKEN) {
    throw badField(`tokens[${last}]`, `"${UNKNOWN_TOKEN}"`, tokens[last]);
  }
  let previous = -1;
  return tokens.slice(0, last).map((token, i) => {
    const codePoint = typeof token === 'string' ? (token.codePointAt(0) ?? -1) : -1;
    const isOne = codePoint >= 0 && String.fromCodePoint(codePoint) === token;
    if (!isOne || codePoint <= previous) {
      throw badField(`tokens[${i}]`, 'one character, after the ones before it', token);
    }
    previous = codePoint;
    return token as string;
  });
}

function parseWords(tokens: readonly unknown[]): string[] {
  for (const [i, special] of WORD_SPECIAL_TOKENS.entries()) {
    if (tokens[i] !== special) {
      throw badField(`tokens[${i}]`, `"${special}"`, tokens[i]);
    }
  }
  const seen = new Set<unknown>(WORD_SPECIAL_TOKENS);
  return tokens.slice(WORD_SPECIAL_TOKENS.length).map((token, i) => {
    if (typeof token !== 'string' || !/^\S+$/.test(token) || seen.has(token)) {
      const field = `tokens[${i + WORD_SPECIAL_TOKENS.length}]`;
      throw badField(field, 'a word without white space, found once', token);
    }
    seen.add(token);
    return token;
  });
}

function badField(field: string, expected: string, found: unknown): UserError {
  const shown = JSON.stringify(found)?.slice(0, 80) ?? 'nothing';
  return new UserError(
    'checkpoint-tokenizer',
    `tokenizer: expected "${field}" to be ${expected}, found ${shown}`,
    'The checkpoint is damaged: use another one.',
  );
}
