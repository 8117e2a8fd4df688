/** What every kind of tokenizer can do. */

export type TokenizerKind = 'char' | 'word';

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
  readonly format: 'gru-lm-tokenizer';
  readonly version: 1;
  readonly kind: TokenizerKind;
  /** Whether text is lowercased before it is looked up. */
  readonly lowercase: boolean;
  /** The tokens in the order of their ids, the special ones included. */
  readonly tokens: readonly string[];
};

export interface Tokenizer {
  readonly kind: TokenizerKind;
  /** The number of ids, the special tokens included. */
  readonly vocabularySize: number;
  /** The id of every piece that the vocabulary lacks; undefined: there is no such id. */
  readonly unknownId: number | undefined;
  /** The ids of `text`, `[tokens]`; pieces that the vocabulary lacks become `unknownId`. */
  encode(text: string): Int32Array;
  /** The text of `ids`, `[tokens]`; throws RangeError for an id outside the vocabulary. */
  decode(ids: ArrayLike<number>): string;
  /** How a token is shown: control characters escaped, special tokens by name. */
  token(id: number): string;
  /** The first piece of `text` (as lowercased, if the tokenizer does so) that becomes `unknownId`. */
  findUnknown(text: string): UnknownPiece | undefined;
  toJSON(): TokenizerJson;
}

/** How to choose a vocabulary. */
export interface VocabularyOptions {
  /** At most this many ids, the special tokens included; the most frequent tokens are kept. */
  readonly vocabularySize?: number | undefined;
  /** Tokens that occur less often than this are left out. Default 1. */
  readonly minCount?: number | undefined;
  /** Lowercase all text. Default false. */
  readonly lowercase?: boolean | undefined;
}

export const UNKNOWN_TOKEN = '<unk>';
export const LINE_END_TOKEN = '<eol>';
