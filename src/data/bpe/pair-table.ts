/**
 * Numbers of pairs of ids, or of other integers: a hash table in one typed array, so that a look-up
 * reads one place of it.
 */

const FIRST_SLOTS = 1 << 10;
/** A slot is the left and the right of a pair, and the pair's number + 1, or 0 if it is free. */
const STRIDE = 3;

export class PairTable {
  /** Pairs in the table. */
  size = 0;
  private mask = FIRST_SLOTS - 1;
  private slots = new Int32Array(FIRST_SLOTS * STRIDE);

  /** The number that was given to the pair, or −1. */
  find(left: number, right: number): number {
    const { slots, mask } = this;
    for (let slot = hash(left, right) & mask; ; slot = (slot + 1) & mask) {
      const at = slot * STRIDE;
      if (slots[at] === left && slots[at + 1] === right) {
        return slots[at + 2]! - 1;
      }
      if (slots[at + 2] === 0) {
        return -1;
      }
    }
  }

  /** The number of the pair: `number`, at least 0, if it has none yet. */
  add(left: number, right: number, number: number): number {
    const { slots, mask } = this;
    for (let slot = hash(left, right) & mask; ; slot = (slot + 1) & mask) {
      const at = slot * STRIDE;
      const found = slots[at + 2]!;
      if (found === 0) {
        slots[at] = left;
        slots[at + 1] = right;
        slots[at + 2] = number + 1;
        this.size += 1;
        if (2 * this.size > this.mask) {
          this.grow();
        }
        return number;
      }
      if (slots[at] === left && slots[at + 1] === right) {
        return found - 1;
      }
    }
  }

  private grow(): void {
    const { slots } = this;
    const mask = 2 * this.mask + 1;
    const longer = new Int32Array((mask + 1) * STRIDE);
    for (let from = 0; from < slots.length; from += STRIDE) {
      if (slots[from + 2] !== 0) {
        let slot = hash(slots[from]!, slots[from + 1]!) & mask;
        while (longer[slot * STRIDE + 2] !== 0) {
          slot = (slot + 1) & mask;
        }
        longer.set(slots.subarray(from, from + STRIDE), slot * STRIDE);
      }
    }
    this.slots = longer;
    this.mask = mask;
  }
}

function hash(left: number, right: number): number {
  const mixed = Math.imul(Math.imul(left, 0x9e3779b1) + right, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
