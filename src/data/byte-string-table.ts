/**
 * Numbers byte strings in the order in which they are first seen: a hash table whose keys lie one
 * after the other in one buffer, so that millions of words take a few dozen bytes each and looking one
 * up makes no string.
 */

import { randomInt } from 'node:crypto';

/**
 * The hash is FNV-1a, 32 bits: of no bytes, EMPTY_HASH, and of one more byte,
 * `Math.imul(hash ^ byte, HASH_PRIME)`. It begins elsewhere in each process, so that no file can be
 * made whose words all have one hash.
 */
export const EMPTY_HASH: number = randomInt(2 ** 32) | 0;
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
  /** A power of two, at least twice the number of strings. */
  private slotCount = FIRST_SLOTS;
  /** Slot i: at 2i an index + 1, or 0 if it is free, and at 2i + 1 that string's hash. */
  private slots = new Int32Array(2 * FIRST_SLOTS);
  /** String i is bytes[starts[i], starts[i + 1]). */
  private starts = new Uint32Array(FIRST_SLOTS / 2 + 1);
  private bytes = new Uint8Array(FIRST_BYTES);

  /** The index of `bytes[start, end)`, or −1; `hash` is its hash by {@link hashBytes}. */
  find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    return this.slots[2 * this.slotOf(bytes, start, end, hash)]! - 1;
  }

  /** The index of `bytes[start, end)`, which is put in if it is not there yet. */
  add(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const slot = this.slotOf(bytes, start, end, hash);
    const found = this.slots[2 * slot]! - 1;
    if (found >= 0) {
      return found;
    }
    const index = this.size;
    this.append(bytes, start, end);
    this.slots[2 * slot] = index + 1;
    this.slots[2 * slot + 1] = hash;
    this.size += 1;
    if (2 * this.size === this.slotCount) {
      this.grow();
    }
    return index;
  }

  /** The slot of `bytes[start, end)`, or the free one for it. */
  private slotOf(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const { slots } = this;
    const mask = this.slotCount - 1;
    let slot = mix(hash) & mask;
    for (;;) {
      const index = slots[2 * slot]! - 1;
      if (index < 0 || (slots[2 * slot + 1] === hash && this.equals(index, bytes, start, end))) {
        return slot;
      }
      slot = (slot + 1) & mask;
    }
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
    const old = this.slots;
    this.slotCount *= 2;
    const slots = new Int32Array(2 * this.slotCount);
    const mask = this.slotCount - 1;
    for (let from = 0; from < old.length; from += 2) {
      if (old[from] === 0) {
        continue;
      }
      let slot = mix(old[from + 1]!) & mask;
      while (slots[2 * slot] !== 0) {
        slot = (slot + 1) & mask;
      }
      slots[2 * slot] = old[from]!;
      slots[2 * slot + 1] = old[from + 1]!;
    }
    const starts = new Uint32Array(this.slotCount / 2 + 1);
    starts.set(this.starts);
    this.slots = slots;
    this.starts = starts;
  }
}

/** Spreads a hash over its low bits, which choose the slot. */
function mix(hash: number): number {
  const h = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return h ^ (h >>> 15);
}
