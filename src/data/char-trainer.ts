import { CharEncoder } from './char-encoder.ts';
import { CharTokenizer } from './char-tokenizer.ts';
import { TokenBuffer } from './token-buffer.ts';
import type { TokenizerTrainer, VocabularyOptions } from './tokenizer-types.ts';
import { selectTokens } from './vocabulary.ts';

const CODE_POINTS = 0x110000;

/** Keeps the most frequent characters; of equally frequent ones, the lower code points first. */
export class CharTrainer implements TokenizerTrainer {
  readonly notices: readonly string[] = [];
  private readonly options: VocabularyOptions;
  /** By code point. */
  private readonly counts = new Float64Array(CODE_POINTS);
  /** Gives code points themselves for ids. */
  private readonly encoder: CharEncoder;
  private readonly codePoints = new TokenBuffer();

  constructor(options: VocabularyOptions) {
    this.options = options;
    const itself = new Int32Array(CODE_POINTS);
    for (let codePoint = 0; codePoint < CODE_POINTS; codePoint += 1) {
      itself[codePoint] = codePoint;
    }
    this.encoder = new CharEncoder(itself, -1, options.lowercase ?? false);
  }

  write(bytes: Uint8Array): void {
    const { counts, codePoints } = this;
    this.encoder.write(bytes, codePoints);
    const { ids, length } = codePoints;
    for (let i = 0; i < length; i += 1) {
      counts[ids[i]!]! += 1;
    }
    codePoints.clear();
  }

  endDocument(): void {}

  finish(): CharTokenizer {
    const { lowercase = false, endOfText = false } = this.options;
    const codePoints = selectTokens(this.counts, this.options, endOfText ? 2 : 1).sort();
    const characters = Array.from(codePoints, (codePoint) => String.fromCodePoint(codePoint));
    return new CharTokenizer(characters, lowercase, endOfText);
  }
}
