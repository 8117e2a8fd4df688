/** Losses added up by segments of the text. */
import type { ScoredTokens } from './evaluate.ts';

export class SegmentTotals {
  /** The nats of each segment [n]. */
  readonly nats: Float64Array;
  /** Tokens of all segments, and those of them that are out of vocabulary. */
  tokens = 0;
  oovTokens = 0;
  readonly #ends: Float64Array;
  readonly #unknownId: number | undefined;
  #segment = 0;

  /**
   * @param ends as `tokenEnds` gives them [n + 1]: tokens before the first of them count nowhere
   * @param unknownId the id of out-of-vocabulary tokens, if the tokenizer has one
   */
  constructor(ends: Float64Array, unknownId?: number) {
    this.#ends = ends;
    this.#unknownId = unknownId;
    this.nats = new Float64Array(ends.length - 1);
  }

  /** To be given as `onLosses` where tokens come in their order. */
  readonly add = ({ start, targets, losses }: ScoredTokens): void => {
    const ends = this.#ends;
    for (let i = 0; i < losses.length; i++) {
      const place = start + i;
      if (place < ends[0]!) continue;
      while (place >= ends[this.#segment + 1]!) this.#segment += 1;
      this.nats[this.#segment]! += losses[i]!;
      this.tokens += 1;
      if (targets[i] === this.#unknownId) this.oovTokens += 1;
    }
  };
}
