/**
 * Text as words, with a token for each line end and one for unknown words.
 *
 * Part of gru-lm, under the Apache License 2.0.
 */
import { normalised, utf8Length } from './text.js';

/** @typedef {import('./tokenizers.js').Tokenizer} Tokenizer */
/** @typedef {import('./tokenizers.js').Decoder} Decoder */

const UNKNOWN = '<unk>';
const END_OF_TEXT = '<|endoftext|>';

const UNKNOWN_WORD = 0;
const LINE_END = 1;
const WORD_END_OF_TEXT = 2;

/**
 * Words between white space, and line ends.
 *
 * @implements {Tokenizer}
 */
export class WordTokenizer {
  /** @type {string[]} */
  #tokens;
  /** @type {Map<string, number>} */
  #ids;
  lowercase;
  vocabularySize;
  unknownId = UNKNOWN_WORD;
  endOfTextId;

  /** @param {{ tokens: string[], lowercase: boolean }} json */
  constructor({ tokens, lowercase }) {
    const hasEnd = tokens[WORD_END_OF_TEXT] === END_OF_TEXT;
    const specials = hasEnd ? 3 : 2;
    this.vocabularySize = tokens.length;
    this.endOfTextId = hasEnd ? WORD_END_OF_TEXT : -1;
    this.#tokens = tokens;
    this.lowercase = lowercase;
    this.#ids = new Map(tokens.slice(specials).map((token, i) => [token, specials + i]));
  }

  /** @param {string} text */
  encode(text) {
    return this.pieces(normalised(text, this.lowercase)).map((piece) =>
      piece === '\n' ? LINE_END : (this.#ids.get(piece) ?? UNKNOWN_WORD),
    );
  }

  /** @returns {Decoder} */
  decoder() {
    let atLineStart = true;
    const push = (/** @type {number} */ id) => {
      const space = atLineStart || this.holdsSpaces() ? '' : ' ';
      const isEnd = id === this.endOfTextId;
      atLineStart = id === LINE_END || isEnd;
      if (isEnd) return '';
      return id === LINE_END ? '\n' : space + this.#tokens[id];
    };
    return { push, end: () => '' };
  }

  /** @param {string} text */
  findUnknown(text) {
    return this.pieces(normalised(text, this.lowercase)).find(
      (piece) => piece !== '\n' && piece !== UNKNOWN && !this.#ids.has(piece),
    );
  }

  /**
   * What becomes a token each.
   *
   * @param {string} text
   * @returns {string[]}
   */
  pieces(text) {
    return text.match(/\n|\S+/g) ?? [];
  }

  /** Whether tokens hold the spaces that there are. */
  holdsSpaces() {
    return false;
  }
}

/** Bytes of a stretch without spaces and line ends that are divided at once. */
const STRETCH_BYTES = 8192;

/** Words by Unicode's rules, with the space before them, and all that stands between them. */
export class UnicodeTokenizer extends WordTokenizer {
  #segmenter = new Intl.Segmenter('en', { granularity: 'word' });

  /** @override @param {string} text */
  pieces(text) {
    /** @type {string[]} */
    const pieces = [];
    let spaces = 0;
    const giveSpaces = (/** @type {number} */ kept) => {
      if (spaces > kept) pieces.push(' '.repeat(spaces - kept));
      spaces = 0;
    };
    for (const part of text.match(/\n| +|[^ \n]+/g) ?? []) {
      if (part === '\n') {
        giveSpaces(0);
        pieces.push(part);
      } else if (part[0] === ' ') {
        spaces = part.length;
      } else {
        for (const stretch of stretches(part)) {
          const joined = spaces > 0 && !/^\s/.test(stretch);
          giveSpaces(joined ? 1 : 0);
          const words = Array.from(this.#segmenter.segment(stretch), ({ segment }) => segment);
          if (joined) words[0] = ` ${words[0]}`;
          for (const word of words) pieces.push(word);
        }
      }
    }
    giveSpaces(0);
    return pieces;
  }

  /** @override */
  holdsSpaces() {
    return true;
  }
}

/**
 * A text cut after the last whole character within so many bytes, and so on.
 *
 * @param {string} text
 */
function* stretches(text) {
  let [start, end, bytes] = [0, 0, 0];
  for (const character of text) {
    const more = utf8Length(character);
    if (bytes + more > STRETCH_BYTES) {
      yield text.slice(start, end);
      [start, bytes] = [end, 0];
    }
    bytes += more;
    end += character.length;
  }
  yield text.slice(start);
}
