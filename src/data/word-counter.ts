import { ByteStringTable, hashBytes } from './byte-string-table.ts';
import { mostFrequent } from './vocabulary.ts';
import type { WordSink } from './word-splitter.ts';

const FIRST_COUNTS = 1 << 12;
/** Bytes of words for each that may be counted at once, on the average. */
const BYTES_A_WORD = 16;

/**
 * Counts the distinct words of a text, in memory that has a bound: where there are over `limit` of
 * them, or very long ones, the rarer half is dropped (of equally rare ones, those that came last).
 * What comes again after that is counted from one.
 */
export class WordCounter implements WordSink {
  /** Whether words were dropped, so that counts may be too low. */
  dropped = false;
  private readonly limit: number;
  /** The most words that were counted at once. */
  private most = 0;
  private table = new ByteStringTable();
  private wordCounts = new Float64Array(FIRST_COUNTS);

  /** @param limit the number of distinct words, at least 2 */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** How many distinct words there are; if any were dropped, at least as many. */
  get distinct(): number {
    return Math.max(this.most, this.table.size);
  }

  /** How often each word occurs, in order of first appearance; a view of what goes on being counted. */
  get counts(): Float64Array {
    return this.wordCounts.subarray(0, this.table.size);
  }

  word(bytes: Uint8Array, start: number, end: number, hash: number): void {
    const known = this.table.size;
    const index = this.table.add(bytes, start, end, hash);
    if (index < known) {
      this.wordCounts[index]! += 1;
    } else {
      this.countNew();
    }
  }

  longWord(): void {}

  lineEnd(): void {}

  /** The UTF-8 word of `index`. */
  at(index: number): Uint8Array {
    return this.table.at(index);
  }

  /** Takes no more notice of `word`; gives how often it was counted. */
  leaveOut(word: string): number {
    const bytes = Buffer.from(word);
    const index = this.table.find(bytes, 0, bytes.length, hashBytes(bytes, 0, bytes.length));
    if (index < 0) return 0;
    const found = this.wordCounts[index]!;
    this.wordCounts[index] = 0;
    return found;
  }

  /** Counts the table's last word, which is new. */
  private countNew(): void {
    const { table, wordCounts } = this;
    if (table.size > wordCounts.length) {
      this.wordCounts = new Float64Array(2 * wordCounts.length);
      this.wordCounts.set(wordCounts);
    }
    this.wordCounts[table.size - 1] = 1;
    if (table.size > this.limit || table.byteLength > BYTES_A_WORD * this.limit) {
      this.drop();
    }
  }

  private drop(): void {
    const { table, counts } = this;
    this.dropped = true;
    this.most = this.distinct;
    let share = counts.length;
    let kept: Uint32Array;
    let bytes: number;
    do {
      share = Math.floor(share / 2);
      kept = mostFrequent(counts, share, 1);
      bytes = kept.reduce((sum, index) => sum + table.at(index).length, 0);
    } while (bytes > (BYTES_A_WORD * this.limit) / 2);
    this.table = new ByteStringTable();
    this.wordCounts = new Float64Array(Math.max(counts.length, FIRST_COUNTS));
    for (const index of kept) {
      const word = table.at(index);
      const place = this.table.add(word, 0, word.length, hashBytes(word, 0, word.length));
      this.wordCounts[place] = counts[index]!;
    }
  }
}
