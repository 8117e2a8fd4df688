/** Text as Unicode code points: one id each, and one for all that the vocabulary lacks. */

import { codeUnits, locate } from './code-points.ts';
import {
  type TokenDecoder,
  type TokenEncoder,
  type Tokenizer,
  type TokenizerJson,
  UNKNOWN_TOKEN,
  type UnknownPiece,
  type VocabularyOptions,
} from './tokenizer-types.ts';
import { assertId, selectTokens, showToken } from './vocabulary.ts';
import { PairDecoder, WholeTextEncoder } from './whole-text.ts';

/** What an unknown character decodes to: U+FFFD, the replacement character. */
const REPLACEMENT = '\ufffd';

export class CharTokenizer implements Tokenizer {
  readonly kind = 'char';
  readonly vocabularySize: number;
  readonly unknownId: number;
  readonly endOfTextId = undefined;
  private readonly characters: readonly string[];
  private readonly lowercase: boolean;
  /** The id of each code point, up to the largest that the vocabulary has. */
  private readonly ids: Int32Array;

  /** @param characters distinct code points in ascending order; the unknown id follows the last. */
  constructor(characters: readonly string[], lowercase: boolean) {
    this.characters = characters;
    this.lowercase = lowercase;
    this.unknownId = characters.length;
    this.vocabularySize = characters.length + 1;
    const largest = characters.at(-1)?.codePointAt(0) ?? 0;
    this.ids = new Int32Array(largest + 1).fill(this.unknownId);
    for (const [id, character] of characters.entries()) {
      this.ids[character.codePointAt(0)!] = id;
    }
  }

  /** The characters of `text`; of equally frequent ones, the lower code points are kept first. */
  static train(text: string, options: VocabularyOptions): CharTokenizer {
    const lowercase = options.lowercase ?? false;
    const counts = countCharacters(lowercase ? text.toLowerCase() : text);
    const characters = selectTokens(counts, options, 1);
    characters.sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
    return new CharTokenizer(characters, lowercase);
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
    const { ids, unknownId } = this;
    const encoded = new Int32Array(normal.length);
    let count = 0;
    for (let i = 0; i < normal.length; count += 1) {
      const codePoint = normal.codePointAt(i)!;
      encoded[count] = ids[codePoint] ?? unknownId;
      i += codeUnits(codePoint);
    }
    return count === encoded.length ? encoded : encoded.slice(0, count);
  }

  decode(ids: ArrayLike<number>): string {
    return Array.from(ids, (id) => {
      assertId(id, this.vocabularySize);
      return this.characters[id] ?? REPLACEMENT;
    }).join('');
  }

  token(id: number): string {
    assertId(id, this.vocabularySize);
    const character = this.characters[id];
    return character === undefined ? UNKNOWN_TOKEN : showToken(character);
  }

  findUnknown(text: string): UnknownPiece | undefined {
    const normal = this.normalise(text);
    for (let i = 0; i < normal.length; ) {
      const codePoint = normal.codePointAt(i)!;
      if ((this.ids[codePoint] ?? this.unknownId) === this.unknownId) {
        return { piece: String.fromCodePoint(codePoint), ...locate(normal, i) };
      }
      i += codeUnits(codePoint);
    }
    return undefined;
  }

  toJSON(): TokenizerJson {
    return {
      format: 'gru-lm-tokenizer',
      version: 1,
      kind: 'char',
      lowercase: this.lowercase,
      tokens: [...this.characters, UNKNOWN_TOKEN],
    };
  }

  private normalise(text: string): string {
    return this.lowercase ? text.toLowerCase() : text;
  }
}

/** How often each character occurs, in ascending order; lone surrogates are no characters. */
function countCharacters(text: string): Map<string, number> {
  const counts = new Map<number, number>();
  for (let i = 0; i < text.length; ) {
    const codePoint = text.codePointAt(i)!;
    counts.set(codePoint, (counts.get(codePoint) ?? 0) + 1);
    i += codeUnits(codePoint);
  }
  const characters = [...counts].filter(([codePoint]) => codePoint < 0xd800 || codePoint > 0xdfff);
  characters.sort((a, b) => a[0] - b[0]);
  return new Map(characters.map(([codePoint, count]) => [String.fromCodePoint(codePoint), count]));
}
