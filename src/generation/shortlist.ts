/** The tokens among which one is drawn, and the filters that leave some of them out. */
import { boundaryOf } from './boundary.ts';

/**
 * Tokens with their scores and weights e^score, which are in proportion to their probabilities. The best
 * score is 0. Filters work on what those before them have left, and keep the order of the ids, so that a
 * number between 0 and 1 means the same token though near scores may have changed places.
 */
export class Shortlist {
  /** The ids that are left, in rising order: the first `size`. */
  readonly #ids: Int32Array;
  #size = 0;
  /** By id. */
  readonly #scores: Float64Array;
  readonly #weights: Float64Array;
  readonly #keys: Float64Array;
  readonly #order: Int32Array;

  /** @param capacity how many tokens there are */
  constructor(capacity: number) {
    this.#ids = new Int32Array(capacity);
    this.#order = new Int32Array(capacity);
    this.#scores = new Float64Array(capacity);
    this.#weights = new Float64Array(capacity);
    this.#keys = new Float64Array(capacity);
  }

  get capacity(): number {
    return this.#ids.length;
  }

  /** The ids that are left, in rising order. */
  get ids(): Int32Array {
    return this.#ids.subarray(0, this.#size);
  }

  /** The weight of a token. */
  weight(id: number): number {
    return this.#weights[id]!;
  }

  /**
   * Begins with all tokens but those whose score is −∞.
   *
   * @param scores [V], V at most the capacity
   * @param best the highest of them, which becomes 0
   * @param temperature what they are then divided by
   */
  fill(scores: ArrayLike<number>, best: number, temperature: number): void {
    this.#size = 0;
    for (let id = 0; id < scores.length; id++) {
      const score = (scores[id]! - best) / temperature;
      if (score === Number.NEGATIVE_INFINITY) continue;
      this.#scores[id] = score;
      this.#weights[id] = Math.exp(score);
      this.#ids[this.#size] = id;
      this.#size += 1;
    }
  }

  /** Top-k: leaves the `count` of highest score, of equal ones those of lower ids. */
  keepLikeliest(count: number): void {
    if (count >= this.#size) return;
    for (const id of this.ids) this.#keys[id] = -this.#scores[id]!;
    this.#keepFirst(undefined, count);
  }

  /** Top-p: leaves the smallest set of likeliest tokens with at least the `share` of all weight. */
  keepNucleus(share: number): void {
    for (const id of this.ids) this.#keys[id] = -this.#scores[id]!;
    this.#keepFirst(this.#weights, share * this.#sum());
  }

  /** Min-p: leaves the tokens with at least `share` times the weight of the likeliest. */
  keepAbove(share: number): void {
    const lowest = share * this.#heaviest();
    this.#keepIf((id) => this.#weights[id]! >= lowest);
  }

  /**
   * Locally typical: leaves the smallest set with at least the `share` of all weight of those tokens whose
   * surprise, −log p, is nearest to the entropy of all.
   */
  keepTypical(share: number): void {
    const sum = this.#sum();
    const logSum = Math.log(sum);
    let entropy = 0;
    for (const id of this.ids) {
      entropy -= (this.#weights[id]! / sum) * (this.#scores[id]! - logSum);
    }
    for (const id of this.ids) this.#keys[id] = Math.abs(entropy + this.#scores[id]! - logSum);
    this.#keepFirst(this.#weights, share * sum);
  }

  /** The token at `place` of the weight that is left, taken in the order of the ids; `place` in [0, 1). */
  draw(place: number): number {
    let left = place * this.#sum();
    let last = this.#ids[0]!;
    for (let i = 0; i < this.#size; i++) {
      const id = this.#ids[i]!;
      const weight = this.#weights[id]!;
      if (weight === 0) continue;
      left -= weight;
      if (left < 0) return id;
      last = id;
    }
    return last;
  }

  #keepFirst(weights: Float64Array | undefined, wanted: number): void {
    this.#order.set(this.ids);
    const boundary = boundaryOf(this.#order.subarray(0, this.#size), this.#keys, weights, wanted);
    const key = this.#keys[boundary]!;
    this.#keepIf((id) => this.#keys[id]! < key || (this.#keys[id] === key && id <= boundary));
  }

  #keepIf(isKept: (id: number) => boolean): void {
    let kept = 0;
    for (let i = 0; i < this.#size; i++) {
      const id = this.#ids[i]!;
      if (isKept(id)) {
        this.#ids[kept] = id;
        kept += 1;
      }
    }
    this.#size = kept;
  }

  #sum(): number {
    let sum = 0;
    for (let i = 0; i < this.#size; i++) sum += this.#weights[this.#ids[i]!]!;
    return sum;
  }

  #heaviest(): number {
    let heaviest = 0;
    for (let i = 0; i < this.#size; i++) {
      heaviest = Math.max(heaviest, this.#weights[this.#ids[i]!]!);
    }
    return heaviest;
  }
}
