/** What every kind of tokenizer can do. */

import type { TokenBuffer } from './token-buffer.ts';

/** `file`: one that another program made, given as its tokenizer.json. */
export type TokenizerKind = 'char' | 'word' | 'byte' | 'bpe' | 'file';

/** A piece of text that a vocabulary lacks, and where it stands. */
export interface UnknownPiece {
  readonly piece: string;
  /** Code points before the piece. */
  readonly offset: number;
  /** Counted from 1. */
  readonly line: number;
  /** In code points, counted from 1. */
  readonly column: number;
}

/** A tokenizer as `tokenizer.json` holds it: complete, no other file is needed. */
export type TokenizerJson = {
  readonly [field: string]: TokenizerJsonValue;
};
type TokenizerJsonValue =
  | null
  | boolean
  | number
  | string
  | readonly TokenizerJsonValue[]
  | { readonly [field: string]: TokenizerJsonValue };

/**
 * Turns one text, a piece at a time, into ids: the same ids however the text was cut into pieces.
 *
 * It keeps at most a bounded number of bytes of what it was given, whatever the text.
 */
export interface TokenEncoder {
  /** Appends to `out` the ids that are certain after these bytes of the text, cut between characters. */
  write(bytes: Uint8Array, out: TokenBuffer): void;
  /** Appends the ids of what was held back: the text ends here, and another may begin. */
  end(out: TokenBuffer): void;
}

/** Turns ids into text, one at a time. */
export interface TokenDecoder {
  /**
   * The text that is certain after one more id. Half a character is held back; bytes that can be none
   * become U+FFFD, so what comes out is always whole characters. Throws RangeError for an id outside
   * the vocabulary.
   */
  push(id: number): string;
  /** What was held back. */
  end(): string;
}

export interface Tokenizer {
  readonly kind: TokenizerKind;
  /** The number of ids, the special tokens included. */
  readonly vocabularySize: number;
  /** The id of every piece that the vocabulary lacks; undefined: there is no such id. */
  readonly unknownId: number | undefined;
  /** The id that stands between two documents; undefined: there is no such id, nothing does. */
  readonly endOfTextId: number | undefined;
  /** Whether it reads all text in lowercase, so that there is no other in what it decodes. */
  readonly lowercase: boolean;
  /** For text of any length. */
  encoder(): TokenEncoder;
  /** The ids of `text`, `[tokens]`; pieces that the vocabulary lacks become `unknownId`. */
  encode(text: string): Int32Array;
  /** For ids that come one at a time. */
  decoder(): TokenDecoder;
  /** The text of `ids`, `[tokens]`; throws RangeError for an id outside the vocabulary. */
  decode(ids: ArrayLike<number>): string;
  /** The bytes of `ids`: also those that are no characters, where tokens are bytes. */
  decodeBytes(ids: ArrayLike<number>): Uint8Array;
  /** How a token is shown: control characters escaped, special tokens by name. */
  token(id: number): string;
  /** The first piece of `text` (as lowercased, if the tokenizer does so) that becomes `unknownId`. */
  findUnknown(text: string): UnknownPiece | undefined;
  toJSON(): TokenizerJson;
}

/** How `word` finds words: between white space, or by Unicode's rules (UAX #29) and dictionaries. */
export type WordSplit = 'whitespace' | 'unicode';

/** How to choose a vocabulary. */
export interface VocabularyOptions {
  /** At most this many ids, the special tokens included; the most frequent tokens are kept. */
  readonly vocabularySize?: number | undefined;
  /** Tokens that occur less often than this are left out. Default 1. */
  readonly minCount?: number | undefined;
  /** Lowercase all text. Default false. */
  readonly lowercase?: boolean | undefined;
  /** Default whitespace; for `word` alone. */
  readonly wordSplit?: WordSplit | undefined;
  /** Whether there is to be an id between documents; `byte` and `bpe` have it in any case. Default false. */
  readonly endOfText?: boolean | undefined;
}

/**
 * Learns a vocabulary from text that comes a piece at a time; what it learns does not depend on how
 * the text was cut. Its memory has a bound, whatever the text.
 */
export interface TokenizerTrainer {
  /** The next bytes of the document, cut between characters. */
  write(bytes: Uint8Array): void;
  endDocument(): void;
  /**
   * The tokenizer of all that was written, once.
   *
   * Throws a UserError for a vocabulary size without room (`usage`) or a text without a token to keep
   * (`corpus-too-short`).
   */
  finish(): Tokenizer;
  /** The same in short steps, where it may take long. */
  finishInSteps?(): Generator<void, Tokenizer, void>;
  /** What a user should know of how the vocabulary was chosen, such as that it was capped. */
  readonly notices: readonly string[];
}

export const UNKNOWN_TOKEN = '<unk>';
export const LINE_END_TOKEN = '<eol>';
export const END_OF_TEXT_TOKEN = '<|endoftext|>';
