/** Numbers the n-grams of one order by what they extend: typed arrays, a few dozen bytes an n-gram. */

const FIRST_SLOTS = 1 << 12;

/**
 * A hash table from (prefix, token) to an id; ids are 0 … size − 1 in the order of coming. The prefix is
 * the id, in the table of the order below, of all tokens of the n-gram but its last.
 */
export class GramTable {
  /** N-grams in the table. */
  size = 0;
  /** How often each n-gram counts, by id; what that means is its user's to say. */
  counts = new Int32Array(FIRST_SLOTS / 2);
  #prefixes = new Int32Array(FIRST_SLOTS / 2);
  #tokens = new Int32Array(FIRST_SLOTS / 2);
  /** An id + 1, or 0 if the slot is free. A power of two, at least twice the number of n-grams. */
  #slots = new Int32Array(FIRST_SLOTS);

  prefixOf(id: number): number {
    return this.#prefixes[id]!;
  }

  /** The id of the n-gram, or −1. */
  find(prefix: number, token: number): number {
    return this.#slots[this.#slotOf(prefix, token)]! - 1;
  }

  /** The id of the n-gram, which is put in with a count of 0 if it is not there yet. */
  add(prefix: number, token: number): number {
    const slot = this.#slotOf(prefix, token);
    const found = this.#slots[slot]! - 1;
    if (found >= 0) return found;
    const id = this.size;
    this.#prefixes[id] = prefix;
    this.#tokens[id] = token;
    this.#slots[slot] = id + 1;
    this.size += 1;
    if (2 * this.size === this.#slots.length) this.#grow();
    return id;
  }

  /** The slot of the n-gram, or the free one for it. */
  #slotOf(prefix: number, token: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash(prefix, token) & mask;
    for (;;) {
      const id = this.#slots[slot]! - 1;
      if (id < 0 || (this.#prefixes[id] === prefix && this.#tokens[id] === token)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    const { length } = this.#slots;
    this.counts = lengthened(this.counts, length);
    this.#prefixes = lengthened(this.#prefixes, length);
    this.#tokens = lengthened(this.#tokens, length);
    this.#slots = new Int32Array(2 * length);
    for (let id = 0; id < this.size; id++) {
      this.#slots[this.#slotOf(this.#prefixes[id]!, this.#tokens[id]!)] = id + 1;
    }
  }
}

function lengthened(values: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(length);
  longer.set(values);
  return longer;
}

/** Both numbers mixed by MurmurHash3's finaliser, so that runs of ids spread over the table. */
function hash(prefix: number, token: number): number {
  let x = Math.imul(prefix, 0x9e3779b1) ^ Math.imul(token, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
