/** Figures from token losses: `docs/evaluation.md` has the formulae. */
import type { ScoredTokens } from './evaluate.ts';
import type { TextSize } from './text-size.ts';

export interface EvaluationReport {
  /** Tokens scored. */
  tokens: number;
  /** Out-of-vocabulary tokens among them; they are scored as `<unk>`. */
  oovTokens: number;
  /** Mean nats a scored token. */
  natsPerToken: number;
  /** exp(natsPerToken). */
  perplexity: number;
  /** The same over the scored tokens that are in the vocabulary. */
  perplexityWithoutOov: number;
  /** exp(total nats / words), which does not depend on what a token is. */
  perplexityPerWord: number;
  /** Words of the scored text and its line ends: see `TextSize`. */
  words: number;
  bitsPerCharacter: number;
  bitsPerByte: number;
}

/** Adds losses up as they come, in double precision: in float32 the third digit of a million is off. */
export class LossTotals {
  readonly #unknownId: number | undefined;
  #tokens = 0;
  #nats = 0;
  #oovTokens = 0;
  #oovNats = 0;

  /** @param unknownId the id of out-of-vocabulary tokens, if the tokenizer has one */
  constructor(unknownId?: number) {
    this.#unknownId = unknownId;
  }

  /** To be given as `onLosses`. */
  readonly add = ({ targets, losses }: Pick<ScoredTokens, 'targets' | 'losses'>): void => {
    this.#tokens += losses.length;
    for (let i = 0; i < losses.length; i++) {
      this.#nats += losses[i]!;
      if (targets[i] !== this.#unknownId) continue;
      this.#oovTokens += 1;
      this.#oovNats += losses[i]!;
    }
  };

  /** All losses in nats. */
  get nats(): number {
    return this.#nats;
  }

  /** The mean of all losses in nats; NaN if there is none. */
  get mean(): number {
    return this.#nats / this.#tokens;
  }

  get tokens(): number {
    return this.#tokens;
  }

  get oovTokens(): number {
    return this.#oovTokens;
  }

  /** @param text what the scored tokens stand for */
  report(text: TextSize): EvaluationReport {
    const bits = this.#nats / Math.LN2;
    const known = { tokens: this.#tokens - this.#oovTokens, nats: this.#nats - this.#oovNats };
    return {
      tokens: this.#tokens,
      oovTokens: this.#oovTokens,
      natsPerToken: this.mean,
      perplexity: Math.exp(this.mean),
      perplexityWithoutOov: Math.exp(known.nats / known.tokens),
      perplexityPerWord: Math.exp(dividedBy(this.#nats, text.words)),
      words: text.words,
      bitsPerCharacter: dividedBy(bits, text.characters),
      bitsPerByte: dividedBy(bits, text.bytes),
    };
  }
}

/** NaN for a size of nothing, or less: so little may be left of a short text without its first token. */
function dividedBy(total: number, size: number): number {
  return size > 0 ? total / size : Number.NaN;
}
