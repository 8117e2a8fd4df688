/**
 * Makes texts that come and go at any time, each by its own options: the model reads a token of each in one step,
 * and long prompts are read between such steps, a piece at a time.
 */
import { Stepper, type StreamState } from '../model/stepper.ts';
import type { Random } from '../random.ts';
import type { TokenChooser } from './choose-token.ts';
import {
  type OnTokenRead,
  type ReadState,
  readAll,
  type TextModel,
  type TextState,
} from './text-model.ts';
import { type GeneratedPiece, type StreamOptions, TextStream } from './text-stream.ts';

/** Why a text ended. */
export type TextEnd = NonNullable<TextStream['end']>;

/** A text to be made, and who is told of it. */
export interface PooledText {
  readonly random: Random;
  /** Called with each token that is chosen, and the logarithms of the probabilities [V] that it was chosen by. */
  readonly onToken: (piece: Required<GeneratedPiece>, logProbabilities: Float32Array) => void;
  /** Called at the end with the text that was held back until then. */
  readonly onEnd: (end: TextEnd, rest: string) => void;
}

/** Texts that go on from the same place by the same options. */
export interface TextGroup {
  readonly start: TextState;
  readonly chooser: TokenChooser;
  readonly options: StreamOptions;
  readonly texts: readonly PooledText[];
  /** Told of what is unread at `start`. */
  readonly onTokenRead?: OnTokenRead;
  /** Called when all of them have ended. */
  readonly onEnd: () => void;
}

/** Tokens of a prompt that are read between two steps of the other texts. */
const READ_BETWEEN = 512;

/** A group whose prompt is being read, and, once it is, whose texts are to begin. */
interface OpenGroup {
  readonly group: TextGroup;
  readonly reading: Generator<void, ReadState, void>;
  read: ReadState | undefined;
  /** How many of its texts have begun, and how many have ended. */
  begun: number;
  ended: number;
  isGone: boolean;
}

interface Row {
  readonly open: OpenGroup;
  readonly text: PooledText;
  readonly stream: TextStream;
  /** The row of the stepper that has read all but `next`, or what that is to begin with. */
  source: number | StreamState;
  /** The token that was chosen last. */
  next: number;
  logProbabilities: Float32Array;
}

/** Holds states on the backend while there are texts in it. */
export class TextPool {
  readonly #model: TextModel;
  readonly #most: number;
  /** Those whose prompts are read, and those whose texts are to begin: the first is the next to be served. */
  #reading: OpenGroup[] = [];
  #ready: OpenGroup[] = [];
  #rows: Row[] = [];
  #stepper: Stepper | undefined;

  /** @param most texts that are made at a time; others wait */
  constructor(model: TextModel, most: number) {
    this.#model = model;
    this.#most = most;
  }

  get isEmpty(): boolean {
    return this.#reading.length + this.#ready.length + this.#rows.length === 0;
  }

  /** Takes texts in. @returns what takes them out again, wherever they are, without a word to anybody */
  add(group: TextGroup): () => void {
    const reading = readAll(this.#model, group.start, READ_BETWEEN, group.onTokenRead);
    const open = { group, reading, read: undefined, begun: 0, ended: 0, isGone: false };
    this.#reading.push(open);
    return () => this.#remove(open);
  }

  /** Reads a piece of one prompt, and makes a token of each text that is begun. */
  step(): void {
    this.#readPiece();
    this.#fillRows();
    for (const row of this.#rows) if (!row.open.isGone) this.#takeToken(row);
    this.#rows = this.#rows.filter(({ open, stream }) => !open.isGone && !stream.end);
    if (this.#rows.length === 0) {
      this.#release();
      return;
    }
    const sources = this.#rows.map(({ source }) => source);
    const { config, weights } = this.#model;
    if (this.#stepper) this.#stepper.arrange(sources);
    else this.#stepper = new Stepper(config, weights, sources as StreamState[]);
    const scores = this.#stepper.read(Int32Array.from(this.#rows, ({ next }) => next));
    const V = scores.length / this.#rows.length;
    for (const [i, row] of this.#rows.entries()) {
      row.logProbabilities = scores.subarray(i * V, (i + 1) * V);
      row.source = i;
    }
  }

  /** Takes all texts out. */
  dispose(): void {
    for (const open of [...this.#reading, ...this.#ready]) this.#remove(open);
    for (const { open } of this.#rows) this.#remove(open);
  }

  #remove(open: OpenGroup): void {
    if (open.isGone) return;
    open.isGone = true;
    open.reading.return(undefined as never);
    this.#reading = this.#reading.filter((each) => each !== open);
    this.#ready = this.#ready.filter((each) => each !== open);
    this.#rows = this.#rows.filter((row) => row.open !== open);
    if (this.#rows.length === 0) this.#release();
  }

  /** Lets go of the states of texts, of which there are none any more. */
  #release(): void {
    this.#stepper?.dispose();
    this.#stepper = undefined;
  }

  /** In turn, so that a long prompt does not hold up a short one that came later. */
  #readPiece(): void {
    const open = this.#reading.shift();
    if (!open) return;
    const { done, value } = open.reading.next();
    if (!done) {
      this.#reading.push(open);
      return;
    }
    open.read = value;
    this.#ready.push(open);
  }

  /** A text of each group in turn, so that many texts of one do not hold up one of another. */
  #fillRows(): void {
    while (this.#rows.length < this.#most) {
      const open = this.#ready.shift();
      if (!open) return;
      if (open.group.options.length === 0) {
        for (const text of open.group.texts) text.onEnd('length', '');
        open.group.onEnd();
        continue;
      }
      this.#rows.push(this.#begin(open));
      if (open.begun < open.group.texts.length) this.#ready.push(open);
    }
  }

  #begin(open: OpenGroup): Row {
    const { start, chooser, options, texts } = open.group;
    const text = texts[open.begun]!;
    open.begun += 1;
    const { memory, logProbabilities } = open.read!;
    const stream = new TextStream(this.#model.tokenizer, chooser, options, text.random, start);
    return { open, text, stream, source: memory, next: 0, logProbabilities };
  }

  #takeToken(row: Row): void {
    const { open, text, stream, logProbabilities } = row;
    const piece = stream.next(logProbabilities);
    row.next = piece.id;
    text.onToken(piece, logProbabilities);
    if (!stream.end) return;
    open.ended += 1;
    text.onEnd(stream.end, stream.rest());
    if (open.ended === open.group.texts.length) open.group.onEnd();
  }
}
