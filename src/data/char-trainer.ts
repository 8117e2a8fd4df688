import { CharTokenizer } from './char-tokenizer.ts';
import { lowercaseUtf8 } from './lowercase.ts';
import type { TokenizerTrainer, VocabularyOptions } from './tokenizer-types.ts';
import { selectTokens } from './vocabulary.ts';

const CODE_POINTS = 0x110000;
const LARGEST_COUNT = 0xffff_ffff;

/** Keeps the most frequent characters; of equally frequent ones, the lower code points first. */
export class CharTrainer implements TokenizerTrainer {
  readonly notices: readonly string[] = [];
  private readonly options: VocabularyOptions;
  /** By code point; those of the last characters are still in `recent`. */
  private readonly counts = new Float64Array(CODE_POINTS);
  /** Whole numbers, which are added to faster. */
  private readonly recent = new Uint32Array(CODE_POINTS);
  private recentLength = 0;

  constructor(options: VocabularyOptions) {
    this.options = options;
  }

  write(text: Uint8Array): void {
    const bytes = this.options.lowercase ? lowercaseUtf8(text) : text;
    const { length } = bytes;
    if (this.recentLength + length > LARGEST_COUNT) {
      this.addRecent();
    }
    this.recentLength += length;
    const { recent } = this;
    // Decoding here, not in a function of its own, makes the loop several times as fast.
    for (let i = 0; i < length; ) {
      const byte = bytes[i]!;
      if (byte < 0x80) {
        recent[byte]! += 1;
        i += 1;
      } else if (byte < 0xe0) {
        recent[((byte & 0x1f) << 6) | (bytes[i + 1]! & 0x3f)]! += 1;
        i += 2;
      } else if (byte < 0xf0) {
        const low = ((bytes[i + 1]! & 0x3f) << 6) | (bytes[i + 2]! & 0x3f);
        recent[((byte & 0xf) << 12) | low]! += 1;
        i += 3;
      } else {
        const low = ((bytes[i + 2]! & 0x3f) << 6) | (bytes[i + 3]! & 0x3f);
        recent[((byte & 0x7) << 18) | ((bytes[i + 1]! & 0x3f) << 12) | low]! += 1;
        i += 4;
      }
    }
  }

  endDocument(): void {}

  finish(): CharTokenizer {
    this.addRecent();
    const { lowercase = false, endOfText = false } = this.options;
    const codePoints = selectTokens(this.counts, this.options, endOfText ? 2 : 1).sort();
    const characters = Array.from(codePoints, (codePoint) => String.fromCodePoint(codePoint));
    return new CharTokenizer(characters, lowercase, endOfText);
  }

  private addRecent(): void {
    for (let codePoint = 0; codePoint < CODE_POINTS; codePoint += 1) {
      this.counts[codePoint]! += this.recent[codePoint]!;
    }
    this.recent.fill(0);
    this.recentLength = 0;
  }
}
