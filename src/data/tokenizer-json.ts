/** `tokenizer.json` of characters, words and bytes. */

import { showValue, UserError } from '../errors.ts';
import { ByteTokenizer } from './byte-tokenizer.ts';
import { CharTokenizer } from './char-tokenizer.ts';
import {
  END_OF_TEXT_TOKEN,
  type Tokenizer,
  UNKNOWN_TOKEN,
  type WordSplit,
} from './tokenizer-types.ts';
import { WordTokenizer, wordSpecialTokens } from './word-tokenizer.ts';

const OWN_FORMAT = 'gru-lm-tokenizer';

/**
 * The tokenizer that `record`, from the file `name`, describes in gru-lm's own format; that of `bpe` is
 * Hugging Face's.
 *
 * Throws a UserError (`checkpoint-tokenizer`, or `checkpoint-version` for a newer format) that names
 * the file and the field that is wrong.
 */
export function parseOwnTokenizer(record: Record<string, unknown>, name: string): Tokenizer {
  const badField: BadField = (field, expected, found) =>
    new UserError(
      'checkpoint-tokenizer',
      `${name}: expected "${field}" to be ${expected}, found ${showValue(found)}`,
      'The checkpoint is damaged: use another one.',
    );
  if (record.format !== OWN_FORMAT) {
    throw badField('format', `"${OWN_FORMAT}"`, record.format);
  }
  if (Number.isInteger(record.version) && (record.version as number) > 1) {
    throw new UserError(
      'checkpoint-version',
      `${name}: expected format version 1, found ${record.version}`,
      'The checkpoint was written by a newer gru-lm: update gru-lm.',
    );
  }
  if (record.version !== 1) {
    throw badField('version', '1', record.version);
  }
  switch (record.kind) {
    case 'char':
      return parseChar(record, badField);
    case 'word':
      return parseWord(record, badField);
    case 'byte':
      return new ByteTokenizer();
    default:
      throw badField('kind', '"char", "word" or "byte"', record.kind);
  }
}

function parseChar(record: Record<string, unknown>, badField: BadField): CharTokenizer {
  const lowercase = parseLowercase(record, badField);
  const tokens = parseTokens(record, badField);
  const endOfText = tokens.at(-1) === END_OF_TEXT_TOKEN;
  const last = tokens.length - (endOfText ? 2 : 1);
  if (tokens[last] !== UNKNOWN_TOKEN) {
    throw badField(`tokens[${last}]`, `"${UNKNOWN_TOKEN}"`, tokens[last]);
  }
  let previous = -1;
  const characters = tokens.slice(0, last).map((token, i) => {
    const codePoint = typeof token === 'string' ? (token.codePointAt(0) ?? -1) : -1;
    const isOne = codePoint >= 0 && String.fromCodePoint(codePoint) === token;
    const isSurrogate = codePoint >= 0xd800 && codePoint <= 0xdfff;
    if (!isOne || isSurrogate || codePoint <= previous) {
      throw badField(`tokens[${i}]`, 'one character, after the ones before it', token);
    }
    previous = codePoint;
    return token as string;
  });
  return new CharTokenizer(characters, lowercase, endOfText);
}

function parseWord(record: Record<string, unknown>, badField: BadField): WordTokenizer {
  const lowercase = parseLowercase(record, badField);
  const wordSplit = parseWordSplit(record, badField);
  const tokens = parseTokens(record, badField);
  const endOfText = tokens[wordSpecialTokens(false).length] === END_OF_TEXT_TOKEN;
  const specials = wordSpecialTokens(endOfText);
  for (const [i, special] of specials.entries()) {
    if (tokens[i] !== special) {
      throw badField(`tokens[${i}]`, `"${special}"`, tokens[i]);
    }
  }
  const seen = new Set<unknown>(specials);
  const isWord = wordSplit === 'unicode' ? /^[^\n\p{Surrogate}]+$/u : /^[^\s\p{Surrogate}]+$/u;
  const expected = wordSplit === 'unicode' ? 'a piece of a line' : 'a word without white space';
  const words = tokens.slice(specials.length).map((token, i) => {
    if (typeof token !== 'string' || !isWord.test(token) || seen.has(token)) {
      throw badField(`tokens[${i + specials.length}]`, `${expected}, found once`, token);
    }
    seen.add(token);
    return token;
  });
  return new WordTokenizer(words, { lowercase, endOfText, wordSplit });
}

function parseLowercase({ lowercase }: Record<string, unknown>, badField: BadField): boolean {
  if (typeof lowercase !== 'boolean') {
    throw badField('lowercase', 'true or false', lowercase);
  }
  return lowercase;
}

function parseWordSplit({ wordSplit }: Record<string, unknown>, badField: BadField): WordSplit {
  if (wordSplit !== undefined && wordSplit !== 'whitespace' && wordSplit !== 'unicode') {
    throw badField('wordSplit', '"whitespace" or "unicode"', wordSplit);
  }
  return wordSplit ?? 'whitespace';
}

function parseTokens({ tokens }: Record<string, unknown>, badField: BadField): readonly unknown[] {
  if (!Array.isArray(tokens)) {
    throw badField('tokens', 'an array of strings', tokens);
  }
  return tokens;
}

type BadField = (field: string, expected: string, found: unknown) => UserError;
