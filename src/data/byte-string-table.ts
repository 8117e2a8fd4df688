/**
 * Numbers byte strings in the order in which they are first seen: a hash table whose keys lie one
 * after the other in one buffer, so that millions of words take a few dozen bytes each and looking one
 * up makes no string.
 */

/**
 * The hash is FNV-1a, 32 bits: of no bytes, EMPTY_HASH, and of one more byte,
 * `Math.imul(hash ^ byte, HASH_PRIME)`. Loops write that out, since a call may take longer than all else.
 */
export const EMPTY_HASH = 0x811c9dc5 | 0;
export const HASH_PRIME = 0x01000193;

/** The hash of `bytes[start, end)`, for {@link ByteStringTable}. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = EMPTY_HASH;
  for (let i = start; i < end; i += 1) {
    hash = Math.imul(hash ^ bytes[i]!, HASH_PRIME);
  }
  return hash;
}

const FIRST_SLOTS = 1 << 12;
const FIRST_BYTES = 1 << 15;

export class ByteStringTable {
  /** Strings in the table; their indices are 0 … size − 1. */
  size = 0;
  /** Each slot holds an index + 1, or 0 if it is free; a power of two, at most half of them taken. */
  private slots = new Int32Array(FIRST_SLOTS);
  private hashes = new Int32Array(FIRST_SLOTS / 2);
  /** String i is bytes[starts[i], starts[i + 1]). */
  private starts = new Uint32Array(FIRST_SLOTS / 2 + 1);
  private bytes = new Uint8Array(FIRST_BYTES);

  /** The index of `bytes[start, end)`, or −1; `hash` is its hash by {@link hashBytes}. */
  find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const mask = this.slots.length - 1;
    for (let slot = mix(hash) & mask; ; slot = (slot + 1) & mask) {
      const index = this.slots[slot]! - 1;
      if (index < 0) {
        return -1;
      }
      if (this.hashes[index] === hash && this.equals(index, bytes, start, end)) {
        return index;
      }
    }
  }

  /** The index of `bytes[start, end)`, which is put in if it is not there yet. */
  add(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const mask = this.slots.length - 1;
    let slot = mix(hash) & mask;
    for (; ; slot = (slot + 1) & mask) {
      const index = this.slots[slot]! - 1;
      if (index < 0) {
        break;
      }
      if (this.hashes[index] === hash && this.equals(index, bytes, start, end)) {
        return index;
      }
    }
    const index = this.size;
    this.append(bytes, start, end);
    this.hashes[index] = hash;
    this.slots[slot] = index + 1;
    this.size += 1;
    if (this.size === this.hashes.length) {
      this.grow();
    }
    return index;
  }

  /** The length of all strings together. */
  get byteLength(): number {
    return this.starts[this.size]!;
  }

  /** The string of `index`: a view of the table's own bytes, to be read before the next `add`. */
  at(index: number): Uint8Array {
    return this.bytes.subarray(this.starts[index]!, this.starts[index + 1]!);
  }

  private equals(index: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.starts[index]!;
    const length = end - start;
    if (this.starts[index + 1]! - from !== length) {
      return false;
    }
    const own = this.bytes;
    for (let i = 0; i < length; i += 1) {
      if (own[from + i] !== bytes[start + i]) {
        return false;
      }
    }
    return true;
  }

  private append(bytes: Uint8Array, start: number, end: number): void {
    const from = this.starts[this.size]!;
    const to = from + end - start;
    if (to > this.bytes.length) {
      const longer = new Uint8Array(Math.max(2 * this.bytes.length, to));
      longer.set(this.bytes.subarray(0, from));
      this.bytes = longer;
    }
    this.bytes.set(bytes.subarray(start, end), from);
    this.starts[this.size + 1] = to;
  }

  private grow(): void {
    const slots = new Int32Array(2 * this.slots.length);
    const mask = slots.length - 1;
    const hashes = new Int32Array(slots.length / 2);
    hashes.set(this.hashes);
    const starts = new Uint32Array(slots.length / 2 + 1);
    starts.set(this.starts);
    for (let index = 0; index < this.size; index += 1) {
      let slot = mix(hashes[index]!) & mask;
      while (slots[slot] !== 0) {
        slot = (slot + 1) & mask;
      }
      slots[slot] = index + 1;
    }
    this.slots = slots;
    this.hashes = hashes;
    this.starts = starts;
  }
}

/** Spreads a hash over its low bits, which choose the slot. */
function mix(hash: number): number {
  const h = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return h ^ (h >>> 15);
}
