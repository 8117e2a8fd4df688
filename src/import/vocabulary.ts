/**
 * A vocabulary of another program as a tokenizer of ours, whose ids have an order of their own: rows of weights
 * move to the ids that their tokens get.
 */
import { CharTokenizer } from '../data/char-tokenizer.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { END_OF_TEXT_TOKEN, LINE_END_TOKEN, UNKNOWN_TOKEN } from '../data/tokenizer-types.ts';
import { WordTokenizer } from '../data/word-tokenizer.ts';
import { quoted, UserError } from '../errors.ts';
import type { TensorData, TensorMap } from '../tensor-data.ts';

export interface VocabularyChoice {
  /** Default: char if all tokens but special ones are single characters. */
  kind?: 'char' | 'word' | undefined;
  /** Whether text was lowercased for the model. */
  lowercase: boolean;
}

export interface ImportedVocabulary {
  readonly tokenizer: Tokenizer;
  /** For each id, that in the source; −1: a token that the source lacks [V]. */
  readonly rows: Int32Array;
  /** What a user should know, a sentence each. */
  readonly notices: readonly string[];
}

/** What other programs call a token for unknown ones, one for the end of a line, and one for that of a text. */
const UNKNOWN_NAMES = [UNKNOWN_TOKEN, '<UNK>', '[UNK]', '<unknown>', '<|unk|>'];
const LINE_END_NAMES = [LINE_END_TOKEN, '\n', '<nl>', '<newline>', '<eos>', '<EOS>', '</s>'];
const END_OF_TEXT_NAMES = [END_OF_TEXT_TOKEN, '<eos>', '<EOS>', '</s>', '[SEP]'];
const SPECIAL = /^(?:<.+>|\[[A-Z]+\]|)$/;
/** What Keras calls the token of id 0, which fills batches up. */
const PADDING = '<pad>';
/** The logit of a token that is added: so low that its probability is 0 in float32. */
const NEVER = -100;

/**
 * @param tokens in the order of their ids
 * @param path the file that they are from, for messages
 * @throws UserError `import-vocabulary` naming a token that no tokenizer of ours can have
 */
export function importedVocabulary(
  tokens: readonly string[],
  path: string,
  { kind, lowercase }: VocabularyChoice,
): ImportedVocabulary {
  assertDistinct(tokens, path);
  const isChars = tokens.every((token) => isCharacter(token) || SPECIAL.test(token));
  return (kind ?? (isChars ? 'char' : 'word')) === 'char'
    ? ofCharacters(tokens, path, lowercase)
    : ofWords(tokens, path, lowercase);
}

function ofWords(tokens: readonly string[], path: string, lowercase: boolean): ImportedVocabulary {
  const unknown = firstOf(UNKNOWN_NAMES, tokens);
  const lineEnd = firstOf(LINE_END_NAMES, tokens);
  const endOfText = tokens.indexOf(END_OF_TEXT_TOKEN);
  const hasEndOfText = endOfText >= 0;
  const specials = [unknown, lineEnd, ...(hasEndOfText ? [endOfText] : [])];
  const rows = [...specials];
  const words: string[] = [];
  for (const [id, given] of tokens.entries()) {
    if (specials.includes(id)) continue;
    const token = given === '' && !tokens.includes(PADDING) ? PADDING : given;
    if (!/^[^\s\p{Surrogate}]+$/u.test(token)) {
      throw unusable(path, 'words without white space', id, given);
    }
    words.push(token);
    rows.push(id);
  }
  const options = { lowercase, endOfText: hasEndOfText, wordSplit: 'whitespace' } as const;
  return {
    tokenizer: new WordTokenizer(words, options),
    rows: Int32Array.from(rows),
    notices: [
      ...(unknown < 0 ? [added(UNKNOWN_TOKEN, 'unknown words')] : []),
      ...(lineEnd < 0 ? [added(LINE_END_TOKEN, 'line ends')] : []),
    ],
  };
}

function ofCharacters(
  tokens: readonly string[],
  path: string,
  lowercase: boolean,
): ImportedVocabulary {
  const unknown = firstOf(UNKNOWN_NAMES, tokens);
  const endOfText = firstOf(END_OF_TEXT_NAMES, tokens);
  const characters: [character: string, id: number][] = [];
  const leftOut: string[] = [];
  for (const [id, token] of tokens.entries()) {
    if (id === unknown || id === endOfText) continue;
    if (isCharacter(token)) characters.push([token, id]);
    else if (SPECIAL.test(token)) leftOut.push(quoted(token));
    else throw unusable(path, 'single characters', id, token);
  }
  characters.sort(([a], [b]) => a.codePointAt(0)! - b.codePointAt(0)!);
  const ids = characters.map(([, id]) => id);
  const all = characters.map(([character]) => character);
  return {
    tokenizer: new CharTokenizer(all, lowercase, endOfText >= 0),
    rows: Int32Array.from([...ids, unknown, ...(endOfText < 0 ? [] : [endOfText])]),
    notices: [
      ...(unknown < 0 ? [added(UNKNOWN_TOKEN, 'unknown characters')] : []),
      ...(leftOut.length > 0
        ? [
            `Left out ${leftOut.join(', ')}: no text has them, and now the model never predicts them.`,
          ]
        : []),
    ],
  };
}

/** The place of the first of `names` that is there; −1: none is. */
function firstOf(names: readonly string[], tokens: readonly string[]): number {
  return tokens.indexOf(names.find((name) => tokens.includes(name)) ?? names[0]!);
}

function added(token: string, what: string): string {
  return `Added ${token} for ${what}: the model never predicts it, and reads it as zeros.`;
}

function isCharacter(token: string): boolean {
  const codePoint = token.codePointAt(0);
  if (codePoint === undefined || String.fromCodePoint(codePoint) !== token) return false;
  return codePoint < 0xd800 || codePoint > 0xdfff;
}

function assertDistinct(tokens: readonly string[], path: string): void {
  const seen = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    const before = seen.get(token);
    if (before !== undefined) {
      throw unusable(path, `each token once, of which one is the token ${before}`, id, token);
    }
    seen.set(token, id);
  }
}

function unusable(path: string, expected: string, id: number, token: string): UserError {
  return new UserError(
    'import-vocabulary',
    `${path}: expected ${expected}, found ${quoted(token)} with the id ${id}`,
    'For other ways to make tokens of text, give a tokenizer.json as Hugging Face’s tokenizers write it.',
  );
}

/** Weights with their rows for tokens at the ids that these have in a tokenizer of ours. */
export function withRows(weights: TensorMap, rows: Int32Array): TensorMap {
  return new Map(
    [...weights].map(([name, tensor]) => {
      if (name === 'fc.bias') return [name, reordered(tensor, rows, NEVER)];
      const isByToken = name === 'embedding.weight' || name === 'fc.weight';
      return [name, isByToken ? reordered(tensor, rows, 0) : tensor];
    }),
  );
}

/** The rows of [V, …] in another order, and `fill` where there is none. */
function reordered({ shape, data }: TensorData, rows: Int32Array, fill: number): TensorData {
  const width = data.length / shape[0]!;
  const moved = new Float32Array(rows.length * width).fill(fill);
  for (const [to, from] of rows.entries()) {
    if (from >= 0) moved.set(data.subarray(from * width, (from + 1) * width), to * width);
  }
  return { shape: [rows.length, ...shape.slice(1)], data: moved };
}
