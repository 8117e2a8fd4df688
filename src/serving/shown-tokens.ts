/** Which part of a text each of its tokens has made, and what else might have stood there. */
import type { TokenDecoder, Tokenizer } from '../data/tokenizer-types.ts';
import { decoderAfter } from '../generation/text-stream.ts';
import { type Alternative, likeliest } from '../inspection/likeliest.ts';

/** A token whose part of the text is certain. */
export interface ShownToken {
  readonly id: number;
  /** −log p by the model itself, in nats; NaN: there was nothing before it. */
  readonly nats: number;
  /** The likeliest tokens in its place, by the model itself. */
  readonly alternatives: readonly Alternative[];
  /** Its part of the text: all of them together are the text. Empty for all but the last piece of a character. */
  readonly text: string;
  /** Where that begins, in UTF-16 code units. */
  readonly offset: number;
}

/** A token of a prompt that is part of the text. */
export type PromptToken = Pick<ShownToken, 'id' | 'nats' | 'alternatives'>;

interface WaitingToken extends Omit<ShownToken, 'text' | 'offset'> {
  /** Where it begins and ends in the text as it would be without an end before a stop text. */
  start: number;
  end: number;
}

/**
 * Follows one text. Text is held back while it may begin a stop text or is half a character, and its tokens with it;
 * those of a stop text never show.
 */
export class ShownTokens {
  readonly #decoder: TokenDecoder;
  readonly #alternatives: number;
  /** How much text all tokens have made so far. */
  #decoded = 0;
  /** The text that is certain and that no token has been given yet, and where it begins. */
  #text = '';
  #offset = 0;
  #waiting: WaitingToken[] = [];

  /**
   * @param before the tokens of the text that it goes on from
   * @param alternatives how many likeliest tokens to keep of each place
   */
  constructor(tokenizer: Tokenizer, before: readonly number[], alternatives: number) {
    this.#decoder = decoderAfter(tokenizer, before);
    this.#alternatives = alternatives;
  }

  /**
   * Takes the next token, and the text that is certain after it.
   *
   * @returns the tokens that this text belongs to
   */
  push(
    { id, nats, text }: { id: number; nats: number; text: string },
    logProbabilities: Float32Array,
  ): ShownToken[] {
    const alternatives =
      this.#alternatives > 0 ? likeliest(logProbabilities, this.#alternatives) : [];
    return this.#take({ id, nats, alternatives }, this.#decoder.push(id).length, text);
  }

  /** @param length of its own text */
  #take(token: PromptToken, length: number, text: string): ShownToken[] {
    const start = this.#decoded;
    this.#decoded += length;
    this.#waiting.push({ ...token, start, end: this.#decoded });
    this.#text += text;
    const certain = this.#offset + this.#text.length;
    // What has made no text by itself waits for the character that it is a piece of.
    const first = this.#waiting.findIndex(({ start, end }) =>
      start === end ? start >= certain : end > certain,
    );
    return this.#show(first < 0 ? this.#waiting.length : first);
  }

  /**
   * Takes the next token of a prompt that is part of the text, of which nothing is held back but half a character.
   *
   * @returns as `push`
   */
  pushPrompt(token: PromptToken): ShownToken[] {
    const text = this.#decoder.push(token.id);
    return this.#take(token, text.length, text);
  }

  /**
   * Takes the text that was held back to the end.
   *
   * @param isCut whether the text ends before a stop text, of which no token shows
   * @returns its tokens, and the end of the text that no token is left for: half a character, as U+FFFD
   */
  end(rest: string, isCut: boolean): { tokens: ShownToken[]; rest: string } {
    this.#text += rest;
    if (isCut) {
      const certain = this.#offset + this.#text.length;
      this.#waiting = this.#waiting.filter(({ start }) => start < certain);
    }
    const last = this.#waiting.at(-1);
    if (last) last.end = Number.POSITIVE_INFINITY;
    const tokens = this.#show(this.#waiting.length);
    return { tokens, rest: this.#text };
  }

  #show(count: number): ShownToken[] {
    return this.#waiting.splice(0, count).map(({ id, nats, alternatives, end }) => {
      const offset = this.#offset;
      const text = this.#text.slice(0, Math.max(0, end - offset));
      this.#text = this.#text.slice(text.length);
      this.#offset += text.length;
      return { id, nats, alternatives, text, offset };
    });
  }
}
