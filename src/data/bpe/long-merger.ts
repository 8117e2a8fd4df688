import { Heap } from './heap.ts';
import type { PairTable } from './pair-table.ts';
import { LONGEST_PRE_TOKEN } from './pre-tokenizer.ts';

/** In place of an id that was merged into the one before it. */
const GONE = -1;

/** Merges ids in a time that grows little faster than their number: pairs wait in order of rank. */
export class LongMerger {
  private readonly ranks: PairTable;
  private readonly results: Int32Array;
  private readonly previous = new Int32Array(LONGEST_PRE_TOKEN + 1);
  private readonly next = new Int32Array(LONGEST_PRE_TOKEN + 1);
  /** The pairs in the queue by number: one for each two neighbours, and up to two more a merge. */
  private readonly pairRanks = new Int32Array(3 * LONGEST_PRE_TOKEN);
  private readonly pairPlaces = new Int32Array(3 * LONGEST_PRE_TOKEN);
  private pairs = 0;
  private readonly queue: Heap;

  constructor(ranks: PairTable, results: Int32Array) {
    this.ranks = ranks;
    this.results = results;
    const { pairRanks, pairPlaces } = this;
    this.queue = new Heap(
      (a, b) => (pairRanks[a]! - pairRanks[b]! || pairPlaces[a]! - pairPlaces[b]!) < 0,
    );
  }

  /** Merges the first `length` of `ids`, in place; gives how many are left. */
  merge(ids: Int32Array, length: number): number {
    const { previous, next } = this;
    this.pairs = 0;
    for (let i = 0; i < length; i += 1) {
      previous[i] = i - 1;
      next[i] = i + 1;
    }
    for (let i = 0; i + 1 < length; i += 1) {
      this.enqueue(ids, i, i + 1);
    }
    while (this.queue.size > 0) {
      const pair = this.queue.pop();
      const left = this.pairPlaces[pair]!;
      const right = next[left]!;
      const rank = this.pairRanks[pair]!;
      // One of the two may have been merged with another since.
      if (
        ids[left] === GONE ||
        right === length ||
        this.ranks.find(ids[left]!, ids[right]!) !== rank
      ) {
        continue;
      }
      ids[left] = this.results[rank]!;
      ids[right] = GONE;
      const after = next[right]!;
      next[left] = after;
      previous[after] = left;
      if (left > 0) {
        this.enqueue(ids, previous[left]!, left);
      }
      if (after < length) {
        this.enqueue(ids, left, after);
      }
    }
    let count = 0;
    for (let i = 0; i < length; i = next[i]!) {
      ids[count] = ids[i]!;
      count += 1;
    }
    return count;
  }

  private enqueue(ids: Int32Array, left: number, right: number): void {
    const rank = this.ranks.find(ids[left]!, ids[right]!);
    if (rank >= 0) {
      this.pairRanks[this.pairs] = rank;
      this.pairPlaces[this.pairs] = left;
      this.queue.push(this.pairs);
      this.pairs += 1;
    }
  }
}
