/**
 * Part of gru-lm, under the Apache License 2.0.
 */
import { normalised } from './text.js';

/**
 * Stop texts as they can come: in lowercase where all text is.
 *
 * @param {{ lowercase: boolean }} tokenizer
 * @param {readonly string[]} stops
 */
export function stopTextsFor({ lowercase }, stops) {
  return lowercase ? stops.map((stop) => normalised(stop, true)) : stops;
}

/**
 * Ends a text before the first of some stop texts that is complete, wherever the pieces of it begin and end. Of
 * several that are complete with the same character, the longest counts.
 */
export class StopTexts {
  #stops;
  /** Text that may turn out to begin a stop text. */
  #held;

  /**
   * @param {readonly string[]} stops
   * @param {string} [held] text before the first piece, of which nothing was shown
   */
  constructor(stops, held = '') {
    this.#stops = stops.filter((stop) => stop !== '');
    this.#held = held;
  }

  /**
   * The text that is certain after one more piece, and whether a stop text has ended it.
   *
   * @param {string} piece
   */
  push(piece) {
    const all = this.#held + piece;
    const cut = this.#firstComplete(all);
    const hold = Math.max(0, ...this.#stops.map((stop) => beginningAtEnd(all, stop)));
    const end = cut ?? all.length - hold;
    this.#held = cut === undefined ? all.slice(end) : '';
    return { text: all.slice(0, end), stopped: cut !== undefined };
  }

  /** The text that is held back, which from now on is not. */
  takeHeld() {
    const held = this.#held;
    this.#held = '';
    return held;
  }

  /**
   * Where the stop text begins that is complete first.
   *
   * @param {string} text
   * @returns {number | undefined}
   */
  #firstComplete(text) {
    let [cut, end] = [-1, Number.POSITIVE_INFINITY];
    for (const stop of this.#stops) {
      const at = text.indexOf(stop);
      if (at < 0) continue;
      const after = at + stop.length;
      if (after < end || (after === end && at < cut)) [cut, end] = [at, after];
    }
    return cut < 0 ? undefined : cut;
  }
}

/**
 * The length of the longest beginning of `stop`, but not all of it, with which `text` ends.
 *
 * @param {string} text
 * @param {string} stop
 */
function beginningAtEnd(text, stop) {
  let length = Math.min(stop.length - 1, text.length);
  while (length > 0 && !stop.startsWith(text.slice(text.length - length))) length -= 1;
  return length;
}
