/** Losses added up by segments of the text. */
import type { ScoredTokens } from './evaluate.ts';

export interface SpecialIds {
  /** Of what is out of vocabulary. */
  readonly unknownId?: number | undefined;
  readonly endOfTextId?: number | undefined;
}

export class SegmentTotals {
  /** The nats of each segment [n]. */
  readonly nats: Float64Array;
  /** Tokens of all segments, and those of them that are out of vocabulary. */
  tokens = 0;
  oovTokens = 0;
  readonly #ends: Float64Array;
  readonly #ids: SpecialIds;
  #segment = 0;

  /**
   * @param ends as `tokenEnds` gives them [n + 1]: tokens before the first of them count nowhere
   * @param ids those of a tokenizer that are no text's own. An end of text is no byte of it, and not all
   * tokenizers have a token for it, so that it counts nowhere.
   */
  constructor(ends: Float64Array, ids: SpecialIds = {}) {
    this.#ends = ends;
    this.#ids = ids;
    this.nats = new Float64Array(ends.length - 1);
  }

  /** To be given as `onLosses` where tokens come in their order. */
  readonly add = ({ start, targets, losses }: ScoredTokens): void => {
    const ends = this.#ends;
    for (let i = 0; i < losses.length; i++) {
      const place = start + i;
      if (place < ends[0]! || targets[i] === this.#ids.endOfTextId) continue;
      while (place >= ends[this.#segment + 1]!) this.#segment += 1;
      this.nats[this.#segment]! += losses[i]!;
      this.tokens += 1;
      if (targets[i] === this.#ids.unknownId) this.oovTokens += 1;
    }
  };
}
