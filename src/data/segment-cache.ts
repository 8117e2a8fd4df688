import { ByteStringTable } from './byte-string-table.ts';

/** The language is fixed, so that words do not depend on the user's. */
const SEGMENTER = new Intl.Segmenter('en', { granularity: 'word' });

/** Longer texts hardly come again. */
const CACHED_BYTES = 64;
const CACHED_TEXTS = 1 << 16;

/** Divides text by `Intl.Segmenter`, which is slow, and remembers short texts. */
export class SegmentCache {
  /** Where words end, from the beginning of their text: for one text after the other. */
  ends = new Uint32Array(1 << 16);
  private texts = new ByteStringTable();
  /** Where in `ends` the words of each of `texts` begin, and where those of the next one will. */
  private readonly firsts = new Uint32Array(CACHED_TEXTS + 1);

  /**
   * Where in `ends` the words of the UTF-8 `bytes[start, end)` begin, until the next call. The last one
   * is `end − start`, and there is one. `hash` is that of hashBytes.
   */
  divide(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const isShort = end - start <= CACHED_BYTES;
    const known = isShort ? this.texts.find(bytes, start, end, hash) : -1;
    if (known >= 0) {
      return this.firsts[known]!;
    }
    if (this.texts.size === CACHED_TEXTS) {
      this.texts = new ByteStringTable();
    }
    const { size } = this.texts;
    const first = this.firsts[size]!;
    const next = this.segment(bytes, start, end, first);
    if (isShort) {
      this.texts.add(bytes, start, end, hash);
      this.firsts[size + 1] = next;
    }
    return first;
  }

  /** Puts the ends of the words of `bytes[start, end)` into `ends` from `first` on; returns where to go on. */
  private segment(bytes: Uint8Array, start: number, end: number, first: number): number {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
    if (first + text.length > this.ends.length) {
      const longer = new Uint32Array(2 * this.ends.length + text.length);
      longer.set(this.ends);
      this.ends = longer;
    }
    let next = first;
    let length = 0;
    for (const { segment } of SEGMENTER.segment(text)) {
      // Bytes that are no UTF-8 may come to more as characters than they are.
      length = Math.min(length + Buffer.byteLength(segment), end - start);
      this.ends[next] = length;
      next += 1;
    }
    this.ends[next - 1] = end - start;
    return next;
  }
}
