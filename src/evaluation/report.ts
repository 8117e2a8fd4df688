/** Figures from token losses, by the convention of `evaluate.ts`. */
import type { ScoredTokens } from './evaluate.ts';

/** How much text the scored tokens stand for, for the figures that are not per token. */
export interface TextSize {
  /** Characters (code points). */
  characters: number;
  /** UTF-8 bytes. */
  bytes: number;
}

export interface EvaluationReport {
  /** Tokens scored: all but the first. */
  tokens: number;
  /** Out-of-vocabulary tokens among them; they are scored as `<unk>`. */
  oovTokens: number;
  /** Mean nats a scored token. */
  natsPerToken: number;
  /** exp(natsPerToken). */
  perplexity: number;
  /** The same over the scored tokens that are in the vocabulary. */
  perplexityWithoutOov: number;
  bitsPerCharacter: number;
  bitsPerByte: number;
}

/** How the figures are taken, in one line. */
export const CONVENTION =
  'exp(total nats / scored tokens); every token but the first; one stream, state carried from zeros';

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

  /** The mean of all losses in nats; NaN if there is none. */
  get mean(): number {
    return this.#nats / this.#tokens;
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
      bitsPerCharacter: bits / text.characters,
      bitsPerByte: bits / text.bytes,
    };
  }
}
