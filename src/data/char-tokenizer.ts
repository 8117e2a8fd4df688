/** Text as Unicode code points: one id each, and one for all that the vocabulary lacks. */

import { CharEncoder } from './char-encoder.ts';
import { codeUnits, locate } from './code-points.ts';
import { toLowercase } from './lowercase.ts';
import { encodeText, toWellFormed } from './text-pieces.ts';
import {
  END_OF_TEXT_TOKEN,
  type TokenDecoder,
  type TokenEncoder,
  type Tokenizer,
  type TokenizerJson,
  UNKNOWN_TOKEN,
  type UnknownPiece,
} from './tokenizer-types.ts';
import { assertId, showToken } from './vocabulary.ts';

/** What an unknown character decodes to: U+FFFD, the replacement character. */
const REPLACEMENT = '\ufffd';

export class CharTokenizer implements Tokenizer {
  readonly kind = 'char';
  readonly vocabularySize: number;
  readonly unknownId: number;
  readonly endOfTextId: number | undefined;
  private readonly characters: readonly string[];
  readonly lowercase: boolean;
  /** The id of each code point, up to the largest that the vocabulary has, and of all ASCII. */
  private readonly ids: Int32Array;

  /**
   * @param characters distinct code points in ascending order; the unknown id follows the last, and
   * the end of text that
   */
  constructor(characters: readonly string[], lowercase: boolean, endOfText: boolean) {
    this.characters = characters;
    this.lowercase = lowercase;
    this.unknownId = characters.length;
    this.endOfTextId = endOfText ? this.unknownId + 1 : undefined;
    this.vocabularySize = characters.length + (endOfText ? 2 : 1);
    const largest = characters.at(-1)?.codePointAt(0) ?? 0;
    this.ids = new Int32Array(Math.max(largest + 1, 0x80)).fill(this.unknownId);
    for (const [id, character] of characters.entries()) {
      this.ids[character.codePointAt(0)!] = id;
    }
  }

  encoder(): TokenEncoder {
    return new CharEncoder(this.ids, this.unknownId, this.lowercase);
  }

  encode(text: string): Int32Array {
    return encodeText(this.encoder(), text);
  }

  decoder(): TokenDecoder {
    return { push: (id) => this.textOf(id), end: () => '' };
  }

  decode(ids: ArrayLike<number>): string {
    return Array.from(ids, (id) => this.textOf(id)).join('');
  }

  decodeBytes(ids: ArrayLike<number>): Uint8Array {
    return Buffer.from(this.decode(ids));
  }

  token(id: number): string {
    assertId(id, this.vocabularySize);
    const special = id === this.unknownId ? UNKNOWN_TOKEN : END_OF_TEXT_TOKEN;
    const character = this.characters[id];
    return character === undefined ? special : showToken(character);
  }

  findUnknown(text: string): UnknownPiece | undefined {
    const normal = toWellFormed(this.lowercase ? toLowercase(text) : text);
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
    const specials = [
      UNKNOWN_TOKEN,
      ...(this.endOfTextId === undefined ? [] : [END_OF_TEXT_TOKEN]),
    ];
    return {
      format: 'gru-lm-tokenizer',
      version: 1,
      kind: 'char',
      lowercase: this.lowercase,
      tokens: [...this.characters, ...specials],
    };
  }

  private textOf(id: number): string {
    assertId(id, this.vocabularySize);
    return this.characters[id] ?? (id === this.unknownId ? REPLACEMENT : '');
  }
}
