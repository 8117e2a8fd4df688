/** One text in the making: which tokens are chosen, and what text they are. */
import type { TokenDecoder, Tokenizer } from '../data/tokenizer-types.ts';
import type { Random } from '../random.ts';
import type { TokenChooser } from './choose-token.ts';
import type { RecentTokens } from './recent-tokens.ts';
import { StopTexts, stopTextsFor } from './stop-texts.ts';
import type { TextState } from './text-model.ts';

export interface StreamOptions {
  /** Tokens to make, at most; a `TextPool` takes 0, too. */
  length: number;
  /** End before the first of these texts. */
  stop?: readonly string[] | undefined;
}

/** A piece of text as it is made. */
export interface GeneratedPiece {
  text: string;
  /** The token that brought it; absent for text that was only held back, and while a prompt is read. */
  id?: number;
  /** −log p of that token, by the model itself whatever temperature and filters did. */
  nats?: number;
}

/** Tokens whose text tells how the next one is to be decoded: half a character has eight at most. */
const DECODED_BEFORE = 64;

/** A decoder that knows what comes before. */
export function decoderAfter(tokenizer: Tokenizer, tokens: readonly number[]): TokenDecoder {
  const decoder = tokenizer.decoder();
  for (const id of tokens.slice(-DECODED_BEFORE)) decoder.push(id);
  return decoder;
}

/** Of the tokens that made a text, those that are in it as a whole: a stop text ends it before the last ones. */
export function tokensWithin(
  tokenizer: Tokenizer,
  before: Pick<TextState, 'tokens' | 'held'>,
  ids: readonly number[],
  text: string,
): number[] {
  const decoder = decoderAfter(tokenizer, before.tokens);
  let length = before.held.length;
  return ids.filter((id) => {
    length += decoder.push(id).length;
    return length <= text.length;
  });
}

/** The model is read by whoever uses it, for one text or for many at a time. */
export class TextStream {
  readonly #options: StreamOptions;
  readonly #chooser: TokenChooser;
  readonly #random: Random;
  readonly #decoder: TokenDecoder;
  readonly #stops: StopTexts;
  readonly #recent: RecentTokens;
  readonly #endOfTextId: number | undefined;
  #tokens = 0;
  #end: 'length' | 'stop' | 'document' | undefined;

  /** @param before where the text goes on from */
  constructor(
    tokenizer: Tokenizer,
    chooser: TokenChooser,
    options: StreamOptions,
    random: Random,
    before: Pick<TextState, 'tokens' | 'held'>,
  ) {
    this.#options = options;
    this.#chooser = chooser;
    this.#random = random;
    // What comes after a prompt may depend on how that ends, as the space between two words does.
    this.#decoder = decoderAfter(tokenizer, before.tokens);
    this.#stops = new StopTexts(stopTextsFor(tokenizer, options.stop), before.held);
    this.#recent = chooser.recentTokens();
    for (const id of before.tokens) this.#recent.push(id);
    this.#endOfTextId = tokenizer.endOfTextId;
  }

  /** Why there is to be no more; undefined: there is. */
  get end(): 'length' | 'stop' | 'document' | undefined {
    return this.#end;
  }

  /**
   * Chooses the next token.
   *
   * @param logProbabilities [V], as the model has them after the last one
   */
  next(logProbabilities: Float32Array): Required<GeneratedPiece> {
    const id = this.#chooser.choose(logProbabilities, this.#random, this.#recent);
    const nats = -(logProbabilities[id] as number);
    this.#recent.push(id);
    this.#tokens += 1;
    const { text, stopped } = this.#stops.push(this.#decoder.push(id));
    if (stopped) this.#end = 'stop';
    else if (id === this.#endOfTextId) this.#end = 'document';
    else if (this.#tokens === this.#options.length) this.#end = 'length';
    return { id, text, nats };
  }

  /** What was held back to the end; half a character is U+FFFD. */
  rest(): string {
    if (this.#end === 'stop') return '';
    const { text, stopped } = this.#stops.push(this.#decoder.end());
    return stopped ? text : text + this.#stops.takeHeld();
  }

  /** What was held back since it may begin a stop text, for a text that goes on later. */
  takeHeld(): string {
    return this.#stops.takeHeld();
  }
}
