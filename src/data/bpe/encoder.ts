import { ByteStringTable, hashBytes } from '../byte-string-table.ts';
import { lowercaseUtf8 } from '../lowercase.ts';
import { TokenBuffer } from '../token-buffer.ts';
import type { TokenEncoder } from '../tokenizer-types.ts';
import { doubled } from './growing.ts';
import type { Merger } from './merger.ts';
import { PairTable } from './pair-table.ts';
import { PreTokenizer, type PreTokenSink } from './pre-tokenizer.ts';

/** Longer pre-tokens are rare, and seldom the same. */
const LONGEST_CACHED = 128;
/** What the cache may hold before it is emptied. Its ids, of four bytes, are no more than the bytes. */
interface CacheLimits {
  readonly preTokens: number;
  readonly bytes: number;
}
const CACHE_LIMITS: CacheLimits = { preTokens: 1 << 20, bytes: 1 << 24 };

/** Divides text into pre-tokens and merges each; the ids of those it has seen it knows. */
export class BpeEncoder implements TokenEncoder {
  private readonly lowercase: boolean;
  private readonly cache: MergeCache;
  private readonly preTokenizer: PreTokenizer;

  constructor(merger: Merger, lowercase: boolean, limits = CACHE_LIMITS) {
    this.lowercase = lowercase;
    this.cache = new MergeCache(merger, limits);
    this.preTokenizer = new PreTokenizer(this.cache);
  }

  write(bytes: Uint8Array, out: TokenBuffer): void {
    this.cache.out = out;
    this.preTokenizer.write(this.lowercase ? lowercaseUtf8(bytes) : bytes);
  }

  end(out: TokenBuffer): void {
    this.cache.out = out;
    this.preTokenizer.end();
  }
}

/** The masks of the first four and the next three bytes of pre-tokens, by length. */
const FIRST_BYTES = Int32Array.of(0, 0xff, 0xffff, 0xffffff, -1, -1, -1, -1);
const NEXT_BYTES = Int32Array.of(0, 0, 0, 0, 0, 0xff, 0xffff, 0xffffff);
const LONGEST_SHORT = FIRST_BYTES.length - 1;

class MergeCache implements PreTokenSink {
  out = new TokenBuffer();
  private readonly merger: Merger;
  private readonly limits: CacheLimits;
  /** The place of each pre-token: most are short, and two numbers make a key of all their bytes. */
  private short = new PairTable();
  private long = new ByteStringTable();
  private longPlaces = new Int32Array(1 << 12);
  /** At place i are ids[starts[i], starts[i + 1]). */
  private ids = new Int32Array(1 << 12);
  private starts = new Int32Array(1 << 12);
  private places = 0;
  /** Of all the pre-tokens. */
  private bytes = 0;

  constructor(merger: Merger, limits: CacheLimits) {
    this.merger = merger;
    this.limits = limits;
  }

  take(bytes: Uint8Array, ends: Int32Array, count: number): void {
    const { out } = this;
    // A token has at least a byte.
    out.reserve(ends[count - 1]!);
    const target = out.ids;
    let { length } = out;
    let start = 0;
    for (let i = 0; i < count; i += 1) {
      const end = ends[i]!;
      if (end - start > LONGEST_CACHED) {
        const merged = this.merger.merge(bytes, start, end);
        target.set(this.merger.ids.subarray(0, merged), length);
        length += merged;
      } else {
        const place =
          end - start > LONGEST_SHORT
            ? this.placeOfLong(bytes, start, end)
            : this.placeOfShort(bytes, start, end);
        const { ids } = this;
        const last = this.starts[place + 1]!;
        for (let at = this.starts[place]!; at < last; at += 1) {
          target[length] = ids[at]!;
          length += 1;
        }
      }
      start = end;
    }
    out.length = length;
  }

  private placeOfShort(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    const first =
      bytes[start]! |
      (bytes[start + 1]! << 8) |
      (bytes[start + 2]! << 16) |
      (bytes[start + 3]! << 24);
    const next = bytes[start + 4]! | (bytes[start + 5]! << 8) | (bytes[start + 6]! << 16);
    const left = first & FIRST_BYTES[length]!;
    const right = (next & NEXT_BYTES[length]!) | (length << 24);
    const place = this.short.find(left, right);
    return place >= 0 ? place : this.short.add(left, right, this.merge(bytes, start, end));
  }

  private placeOfLong(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashBytes(bytes, start, end);
    const found = this.long.find(bytes, start, end, hash);
    if (found >= 0) {
      return this.longPlaces[found]!;
    }
    const place = this.merge(bytes, start, end);
    const index = this.long.add(bytes, start, end, hash);
    if (index === this.longPlaces.length) {
      this.longPlaces = doubled(this.longPlaces);
    }
    this.longPlaces[index] = place;
    return place;
  }

  /** Puts the ids of a pre-token at a new place. */
  private merge(bytes: Uint8Array, start: number, end: number): number {
    this.bytes += end - start;
    if (this.places === this.limits.preTokens || this.bytes > this.limits.bytes) {
      this.short = new PairTable();
      this.long = new ByteStringTable();
      this.places = 0;
      this.bytes = end - start;
    }
    const place = this.places;
    const first = this.starts[place]!;
    const count = this.merger.merge(bytes, start, end);
    if (first + count > this.ids.length) {
      this.ids = doubled(this.ids);
    }
    this.ids.set(this.merger.ids.subarray(0, count), first);
    if (place + 2 > this.starts.length) {
      this.starts = doubled(this.starts);
    }
    this.starts[place + 1] = first + count;
    this.places += 1;
    return place;
  }
}
