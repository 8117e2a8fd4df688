import { ByteStringTable, hashBytes } from '../byte-string-table.ts';
import { lowercaseUtf8 } from '../lowercase.ts';
import { TokenBuffer } from '../token-buffer.ts';
import type { TokenEncoder } from '../tokenizer-types.ts';
import { doubled } from './growing.ts';
import type { Merger } from './merger.ts';
import { PreTokenizer, type PreTokenSink } from './pre-tokenizer.ts';

/** Longer pre-tokens are rare, and seldom the same. */
const LONGEST_CACHED = 128;
/** What the cache may hold before it is emptied. Its ids, of four bytes, are no more than the bytes. */
const CACHED_PRE_TOKENS = 1 << 20;
const CACHED_BYTES = 1 << 24;

/** Divides text into pre-tokens and merges each; the ids of those it has seen it knows. */
export class BpeEncoder implements TokenEncoder {
  private readonly lowercase: boolean;
  private readonly cache: MergeCache;
  private readonly preTokenizer: PreTokenizer;

  constructor(merger: Merger, lowercase: boolean) {
    this.lowercase = lowercase;
    this.cache = new MergeCache(merger);
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

class MergeCache implements PreTokenSink {
  out = new TokenBuffer();
  private readonly merger: Merger;
  private preTokens = new ByteStringTable();
  /** Those of number i are ids[starts[i], starts[i + 1]). */
  private ids = new Int32Array(1 << 12);
  private starts = new Int32Array(1 << 12);
  private bytes = 0;

  constructor(merger: Merger) {
    this.merger = merger;
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
        const index = this.indexOf(bytes, start, end);
        const { ids } = this;
        const last = this.starts[index + 1]!;
        for (let at = this.starts[index]!; at < last; at += 1) {
          target[length] = ids[at]!;
          length += 1;
        }
      }
      start = end;
    }
    out.length = length;
  }

  private indexOf(bytes: Uint8Array, start: number, end: number): number {
    const { size } = this.preTokens;
    const index = this.preTokens.add(bytes, start, end, hashBytes(bytes, start, end));
    if (index < size) {
      return index;
    }
    this.bytes += end - start;
    if (size === CACHED_PRE_TOKENS || this.bytes > CACHED_BYTES) {
      this.preTokens = new ByteStringTable();
      this.bytes = 0;
      return this.indexOf(bytes, start, end);
    }
    const first = this.starts[size]!;
    const count = this.merger.merge(bytes, start, end);
    if (first + count > this.ids.length) {
      this.ids = doubled(this.ids);
    }
    this.ids.set(this.merger.ids.subarray(0, count), first);
    if (size + 2 > this.starts.length) {
      this.starts = doubled(this.starts);
    }
    this.starts[size + 1] = first + count;
    return size;
  }
}
