/**
 * Text to token ids and back, with the tokenizer.json that comes with a model.
 *
 * Part of gru-lm, under the Apache License 2.0.
 */
import { BytePairTokenizer } from './byte-pairs.js';
import { bytesDecoder, normalised } from './text.js';
import { UnicodeTokenizer, WordTokenizer } from './word-tokenizers.js';

/**
 * @typedef {object} Decoder turns ids into text, one at a time
 * @property {(id: number) => string} push the text that is certain after one more id: half a character is held
 *   back, so that what comes out is always whole characters; bytes that can be none become U+FFFD
 * @property {() => string} end what was held back
 */

/**
 * @typedef {object} Tokenizer
 * @property {number} vocabularySize
 * @property {number} unknownId the id of all that the vocabulary lacks; −1: nothing is unknown
 * @property {number} endOfTextId the id between two documents; −1: there is none
 * @property {boolean} lowercase whether it reads all text in lowercase, so that there is no other in what it decodes
 * @property {(text: string) => number[]} encode
 * @property {() => Decoder} decoder
 * @property {(text: string) => string | undefined} findUnknown the first piece of a text that becomes
 *   `unknownId`
 */

/**
 * @param {any} json the content of tokenizer.json
 * @param {{ characterClasses?: string }} [metadata] that of the model
 * @returns {Tokenizer}
 */
export function tokenizerFrom(json, metadata = {}) {
  if (json.model?.type === 'BPE')
    return new BytePairTokenizer(json, metadata.characterClasses ?? '');
  switch (json.kind) {
    case 'char':
      return new CharTokenizer(json);
    case 'word':
      return json.wordSplit === 'unicode' ? new UnicodeTokenizer(json) : new WordTokenizer(json);
    case 'byte':
      return new ByteTokenizer();
    default:
      throw new Error(`expected a tokenizer of char, word, bpe or byte, found ${json.kind}`);
  }
}

/**
 * @param {Tokenizer} tokenizer
 * @param {ArrayLike<number>} ids
 */
export function decode(tokenizer, ids) {
  const decoder = tokenizer.decoder();
  return Array.from(ids, (id) => decoder.push(id)).join('') + decoder.end();
}

const END_OF_TEXT = '<|endoftext|>';

/** @implements {Tokenizer} */
class CharTokenizer {
  /** @type {string[]} */
  #tokens;
  /** @type {Map<string, number>} */
  #ids;
  lowercase;
  vocabularySize;
  unknownId;
  endOfTextId;

  /** @param {{ tokens: string[], lowercase: boolean }} json */
  constructor({ tokens, lowercase }) {
    const hasEnd = tokens.at(-1) === END_OF_TEXT;
    this.vocabularySize = tokens.length;
    this.endOfTextId = hasEnd ? tokens.length - 1 : -1;
    this.unknownId = tokens.length - (hasEnd ? 2 : 1);
    this.#tokens = tokens;
    this.lowercase = lowercase;
    this.#ids = new Map(tokens.slice(0, this.unknownId).map((token, id) => [token, id]));
  }

  /** @param {string} text */
  encode(text) {
    return Array.from(normalised(text, this.lowercase), (c) => this.#ids.get(c) ?? this.unknownId);
  }

  /** @returns {Decoder} */
  decoder() {
    const push = (/** @type {number} */ id) => {
      if (id < this.unknownId) return this.#tokens[id];
      return id === this.unknownId ? '\ufffd' : '';
    };
    return { push, end: () => '' };
  }

  /** @param {string} text */
  findUnknown(text) {
    return Array.from(normalised(text, this.lowercase)).find((c) => !this.#ids.has(c));
  }
}

const BYTE_END_OF_TEXT = 256;

/** @implements {Tokenizer} */
class ByteTokenizer {
  lowercase = false;
  vocabularySize = 257;
  unknownId = -1;
  endOfTextId = BYTE_END_OF_TEXT;

  /** @param {string} text */
  encode(text) {
    return Array.from(new TextEncoder().encode(text));
  }

  /** @returns {Decoder} */
  decoder() {
    return bytesDecoder((id) => (id === BYTE_END_OF_TEXT ? undefined : Uint8Array.of(id)));
  }

  findUnknown() {
    return undefined;
  }
}
