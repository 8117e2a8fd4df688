/** A text that a person and a model write in turn. */
import { Random } from '../random.ts';
import { type ChoiceOptions, TokenChooser } from './choose-token.ts';
import { Passage } from './passage.ts';
import { afterPrompt, type TextModel, type TextState } from './text-model.ts';
import type { GeneratedPiece, StreamOptions } from './text-stream.ts';

/** What can be changed from line to line. */
export type ConversationOptions = ChoiceOptions & StreamOptions;

/** Holds a model's state on the backend until it is disposed. */
export class Conversation {
  options: ConversationOptions;
  readonly #model: TextModel;
  readonly #lineEnd: string;
  #seed: number;
  #random: Random;
  #passage: Passage | undefined;
  /** All that was said so far, from the beginning or the last reset. */
  #text = '';
  /** Whether the text so far is on a line that has something on it. */
  #isWithinLine = false;

  /** @param start default: a line start */
  constructor(
    model: TextModel,
    options: ConversationOptions,
    seed: number,
    start?: { text: TextState; random?: Random | undefined },
  ) {
    this.options = options;
    this.#model = model;
    // A model that knows no line ends gets none.
    this.#lineEnd = model.tokenizer.findUnknown('\n') ? '' : '\n';
    this.#seed = seed;
    this.#random = start?.random ?? new Random(seed);
    if (!start) return;
    this.#passage = new Passage(model, start.text);
    this.#isWithinLine = true;
  }

  get seed(): number {
    return this.#seed;
  }

  get text(): string {
    return this.#text;
  }

  /**
   * Goes on from a line: after a line end, where the text is not at the start of a line. An empty line adds
   * nothing. Stopping the iteration early leaves the text as it is then.
   */
  *reply(line: string): Generator<GeneratedPiece, void, void> {
    const passage = this.#withLine(line);
    const chooser = new TokenChooser(this.options, this.#model.tokenizer.unknownId);
    for (const piece of passage.go(chooser, this.options, this.#random, 'keep')) {
      this.#add(piece.text);
      yield piece;
    }
    const text = passage.takeHeld();
    this.#add(text);
    if (text) yield { text };
  }

  /** Begins again, with the same seed. */
  reset(): void {
    this.dispose();
    this.#text = '';
    this.#isWithinLine = false;
    this.#random = new Random(this.#seed);
  }

  /** Draws what comes next by another seed. */
  reseed(seed: number): void {
    this.#seed = seed;
    this.#random = new Random(seed);
  }

  /** Where the text is; undefined: at its beginning. */
  state(): { text: TextState; random: Random; seed: number } | undefined {
    const text = this.#passage?.state();
    return text && { text, random: this.#random, seed: this.#seed };
  }

  dispose(): void {
    this.#passage?.dispose();
    this.#passage = undefined;
  }

  #withLine(line: string): Passage {
    const added = line !== '' && this.#isWithinLine ? this.#lineEnd + line : line;
    const ids = added === '' ? [] : this.#model.tokenizer.encode(added);
    if (this.#passage) {
      this.#passage.add(ids);
    } else {
      const start = afterPrompt(this.#model.tokenizer, ids);
      this.#passage = new Passage(this.#model, start);
    }
    this.#add(added);
    return this.#passage;
  }

  #add(text: string): void {
    if (text === '') return;
    this.#text += text;
    this.#isWithinLine = !text.endsWith('\n');
  }
}
