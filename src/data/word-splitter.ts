/** How a tokenizer of words gets them out of UTF-8 that comes a piece at a time. */

/** What takes the words of a text, in turn. */
export interface WordSink {
  /** A word: `bytes[start, end)`, which may be overwritten afterwards; `hash` is that of hashBytes. */
  word(bytes: Uint8Array, start: number, end: number, hash: number): void;
  /** A word of more bytes than the splitter was made for. */
  longWord(): void;
  lineEnd(): void;
}

export interface WordSplitter {
  /** Gives `sink` the words that are certain after these bytes, cut between characters. */
  write(bytes: Uint8Array, sink: WordSink): void;
  /** Gives `sink` what was held back: the text ends here, and another may begin. */
  end(sink: WordSink): void;
}

/** A word of a text, and the code unit at which it begins. */
export interface TextPiece {
  readonly piece: string;
  readonly index: number;
}
