/**
 * Byte-level byte-pair encoding, of a tokenizer.json as Hugging Face's tokenizers have it. A text that spells a
 * special token is encoded as any other text.
 *
 * Part of gru-lm, under the Apache License 2.0.
 */
import { bytesDecoder, normalised, utf8Length } from './text.js';

/** @typedef {import('./tokenizers.js').Tokenizer} Tokenizer */
/** @typedef {import('./tokenizers.js').Decoder} Decoder */

const END_OF_TEXT_NAMES = ['<|endoftext|>', '<|end_of_text|>', '</s>', '<eos>', '[SEP]'];

/** @implements {Tokenizer} */
export class BytePairTokenizer {
  /** By id; without special tokens. @type {(Uint8Array | undefined)[]} */
  #bytes = [];
  /** The id of each byte. */
  #byteIds = new Int32Array(256);
  /** Of each pair of ids its place in the order of learning, and what it becomes. @type {Map<string, Merge>} */
  #merges = new Map();
  #preTokenizer;
  lowercase;
  vocabularySize;
  unknownId = -1;
  endOfTextId;

  /**
   * @param {any} json
   * @param {string} characterClasses as in the metadata of the model
   */
  constructor({ normalizer, added_tokens: added, model }, characterClasses) {
    const vocabulary = new Map(/** @type {[string, number][]} */ (Object.entries(model.vocab)));
    /** @type {Map<string, number>} */
    const specials = new Map(added.map((/** @type {any} */ { id, content }) => [content, id]));
    const special = new Set(specials.values());
    this.lowercase = normalizer?.type === 'Lowercase';
    this.#preTokenizer = new PreTokenizer(characterClasses);
    const ids = [...vocabulary.values(), ...special];
    this.vocabularySize = ids.reduce((largest, id) => Math.max(largest, id), -1) + 1;
    const name = END_OF_TEXT_NAMES.find((candidate) => specials.has(candidate));
    this.endOfTextId = specials.get(name ?? '') ?? -1;
    for (const [token, id] of vocabulary) {
      if (special.has(id)) continue;
      const bytes = Uint8Array.from(token, (c) => /** @type {number} */ (BYTES.get(c)));
      this.#bytes[id] = bytes;
      if (bytes.length === 1) this.#byteIds[bytes[0]] = id;
    }
    for (const [rank, merge] of model.merges.entries()) {
      const [left, right] = typeof merge === 'string' ? merge.split(' ') : merge;
      const result = /** @type {number} */ (vocabulary.get(left + right));
      this.#merges.set(`${vocabulary.get(left)} ${vocabulary.get(right)}`, { rank, result });
    }
  }

  /** @param {string} text */
  encode(text) {
    const utf8 = new TextEncoder();
    return this.#preTokenizer
      .divide(normalised(text, this.lowercase))
      .flatMap((piece) => this.#merge(Array.from(utf8.encode(piece), (b) => this.#byteIds[b])));
  }

  /** @returns {Decoder} */
  decoder() {
    return bytesDecoder((id) => this.#bytes[id]);
  }

  findUnknown() {
    return undefined;
  }

  /**
   * Of the pairs that can be merged always the one that was learned first, and of those the leftmost.
   *
   * @param {number[]} ids they are changed
   */
  #merge(ids) {
    const pairs = ids.slice(1).map((right, i) => this.#pair(ids[i], right));
    for (;;) {
      let at = -1;
      /** @type {Merge | undefined} */
      let first;
      for (let i = 0; i < pairs.length; i += 1) {
        const pair = pairs[i];
        if (!pair || (first && pair.rank >= first.rank)) continue;
        [at, first] = [i, pair];
      }
      if (!first) return ids;
      ids.splice(at, 2, first.result);
      pairs.splice(at, 1);
      if (at > 0) pairs[at - 1] = this.#pair(ids[at - 1], ids[at]);
      if (at < pairs.length) pairs[at] = this.#pair(ids[at], ids[at + 1]);
    }
  }

  /**
   * @param {number} left
   * @param {number} right
   */
  #pair(left, right) {
    return this.#merges.get(`${left} ${right}`);
  }
}

/** @typedef {{ rank: number, result: number }} Merge */

/** How tokenizer.json writes bytes: printable ones as in Latin-1, the others as U+0100 and on. */
const BYTES = byteCharacters();

function byteCharacters() {
  /** @type {Map<string, number>} */
  const bytes = new Map();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte += 1) {
    const isPrintable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    bytes.set(String.fromCharCode(isPrintable ? byte : next), byte);
    if (!isPrintable) next += 1;
  }
  return bytes;
}

/** The longest pre-token, in bytes. */
const LONGEST = 1 << 14;

const WHITE_SPACE = 'S';
const OTHER = 'O';

/**
 * Divides text as GPT-2 does, before any merging:
 *
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *
 * The classes are those that the model was trained with, whatever Unicode a browser knows.
 */
class PreTokenizer {
  /** The class of each code point; all above are {@link OTHER}. */
  #classes;

  /**
   * @param {string} runs the classes of all code points from U+0000 on: letters (L), numbers (N), white space (S)
   *   and others (O), each followed by how many there are of it in a row, in base 36
   */
  constructor(runs) {
    this.#classes = Array.from(runs.matchAll(/([A-Z])([0-9a-z]+)/g), ([, name, length]) =>
      name.repeat(Number.parseInt(length, 36)),
    ).join('');
  }

  /**
   * @param {string} text
   * @returns {string[]}
   */
  divide(text) {
    const characters = Array.from(text);
    const pieces = [];
    for (let start = 0; start < characters.length; ) {
      const end = this.#end(characters, start);
      pieces.push(characters.slice(start, end).join(''));
      start = end;
    }
    return pieces;
  }

  /**
   * Where the pre-token ends that begins at `start`.
   *
   * @param {string[]} characters
   * @param {number} start
   */
  #end(characters, start) {
    if (characters[start] === "'") {
      const [first = '', second = ''] = characters.slice(start + 1, start + 3);
      if (['s', 't', 'm', 'd'].includes(first)) return start + 2;
      if (['re', 've', 'll'].includes(first + second)) return start + 3;
    }
    const from = start + (characters[start] === ' ' ? 1 : 0);
    if (from === characters.length) return from;
    const name = this.#classOf(characters[from]);
    if (name === WHITE_SPACE) return this.#whiteSpaceEnd(characters, start);
    let bytes = from - start + utf8Length(characters[from]);
    let at = from + 1;
    for (; at < characters.length && this.#classOf(characters[at]) === name; at += 1) {
      bytes += utf8Length(characters[at]);
      if (bytes > LONGEST) break;
    }
    return at;
  }

  /**
   * Where the white space from `start` ends, without its last character if something else follows.
   *
   * @param {string[]} characters
   * @param {number} start
   */
  #whiteSpaceEnd(characters, start) {
    let bytes = 0;
    for (let at = start; at < characters.length; at += 1) {
      if (this.#classOf(characters[at]) !== WHITE_SPACE) return at - 1 > start ? at - 1 : at;
      bytes += utf8Length(characters[at]);
      if (bytes > LONGEST) return at;
    }
    return characters.length;
  }

  /** @param {string} character */
  #classOf(character) {
    return this.#classes[/** @type {number} */ (character.codePointAt(0))] ?? OTHER;
  }
}
