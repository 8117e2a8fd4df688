/** Text as words, with a token for each line end and one for unknown words. */

import { ByteStringTable, hashBytes } from './byte-string-table.ts';
import { locate } from './code-points.ts';
import { lowercaseUtf8, toLowercase } from './lowercase.ts';
import { encodeText, toWellFormed } from './text-pieces.ts';
import type { TokenBuffer } from './token-buffer.ts';
import {
  END_OF_TEXT_TOKEN,
  LINE_END_TOKEN,
  type TokenDecoder,
  type TokenEncoder,
  type Tokenizer,
  type TokenizerJson,
  UNKNOWN_TOKEN,
  type UnknownPiece,
  type WordSplit,
} from './tokenizer-types.ts';
import { UnicodeSplitter, unicodePieces } from './unicode-words.ts';
import { assertId, showToken } from './vocabulary.ts';
import { WhitespaceSplitter, whitespacePieces } from './whitespace-words.ts';
import type { WordSink, WordSplitter } from './word-splitter.ts';

const UNKNOWN_ID = 0;
const LINE_END_ID = 1;
const END_OF_TEXT_ID = 2;

/** The special tokens, at their ids: frequent ones, as the ids before all words should be. */
export function wordSpecialTokens(endOfText: boolean): string[] {
  return [UNKNOWN_TOKEN, LINE_END_TOKEN, ...(endOfText ? [END_OF_TEXT_TOKEN] : [])];
}

export function splitterOf(wordSplit: WordSplit, longest: number): WordSplitter {
  return wordSplit === 'unicode' ? new UnicodeSplitter(longest) : new WhitespaceSplitter(longest);
}

export interface WordTokenizerOptions {
  readonly lowercase: boolean;
  readonly endOfText: boolean;
  readonly wordSplit: WordSplit;
}

export class WordTokenizer implements Tokenizer {
  readonly kind = 'word';
  readonly vocabularySize: number;
  readonly unknownId: number = UNKNOWN_ID;
  readonly endOfTextId: number | undefined;
  readonly lowercase: boolean;
  private readonly tokens: readonly string[];
  private readonly options: WordTokenizerOptions;
  private readonly words: WordIds;

  /** @param words distinct, the most frequent first; their ids follow those of the special tokens. */
  constructor(words: readonly string[], options: WordTokenizerOptions) {
    const specials = wordSpecialTokens(options.endOfText);
    this.options = options;
    this.tokens = [...specials, ...words];
    this.vocabularySize = this.tokens.length;
    this.endOfTextId = options.endOfText ? END_OF_TEXT_ID : undefined;
    this.lowercase = options.lowercase;
    this.words = new WordIds(words, specials.length);
  }

  encoder(): TokenEncoder {
    return new WordEncoder(this.words, this.options);
  }

  encode(text: string): Int32Array {
    return encodeText(this.encoder(), text);
  }

  decoder(): TokenDecoder {
    return new WordDecoder(this.tokens, this.options);
  }

  decode(ids: ArrayLike<number>): string {
    const decoder = this.decoder();
    return Array.from(ids, (id) => decoder.push(id)).join('');
  }

  decodeBytes(ids: ArrayLike<number>): Uint8Array {
    return Buffer.from(this.decode(ids));
  }

  token(id: number): string {
    assertId(id, this.vocabularySize);
    return showToken(this.tokens[id]!);
  }

  findUnknown(text: string): UnknownPiece | undefined {
    const { lowercase, wordSplit } = this.options;
    const normal = toWellFormed(lowercase ? toLowercase(text) : text);
    const pieces = wordSplit === 'unicode' ? unicodePieces(normal) : whitespacePieces(normal);
    for (const { piece, index } of pieces) {
      const word = Buffer.from(piece);
      const id = this.words.find(word, 0, word.length, hashBytes(word, 0, word.length));
      if (id === UNKNOWN_ID && piece !== UNKNOWN_TOKEN) {
        return { piece, ...locate(normal, index) };
      }
    }
    return undefined;
  }

  toJSON(): TokenizerJson {
    const { lowercase, wordSplit } = this.options;
    return {
      format: 'gru-lm-tokenizer',
      version: 1,
      kind: 'word',
      lowercase,
      ...(wordSplit === 'unicode' ? { wordSplit } : {}),
      tokens: this.tokens,
    };
  }
}

/** The ids of words, looked up by their UTF-8. */
class WordIds {
  /** The bytes of the longest word. */
  readonly longest: number;
  private readonly table = new ByteStringTable();
  private readonly firstId: number;

  constructor(words: readonly string[], firstId: number) {
    this.firstId = firstId;
    let longest = 0;
    for (const word of words) {
      const bytes = Buffer.from(word);
      this.table.add(bytes, 0, bytes.length, hashBytes(bytes, 0, bytes.length));
      longest = Math.max(longest, bytes.length);
    }
    this.longest = longest;
  }

  /** The id of the word `bytes[start, end)`, whose hash is that of hashBytes. */
  find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const index = this.table.find(bytes, start, end, hash);
    return index < 0 ? UNKNOWN_ID : index + this.firstId;
  }
}

class WordEncoder implements TokenEncoder {
  private readonly words: WordIds;
  private readonly lowercase: boolean;
  private readonly splitter: WordSplitter;

  constructor(words: WordIds, { lowercase, wordSplit }: WordTokenizerOptions) {
    this.words = words;
    this.lowercase = lowercase;
    this.splitter = splitterOf(wordSplit, words.longest);
  }

  write(bytes: Uint8Array, out: TokenBuffer): void {
    const normal = this.lowercase ? lowercaseUtf8(bytes) : bytes;
    this.splitter.write(normal, new IdSink(this.words, out));
  }

  end(out: TokenBuffer): void {
    this.splitter.end(new IdSink(this.words, out));
  }
}

/** Puts the ids of words into a buffer. */
class IdSink implements WordSink {
  private readonly words: WordIds;
  private readonly out: TokenBuffer;

  constructor(words: WordIds, out: TokenBuffer) {
    this.words = words;
    this.out = out;
  }

  word(bytes: Uint8Array, start: number, end: number, hash: number): void {
    this.out.push(this.words.find(bytes, start, end, hash));
  }

  longWord(): void {
    this.out.push(UNKNOWN_ID);
  }

  lineEnd(): void {
    this.out.push(LINE_END_ID);
  }
}

/** Sets words off by spaces, unless their tokens hold the spaces that there are. */
class WordDecoder implements TokenDecoder {
  private readonly tokens: readonly string[];
  private readonly options: WordTokenizerOptions;
  private atLineStart = true;

  constructor(tokens: readonly string[], options: WordTokenizerOptions) {
    this.tokens = tokens;
    this.options = options;
  }

  push(id: number): string {
    assertId(id, this.tokens.length);
    const { wordSplit, endOfText } = this.options;
    const isEndOfText = endOfText && id === END_OF_TEXT_ID;
    const space = this.atLineStart || wordSplit === 'unicode' ? '' : ' ';
    this.atLineStart = id === LINE_END_ID || isEndOfText;
    if (isEndOfText) {
      return '';
    }
    return id === LINE_END_ID ? '\n' : space + this.tokens[id]!;
  }

  end(): string {
    this.atLineStart = true;
    return '';
  }
}
