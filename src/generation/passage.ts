/** A text that is gone on again and again, with what is added to it in between. */
import { Stepper } from '../model/stepper.ts';
import type { Random } from '../random.ts';
import type { TokenChooser } from './choose-token.ts';
import {
  afterPrompt,
  readTokens,
  type TextModel,
  type TextState,
  TOKENS_KEPT,
} from './text-model.ts';
import { type GeneratedPiece, type StreamOptions, TextStream } from './text-stream.ts';

/**
 * Holds a model's state on the backend until it is disposed. However often it is stopped and gone on, the
 * text is that which would have come at once.
 */
export class Passage {
  readonly #model: TextModel;
  readonly #stepper: Stepper;
  /** As in {@link TextState}; of `#tokens`, the last count. */
  #unread: number[];
  #tokens: number[];
  #held: string;

  /** @param start default: a line start */
  constructor(model: TextModel, start: TextState = afterPrompt(model.tokenizer, [])) {
    this.#model = model;
    this.#stepper = new Stepper(model.config, model.weights, [start.memory]);
    this.#unread = [...start.unread];
    this.#tokens = [...start.tokens];
    this.#held = start.held;
  }

  /**
   * Puts tokens after the text so far, and after what was held back of it, which is no part of what comes; a
   * character that it left half is given up.
   */
  add(ids: ArrayLike<number>): void {
    this.#held = '';
    for (let i = 0; i < ids.length; i++) {
      this.#unread.push(ids[i]!);
      this.#push(ids[i]!);
    }
  }

  /**
   * Makes text. Pieces hold whole characters only: a token that ends within one brings no text. What may
   * be the beginning of a stop text is held back. The token at which a document ends makes an end, and
   * shows nothing.
   *
   * @param atEnd `show`: the last piece has all that was held back, and half a character as U+FFFD;
   * `keep`: both wait for the next call
   */
  *go(
    chooser: TokenChooser,
    options: StreamOptions,
    random: Random,
    atEnd: 'show' | 'keep' = 'show',
  ): Generator<GeneratedPiece, void, void> {
    const before = { tokens: this.#tokens, held: this.#held };
    const stream = new TextStream(this.#model.tokenizer, chooser, options, random, before);
    this.#held = '';
    try {
      while (!stream.end) {
        const reading = this.#read();
        let step = reading.next();
        for (; !step.done; step = reading.next()) yield { text: '' };
        const piece = stream.next(step.value);
        this.#unread = [piece.id];
        this.#push(piece.id);
        yield piece;
      }
      if (atEnd === 'keep') return;
      const text = stream.rest();
      if (text) yield { text };
    } finally {
      this.#held = stream.takeHeld();
    }
  }

  /** What is held back since it may begin a stop text. */
  get held(): string {
    return this.#held;
  }

  /** The same, which from now on is not. */
  takeHeld(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }

  /** Where the text is. */
  state(): TextState {
    return {
      memory: this.#stepper.states()[0]!,
      unread: [...this.#unread],
      tokens: this.#tokens.slice(-TOKENS_KEPT),
      held: this.#held,
    };
  }

  dispose(): void {
    this.#stepper.dispose();
  }

  *#read(): Generator<void, Float32Array, void> {
    const ids = this.#unread;
    // What has been read is left out at once: whoever stops here can go on later.
    return yield* readTokens(this.#stepper, ids, (count) => {
      this.#unread = ids.slice(count);
    });
  }

  #push(id: number): void {
    this.#tokens.push(id);
    if (this.#tokens.length >= 2 * TOKENS_KEPT) this.#tokens = this.#tokens.slice(-TOKENS_KEPT);
  }
}
