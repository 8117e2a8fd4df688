/** Tells whether held-out text was trained on, as where a corpus repeats itself. */

import type { TokenSequence } from './token-sequence.ts';

export interface OverlapOptions {
  /** How many windows of the held-out tokens are looked for at most. Default 1000. */
  readonly windows?: number | undefined;
  /** Tokens of a window. Default 64. */
  readonly length?: number | undefined;
  /** The token of what is unknown, which may be anything. Default none. */
  readonly unknownId?: number | undefined;
}

/**
 * Looks for windows of held-out tokens, evenly spaced and none over another, among training tokens
 * that come in order.
 *
 * Windows are found by a hash of the last `length` tokens that is carried from token to token (Rabin
 * and Karp), and then compared: what is found is there. A window of one token repeated, or of which most is
 * unknown, tells nothing and is left out.
 */
export class OverlapProbe {
  private readonly length: number;
  private readonly probed: number;
  /** The windows that were not found yet, by hash. */
  private readonly missing = new Map<number, Int32Array[]>();
  /** Whether a hash may be one of them. */
  private readonly filter = new Int32Array(FILTER_WORDS);
  /** What the oldest token of a window counts in the hash after it has left: FACTOR ** length. */
  private readonly leavingFactor: number;
  private hash = 0;
  /** The last `length` tokens; zeros, which count nothing, before the first. */
  private readonly last: Int32Array;
  private seen = 0;

  constructor(
    heldOut: TokenSequence,
    { windows = 1000, length = 64, unknownId }: OverlapOptions = {},
  ) {
    this.length = length;
    this.last = new Int32Array(length);
    this.leavingFactor = power(FACTOR, length);
    const count = Math.min(windows, Math.floor(heldOut.length / length));
    let probed = 0;
    for (let i = 0; i < count; i += 1) {
      const window = new Int32Array(length);
      const place = Math.floor((i * (heldOut.length - length)) / Math.max(1, count - 1));
      heldOut.read(place, window);
      const unknown = window.filter((id) => id === unknownId).length;
      if (2 * unknown <= length && window.some((id) => id !== window[0])) {
        const hash = hashOf(window);
        this.missing.set(hash, [...(this.missing.get(hash) ?? []), window]);
        probed += 1;
      }
    }
    this.probed = probed;
    this.fillFilter();
  }

  /** Goes on through the training tokens with `ids`. */
  scan(ids: Int32Array): void {
    if (this.missing.size === 0) {
      return;
    }
    const { length } = this;
    // The tokens that leave the window lie `length` before those that enter: first in `last`.
    const head = Math.min(length, ids.length);
    const joined = new Int32Array(length + head);
    joined.set(this.last);
    joined.set(ids.subarray(0, head), length);
    this.roll(joined, length, length + Math.max(0, length - 1 - this.seen));
    this.roll(ids, head, head);
    this.last.set(ids.length >= length ? ids.subarray(-length) : joined.subarray(-length));
    this.seen += ids.length;
  }

  /** How many windows were looked for, and how many of them were found so far. */
  found(): { probed: number; found: number } {
    const missing = [...this.missing.values()].reduce((sum, windows) => sum + windows.length, 0);
    return { probed: this.probed, found: this.probed - missing };
  }

  /** Takes `tokens` from `start` on, which others precede; no window ends before `first`. */
  private roll(tokens: Int32Array, start: number, first: number): void {
    for (let i = this.next(tokens, start); i < tokens.length; i = this.next(tokens, i + 1)) {
      if (i >= first) {
        this.compare(tokens, i + 1);
      }
    }
  }

  /**
   * Goes on from `start` to a token after which the hash may be a window's, and returns its index, or
   * the end. With anything but arithmetic in its loop it runs at half the speed.
   */
  private next(tokens: Int32Array, start: number): number {
    const { length, filter, leavingFactor } = this;
    let { hash } = this;
    let i = start;
    for (; i < tokens.length; i += 1) {
      const change = (tokens[i]! - Math.imul(tokens[i - length]!, leavingFactor)) | 0;
      hash = (Math.imul(hash, FACTOR) + change) | 0;
      if ((filter[wordOf(hash)]! & bitOf(hash)) !== 0) {
        break;
      }
    }
    this.hash = hash;
    return i;
  }

  /** Crosses off the windows that end at `end` of `tokens`, by the hash that has been reached. */
  private compare(tokens: Int32Array, end: number): void {
    const { hash } = this;
    const windows = this.missing.get(hash);
    if (windows === undefined) {
      return;
    }
    const start = end - this.length;
    const others = windows.filter((window) => window.some((id, i) => id !== tokens[start + i]));
    if (others.length === windows.length) {
      return;
    }
    if (others.length > 0) {
      this.missing.set(hash, others);
    } else {
      this.missing.delete(hash);
      this.fillFilter();
    }
  }

  private fillFilter(): void {
    this.filter.fill(0);
    for (const hash of this.missing.keys()) {
      this.filter[wordOf(hash)]! |= bitOf(hash);
    }
  }
}

/** Odd, so that no token's share of a hash is lost; a prime without a pattern in its bits. */
const FACTOR = 0x9e3779b1 | 0;
/**
 * The filter has a bit for each value of a hash's upper 20 bits, of which a thousandth are set at most:
 * most hashes that are no window's go no further.
 */
const FILTER_WORDS = 2 ** 15;

function wordOf(hash: number): number {
  return hash >>> 17;
}

/** Shifts go by the lowest five bits of what they are shifted by. */
function bitOf(hash: number): number {
  return 1 << (hash >>> 12);
}

/** Σ window[i] · FACTOR ** (length − 1 − i), modulo 2³². */
function hashOf(window: Int32Array): number {
  return window.reduce((hash, id) => (Math.imul(hash, FACTOR) + id) | 0, 0);
}

/** base ** exponent, modulo 2³². */
function power(base: number, exponent: number): number {
  let product = 1;
  for (let i = 0; i < exponent; i += 1) {
    product = Math.imul(product, base);
  }
  return product;
}
