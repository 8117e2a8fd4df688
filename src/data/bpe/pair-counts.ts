import { doubled } from './growing.ts';
import { PairTable } from './pair-table.ts';

/** How often each pair of ids occurs; every pair that was ever counted has a number. */
export class PairCounts {
  /** By number: */
  lefts = new Int32Array(1024);
  rights = new Int32Array(1024);
  counts = new Float64Array(1024);
  private readonly numbers = new PairTable();

  /** Counts a pair `change` more times; gives its number. */
  add(left: number, right: number, change: number): number {
    const { size } = this.numbers;
    const number = this.numbers.add(left, right, size);
    if (number === size) {
      if (size === this.counts.length) {
        this.lefts = doubled(this.lefts);
        this.rights = doubled(this.rights);
        this.counts = doubled(this.counts);
      }
      this.lefts[number] = left;
      this.rights[number] = right;
    }
    this.counts[number]! += change;
    return number;
  }
}
