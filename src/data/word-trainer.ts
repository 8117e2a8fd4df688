import { lowercaseUtf8 } from './lowercase.ts';
import {
  END_OF_TEXT_TOKEN,
  LINE_END_TOKEN,
  type TokenizerTrainer,
  UNKNOWN_TOKEN,
  type VocabularyOptions,
} from './tokenizer-types.ts';
import { countAtLeast, selectTokens } from './vocabulary.ts';
import { WordCounter } from './word-counter.ts';
import type { WordSplitter } from './word-splitter.ts';
import { splitterOf, WordTokenizer, wordSpecialTokens } from './word-tokenizer.ts';

/** A longer word is not counted, and so is unknown: it would be data, not language. */
const MAX_WORD_BYTES = 1024;
/** Words that are kept where the options do not say. */
export const DEFAULT_WORDS = 100_000;
/** Distinct words that are counted at once. */
const COUNTED_WORDS = 4_000_000;

/** What to do about a text whose documents are set off by a name. */
const DOCUMENTS_APART = '; a file for each document, or JSON lines, have ends that are learned';

/** What {@link WordTrainer} goes by; tests give it smaller numbers. */
interface WordLimits {
  readonly words?: number;
  readonly countedWords?: number;
}

/** Keeps the most frequent words; of equally frequent ones, those that appeared first. */
export class WordTrainer implements TokenizerTrainer {
  readonly notices: string[] = [];
  private readonly options: VocabularyOptions;
  private readonly maxWords: number;
  private readonly counter: WordCounter;
  private readonly splitter: WordSplitter;

  constructor(
    options: VocabularyOptions,
    { words = DEFAULT_WORDS, countedWords = COUNTED_WORDS }: WordLimits = {},
  ) {
    this.options = options;
    this.maxWords = words;
    // A vocabulary that the user wants larger still must not fall short because words were dropped.
    this.counter = new WordCounter(Math.max(countedWords, 2 * (options.vocabularySize ?? 0)));
    this.splitter = splitterOf(options.wordSplit ?? 'whitespace', MAX_WORD_BYTES);
  }

  write(bytes: Uint8Array): void {
    this.splitter.write(this.options.lowercase ? lowercaseUtf8(bytes) : bytes, this.counter);
  }

  endDocument(): void {
    this.splitter.end(this.counter);
  }

  finish(): WordTokenizer {
    this.endDocument();
    const { counter } = this;
    const { lowercase = false, endOfText = false, wordSplit = 'whitespace' } = this.options;
    for (const special of [UNKNOWN_TOKEN, LINE_END_TOKEN, END_OF_TEXT_TOKEN]) {
      const found = counter.leaveOut(special);
      if (found === 0 || special === UNKNOWN_TOKEN) continue;
      this.notices.push(
        `the text spells ${special} ${found === 1 ? 'once' : `${found.toLocaleString('en')} times`}: that is read ` +
          `as ${UNKNOWN_TOKEN}, as the name of a token is${special === END_OF_TEXT_TOKEN ? DOCUMENTS_APART : ''}`,
      );
    }
    const specials = wordSpecialTokens(endOfText).length;
    const { vocabularySize = this.maxWords + specials } = this.options;
    const chosen = selectTokens(counter.counts, { ...this.options, vocabularySize }, specials);
    this.notice(chosen.length);
    const words = Array.from(chosen, (index) => Buffer.from(counter.at(index)).toString());
    return new WordTokenizer(words, { lowercase, endOfText, wordSplit });
  }

  private notice(kept: number): void {
    const { dropped, distinct, counts } = this.counter;
    const { vocabularySize, minCount = 1 } = this.options;
    const words = `${dropped ? 'at least ' : ''}${distinct.toLocaleString('en')} distinct words`;
    if (dropped) {
      this.notices.push(
        `${words}: the rarest were dropped while counting, so that counts of rare ones are lower bounds`,
      );
    }
    const isCapped = vocabularySize === undefined && kept === this.maxWords;
    if (isCapped && countAtLeast(minCount, counts) > kept) {
      this.notices.push(
        `${words}: the ${kept.toLocaleString('en')} most frequent are kept, others are ` +
          `${UNKNOWN_TOKEN}; --vocab-size N keeps more`,
      );
    }
  }
}
