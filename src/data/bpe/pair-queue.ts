import { doubled } from './growing.ts';
import { Heap } from './heap.ts';
import type { PairCounts } from './pair-counts.ts';
import type { WordList } from './word-lists.ts';

const NO_WORDS = new Int32Array();

/**
 * Pairs with the words that have them: the one that occurs most often comes first, and of equally
 * frequent ones that of the smaller ids. A pair may be in it several times, with different words.
 */
export class PairQueue {
  private readonly pairs: PairCounts;
  /** By number of the entry: its pair, the pair's count when last looked at, and its words. */
  private entryPairs = new Int32Array(1024);
  private entryCounts = new Float64Array(1024);
  private entryBlocks = new Int32Array(1024);
  private entryStarts = new Uint32Array(1024);
  private entryEnds = new Uint32Array(1024);
  private entries = 0;
  /** Arrays of words, and how many of the entries in the queue have theirs in each. */
  private readonly blocks: Int32Array[] = [];
  private readonly blockEntries: number[] = [];
  private readonly heap = new Heap((a, b) => this.isBefore(a, b));

  constructor(pairs: PairCounts) {
    this.pairs = pairs;
  }

  push({ pair, words, start, end }: WordList): void {
    const entry = this.entries;
    this.entries += 1;
    if (entry === this.entryPairs.length) {
      this.entryPairs = doubled(this.entryPairs);
      this.entryCounts = doubled(this.entryCounts);
      this.entryBlocks = doubled(this.entryBlocks);
      this.entryStarts = doubled(this.entryStarts);
      this.entryEnds = doubled(this.entryEnds);
    }
    const block = this.blockOf(words);
    this.blockEntries[block]! += 1;
    this.entryPairs[entry] = pair;
    this.entryCounts[entry] = this.pairs.counts[pair]!;
    this.entryBlocks[entry] = block;
    this.entryStarts[entry] = start;
    this.entryEnds[entry] = end;
    this.heap.push(entry);
  }

  /** Takes out the first pair, with the words of one entry; undefined: there is none. */
  pop(): WordList | undefined {
    while (this.heap.size > 0) {
      const entry = this.heap.pop();
      const pair = this.entryPairs[entry]!;
      const count = this.pairs.counts[pair]!;
      if (this.entryCounts[entry] === count) {
        const words = this.release(this.entryBlocks[entry]!);
        return { pair, words, start: this.entryStarts[entry]!, end: this.entryEnds[entry]! };
      }
      this.entryCounts[entry] = count;
      this.heap.push(entry);
    }
    return undefined;
  }

  private blockOf(words: Int32Array): number {
    if (this.blocks.at(-1) !== words) {
      this.blocks.push(words);
      this.blockEntries.push(0);
    }
    return this.blocks.length - 1;
  }

  /** The words of a block, which is kept no longer than entries need it. */
  private release(block: number): Int32Array {
    const words = this.blocks[block]!;
    this.blockEntries[block]! -= 1;
    if (this.blockEntries[block] === 0) {
      this.blocks[block] = NO_WORDS;
    }
    return words;
  }

  private isBefore(a: number, b: number): boolean {
    const difference = this.entryCounts[a]! - this.entryCounts[b]!;
    if (difference !== 0) {
      return difference > 0;
    }
    const { lefts, rights } = this.pairs;
    const pairA = this.entryPairs[a]!;
    const pairB = this.entryPairs[b]!;
    return (lefts[pairA]! - lefts[pairB]! || rights[pairA]! - rights[pairB]!) < 0;
  }
}
