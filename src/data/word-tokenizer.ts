/** Text as words between white space, with a token for each line end and one for unknown words. */

import { locate } from './code-points.ts';
import {
  LINE_END_TOKEN,
  type TokenDecoder,
  type TokenEncoder,
  type Tokenizer,
  type TokenizerJson,
  UNKNOWN_TOKEN,
  type UnknownPiece,
  type VocabularyOptions,
} from './tokenizer-types.ts';
import { assertId, selectTokens, showToken } from './vocabulary.ts';
import { isWhiteSpace } from './white-space.ts';
import { PairDecoder, WholeTextEncoder } from './whole-text.ts';

const UNKNOWN_ID = 0;
const LINE_END_ID = 1;
/** The special tokens, at their ids: frequent ones, as the ids before all words should be. */
export const WORD_SPECIAL_TOKENS: readonly string[] = [UNKNOWN_TOKEN, LINE_END_TOKEN];

export class WordTokenizer implements Tokenizer {
  readonly kind = 'word';
  readonly vocabularySize: number;
  readonly unknownId: number = UNKNOWN_ID;
  readonly endOfTextId = undefined;
  private readonly tokens: readonly string[];
  private readonly lowercase: boolean;
  private readonly ids: ReadonlyMap<string, number>;

  /** @param words distinct, the most frequent first; their ids follow those of the special tokens. */
  constructor(words: readonly string[], lowercase: boolean) {
    this.lowercase = lowercase;
    this.tokens = [...WORD_SPECIAL_TOKENS, ...words];
    this.vocabularySize = this.tokens.length;
    this.ids = new Map(words.map((word, i) => [word, i + WORD_SPECIAL_TOKENS.length]));
  }

  /** The most frequent words of `text`; equally frequent ones in order of first appearance. */
  static train(text: string, options: VocabularyOptions): WordTokenizer {
    const lowercase = options.lowercase ?? false;
    const normal = lowercase ? text.toLowerCase() : text;
    const counts = new Map<string, number>();
    scan(normal, (start, end) => {
      if (start < end) {
        const word = normal.slice(start, end);
        counts.set(word, (counts.get(word) ?? 0) + 1);
      }
      return true;
    });
    for (const special of WORD_SPECIAL_TOKENS) {
      counts.delete(special);
    }
    return new WordTokenizer(selectTokens(counts, options, WORD_SPECIAL_TOKENS.length), lowercase);
  }

  encoder(): TokenEncoder {
    return new WholeTextEncoder(this);
  }

  decoder(): TokenDecoder {
    return new PairDecoder(this);
  }

  decodeBytes(ids: ArrayLike<number>): Uint8Array {
    return Buffer.from(this.decode(ids));
  }

  encode(text: string): Int32Array {
    const normal = this.normalise(text);
    // A token takes at least one code unit and, but for line ends, one of white space after it.
    const encoded = new Int32Array(normal.length);
    let count = 0;
    scan(normal, (start, end) => {
      const id = start < end ? this.ids.get(normal.slice(start, end)) : LINE_END_ID;
      encoded[count] = id ?? UNKNOWN_ID;
      count += 1;
      return true;
    });
    return encoded.slice(0, count);
  }

  decode(ids: ArrayLike<number>): string {
    const pieces: string[] = [];
    let atLineStart = true;
    for (let i = 0; i < ids.length; i += 1) {
      const id = ids[i]!;
      assertId(id, this.vocabularySize);
      if (id === LINE_END_ID) {
        pieces.push('\n');
      } else {
        pieces.push(atLineStart ? this.tokens[id]! : ` ${this.tokens[id]}`);
      }
      atLineStart = id === LINE_END_ID;
    }
    return pieces.join('');
  }

  token(id: number): string {
    assertId(id, this.vocabularySize);
    return showToken(this.tokens[id]!);
  }

  findUnknown(text: string): UnknownPiece | undefined {
    const normal = this.normalise(text);
    let found: UnknownPiece | undefined;
    scan(normal, (start, end) => {
      const piece = normal.slice(start, end);
      if (start < end && piece !== UNKNOWN_TOKEN && !this.ids.has(piece)) {
        found = { piece, ...locate(normal, start) };
      }
      return found === undefined;
    });
    return found;
  }

  toJSON(): TokenizerJson {
    return {
      format: 'gru-lm-tokenizer',
      version: 1,
      kind: 'word',
      lowercase: this.lowercase,
      tokens: this.tokens,
    };
  }

  private normalise(text: string): string {
    return this.lowercase ? text.toLowerCase() : text;
  }
}

/**
 * Calls `visit` with the bounds of each word of `text` in turn, and with an empty range at each line
 * end, until it returns false.
 */
function scan(text: string, visit: (start: number, end: number) => boolean): void {
  let start = 0;
  for (let i = 0; i <= text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (i < text.length && !isWhiteSpace(code)) {
      continue;
    }
    if (start < i && !visit(start, i)) {
      return;
    }
    if (code === 0x0a && !visit(i, i)) {
      return;
    }
    start = i + 1;
  }
}
