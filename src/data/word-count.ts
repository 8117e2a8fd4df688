/** Words and line ends, counted: what perplexity a word is divided by, whatever a token is. */
import { WhitespaceSplitter } from './whitespace-words.ts';
import type { WordSink } from './word-splitter.ts';

/**
 * Counts what stands between white space, and line ends. A text that comes in pieces counts as the
 * whole would.
 */
export class WordCount {
  words = 0;
  lineEnds = 0;
  /** Words are not looked at, so none is kept. */
  readonly #splitter = new WhitespaceSplitter(0);
  readonly #sink: WordSink = {
    word: () => this.#count(),
    longWord: () => this.#count(),
    lineEnd: () => {
      this.lineEnds += 1;
    },
  };

  /** The next bytes of the text, UTF-8 cut between characters. */
  write(bytes: Uint8Array): void {
    this.#splitter.write(bytes, this.#sink);
  }

  /** The text ends here, and with it a word; another may begin. */
  end(): void {
    this.#splitter.end(this.#sink);
  }

  #count(): void {
    this.words += 1;
  }
}
