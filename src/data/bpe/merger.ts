import type { Merge } from './learn-merges.ts';
import { LongMerger } from './long-merger.ts';
import { PairTable } from './pair-table.ts';
import { LONGEST_PRE_TOKEN } from './pre-tokenizer.ts';

const NO_RANK = 0x7fffffff;
/** Up to here, looking at all pairs for each merge is faster than keeping them in order. */
const LONGEST_SIMPLE = 64;

/**
 * Merges the bytes of a pre-token: of the pairs that can be merged always the one that was learned
 * first, and of those the leftmost.
 */
export class Merger {
  /** The ids that {@link merge} has found. */
  readonly ids = new Int32Array(LONGEST_PRE_TOKEN);
  private readonly idOfByte: Int32Array;
  /** Numbers pairs by rank: their places in the order of learning. */
  private readonly ranks = new PairTable();
  /** The id that the pair of each rank becomes. */
  private readonly results: Int32Array;
  /** The rank of each pair of bytes, most of what is looked up. */
  private readonly byteRanks = new Int32Array(0x10000);
  /** For each of the ids but the last, the rank of the pair that it is the left of. */
  private readonly rankOfPair = new Int32Array(LONGEST_SIMPLE);
  private long: LongMerger | undefined;

  /** @param merges different pairs, in the order of learning */
  constructor(idOfByte: Int32Array, merges: readonly Merge[]) {
    this.idOfByte = idOfByte;
    for (const [rank, { left, right }] of merges.entries()) {
      this.ranks.add(left, right, rank);
    }
    this.results = Int32Array.from(merges, (merge) => merge.result);
    for (let pair = 0; pair < this.byteRanks.length; pair += 1) {
      this.byteRanks[pair] = this.rank(idOfByte[pair >> 8]!, idOfByte[pair & 0xff]!);
    }
  }

  /** Puts the ids of the pre-token `bytes[start, end)` into `ids`; gives their number. */
  merge(bytes: Uint8Array, start: number, end: number): number {
    const { ids, idOfByte } = this;
    const length = end - start;
    for (let i = 0; i < length; i += 1) {
      ids[i] = idOfByte[bytes[start + i]!]!;
    }
    if (length > LONGEST_SIMPLE) {
      this.long ??= new LongMerger(this.ranks, this.results);
      return this.long.merge(ids, length);
    }
    const { rankOfPair, byteRanks } = this;
    for (let i = 1; i < length; i += 1) {
      rankOfPair[i - 1] = byteRanks[(bytes[start + i - 1]! << 8) | bytes[start + i]!]!;
    }
    return this.mergeShort(length);
  }

  private mergeShort(length: number): number {
    const { ids, rankOfPair } = this;
    let pairs = length - 1;
    for (;;) {
      let lowest = NO_RANK;
      let at = 0;
      for (let i = 0; i < pairs; i += 1) {
        if (rankOfPair[i]! < lowest) {
          lowest = rankOfPair[i]!;
          at = i;
        }
      }
      if (lowest === NO_RANK) {
        return pairs + 1;
      }
      const result = this.results[lowest]!;
      ids[at] = result;
      pairs -= 1;
      for (let i = at + 1; i <= pairs; i += 1) {
        ids[i] = ids[i + 1]!;
        rankOfPair[i - 1] = rankOfPair[i]!;
      }
      if (at > 0) {
        rankOfPair[at - 1] = this.rank(ids[at - 1]!, result);
      }
      if (at < pairs) {
        rankOfPair[at] = this.rank(result, ids[at + 1]!);
      }
    }
  }

  private rank(left: number, right: number): number {
    const rank = this.ranks.find(left, right);
    return rank < 0 ? NO_RANK : rank;
  }
}
