/** A text that a person and a model write in turn. */
import { Random } from '../random.ts';
import { type ChoiceOptions, TokenChooser } from './choose-token.ts';
import { Passage } from './passage.ts';
import { afterPrompt, type TextModel, type TextState } from './text-model.ts';
import type { GeneratedPiece, StreamOptions } from './text-stream.ts';

const LINE_FEED = 0x0a;

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
  /** The last token; undefined: there is none. */
  #last: number | undefined;

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
    this.#last = start.text.tokens.at(-1);
  }

  get seed(): number {
    return this.#seed;
  }

  get text(): string {
    return this.#text;
  }

  /**
   * Goes on from a line: after a line end, where the text is not at the start of a line. An empty line adds
   * nothing. Stopping the iteration early leaves the text as it is then; {@link takeHeld} has the rest of it.
   */
  *reply(line: string): Generator<GeneratedPiece, void, void> {
    const passage = this.#withLine(line);
    const chooser = new TokenChooser(this.options, this.#model.tokenizer.unknownId);
    for (const piece of passage.go(chooser, this.options, this.#random, 'keep')) {
      this.#text += piece.text;
      this.#last = piece.id ?? this.#last;
      yield piece;
    }
    const text = this.takeHeld();
    if (text) yield { text };
  }

  /** How a line is shown: after what was held back until then, with the line end between them. */
  promptOf(line: string): string {
    const held = this.#passage?.held ?? '';
    if (line === '' || held === '') return line;
    return held + this.#endOfLine() + line;
  }

  /** What a reply that was stopped early held back since it may begin a stop text; from now on it is said. */
  takeHeld(): string {
    const held = this.#passage?.takeHeld() ?? '';
    this.#text += held;
    return held;
  }

  /** Begins again, with the same seed. */
  reset(): void {
    this.dispose();
    this.#text = '';
    this.#last = undefined;
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
    const { tokenizer } = this.#model;
    if (line === '') {
      this.#passage ??= new Passage(this.#model);
      return this.#passage;
    }
    this.takeHeld();
    if (this.#text !== '' && !this.#text.endsWith('\n')) this.#text += this.#lineEnd;
    this.#text += line;
    const ids = tokenizer.encode(this.#endOfLine() + line);
    if (this.#passage) this.#passage.add(ids);
    else this.#passage = new Passage(this.#model, afterPrompt(tokenizer, ids));
    this.#last = ids.at(-1);
    return this.#passage;
  }

  /** What the model reads before a line: a stop text that was not shown may have ended the last one already. */
  #endOfLine(): string {
    if (this.#last === undefined) return '';
    const isEnded = this.#model.tokenizer.decodeBytes([this.#last]).at(-1) === LINE_FEED;
    return isEnded ? '' : this.#lineEnd;
  }
}
