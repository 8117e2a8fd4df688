import { UserError } from '../../errors.ts';
import { ByteStringTable, hashBytes } from '../byte-string-table.ts';
import { lowercaseUtf8 } from '../lowercase.ts';
import { runSteps } from '../steps.ts';
import {
  END_OF_TEXT_TOKEN,
  type TokenizerTrainer,
  type VocabularyOptions,
} from '../tokenizer-types.ts';
import { ALPHABET } from './byte-level.ts';
import { learnMerges } from './learn-merges.ts';
import { PreTokenizer } from './pre-tokenizer.ts';
import { BpeTokenizer } from './tokenizer.ts';
import { WordCounts, type WordLimits } from './word-counts.ts';

/** Of a text of so many bytes a token each, unless a size is given. */
const BYTES_A_TOKEN = 700;
const LEAST_TOKENS = 512;
const MOST_TOKENS = 8192;
const TOKENS_AT_A_TIME = 64;
const DEFAULT_MIN_COUNT = 2;
/** Learning takes up to ten bytes for each of these, and keeps its tables beside. */
const WORD_LIMITS: WordLimits = { words: 4_000_000, bytes: 1 << 26 };
const END_OF_TEXT_ID = 0;
const SPECIAL_TOKENS = 1;

/**
 * Learns byte-pair encoding with the result of Hugging Face's BpeTrainer for the special token
 * `<|endoftext|>` and the initial alphabet of ByteLevel, as its ByteLevelBPETokenizer does: pairs of
 * tokens become one if they occur `minCount` times (default 2), until there are `vocabularySize`
 * tokens (default: {@link vocabularySizeFor}); if the text has too few pairs, there are less. The ids are
 * those of the end of text, of all bytes, and of merges in the order of learning.
 *
 * The result differs where a text has more distinct words (pre-tokens) than memory is meant to hold,
 * 4 million or 64 MiB: the rarest are then left out, and a notice says so.
 */
export class BpeTrainer implements TokenizerTrainer {
  readonly notices: string[] = [];
  private readonly options: VocabularyOptions;
  private readonly limits: WordLimits;
  private readonly counts: WordCounts;
  private readonly preTokenizer: PreTokenizer;
  private bytes = 0;

  /** Throws a UserError (`usage`) for a vocabulary size without room for all bytes. */
  constructor(options: VocabularyOptions, limits = WORD_LIMITS) {
    this.options = options;
    this.limits = limits;
    const { vocabularySize } = options;
    const smallest = ALPHABET.length + SPECIAL_TOKENS;
    if (vocabularySize !== undefined && !(vocabularySize >= smallest)) {
      throw new UserError(
        'usage',
        `expected a vocabulary of at least ${smallest}, for all bytes and the end of text, ` +
          `found a size of ${vocabularySize}`,
        'Give --vocab-size a larger number, or leave it out.',
      );
    }
    this.counts = new WordCounts(limits);
    this.preTokenizer = new PreTokenizer(this.counts);
  }

  write(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    this.preTokenizer.write(this.options.lowercase ? lowercaseUtf8(bytes) : bytes);
  }

  endDocument(): void {
    this.preTokenizer.end();
  }

  finish(): BpeTokenizer {
    return runSteps(this.finishInSteps());
  }

  *finishInSteps(): Generator<void, BpeTokenizer, void> {
    this.preTokenizer.end();
    if (this.counts.forgotten > 0) {
      this.notices.push(
        `bpe: the text has more than ${this.limits.words.toLocaleString('en')} distinct words, or ` +
          `${this.limits.bytes.toLocaleString('en')} bytes of them: rare ones, seen at most ` +
          `${this.counts.forgotten} times by then, were left out when merges were chosen`,
      );
    }
    const tokens = new ByteStringTable();
    for (const bytes of [Buffer.from(END_OF_TEXT_TOKEN), ...Array.from(ALPHABET, (b) => [b])]) {
      const token = Uint8Array.from(bytes);
      tokens.add(token, 0, token.length, hashBytes(token, 0, token.length));
    }
    const idOfByte = new Int32Array(ALPHABET.length);
    for (const [place, byte] of ALPHABET.entries()) {
      idOfByte[byte] = place + SPECIAL_TOKENS;
    }
    const { vocabularySize = vocabularySizeFor(this.bytes) } = this.options;
    const words = this.counts.takeWords(idOfByte, vocabularySize <= 0x10000);
    const { minCount = DEFAULT_MIN_COUNT, lowercase = false } = this.options;
    const merges = yield* learnMerges(words, tokens, { vocabularySize, minCount });
    return new BpeTokenizer({
      tokens: Array.from({ length: tokens.size }, (_, id) => tokens.at(id).slice()),
      merges,
      specialTokens: new Map([[END_OF_TEXT_ID, END_OF_TEXT_TOKEN]]),
      lowercase,
    });
  }
}

/**
 * How many tokens a text of so many bytes is worth: of more a model would see the rarer ones too seldom to learn
 * them, of fewer it would have to spell (docs/experiments.md).
 */
export function vocabularySizeFor(bytes: number): number {
  const tokens = TOKENS_AT_A_TIME * Math.round(bytes / BYTES_A_TOKEN / TOKENS_AT_A_TIME);
  return Math.min(MOST_TOKENS, Math.max(LEAST_TOKENS, tokens));
}
