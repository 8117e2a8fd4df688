import { ByteStringTable, hashBytes } from '../byte-string-table.ts';
import { doubled } from './growing.ts';
import type { Words } from './learn-merges.ts';
import type { PreTokenSink } from './pre-tokenizer.ts';

/** How much {@link WordCounts} keeps at most. */
export interface WordLimits {
  readonly words: number;
  /** The bytes of all words together. */
  readonly bytes: number;
}

/**
 * Counts distinct words, which are pre-tokens. When there are more than the limits allow, the rarest so
 * far are forgotten, so many that half of the room is free.
 */
export class WordCounts implements PreTokenSink {
  /** The highest count at which words were forgotten; 0: none ever was. */
  forgotten = 0;
  private readonly limits: WordLimits;
  private table = new ByteStringTable();
  private counts = new Float64Array(1024);
  private bytes = 0;

  constructor(limits: WordLimits) {
    this.limits = limits;
  }

  take(bytes: Uint8Array, ends: Int32Array, count: number): void {
    let start = 0;
    for (let i = 0; i < count; i += 1) {
      const end = ends[i]!;
      this.add(bytes, start, end, 1);
      if (this.table.size > this.limits.words || this.bytes > this.limits.bytes) {
        this.forget();
      }
      start = end;
    }
  }

  /**
   * The words as learning takes them, with `idOfByte` for each byte; words of one byte teach nothing.
   * None are left here.
   */
  takeWords(idOfByte: Int32Array, idsFitIn16Bits: boolean): Words {
    const { table, counts } = this;
    const starts = new Uint32Array(table.size + 1);
    const symbols = new (idsFitIn16Bits ? Uint16Array : Uint32Array)(this.bytes);
    const kept = new Float64Array(table.size);
    let size = 0;
    for (let index = 0; index < table.size; index += 1) {
      const bytes = table.at(index);
      if (bytes.length > 1) {
        let at = starts[size]!;
        for (const byte of bytes) {
          symbols[at] = idOfByte[byte]!;
          at += 1;
        }
        kept[size] = counts[index]!;
        size += 1;
        starts[size] = at;
      }
    }
    this.empty();
    return { symbols, starts: starts.subarray(0, size + 1), counts: kept.subarray(0, size) };
  }

  private add(bytes: Uint8Array, start: number, end: number, times: number): void {
    const { size } = this.table;
    const index = this.table.add(bytes, start, end, hashBytes(bytes, start, end));
    if (index === size) {
      this.bytes += end - start;
      if (index === this.counts.length) {
        this.counts = doubled(this.counts);
      }
      this.counts[index] = 0;
    }
    this.counts[index]! += times;
  }

  private forget(): void {
    const { table, counts } = this;
    const threshold = this.threshold();
    this.forgotten = Math.max(this.forgotten, threshold);
    this.empty();
    for (let index = 0; index < table.size; index += 1) {
      if (counts[index]! > threshold) {
        const bytes = table.at(index);
        this.add(bytes, 0, bytes.length, counts[index]!);
      }
    }
  }

  private empty(): void {
    this.table = new ByteStringTable();
    this.counts = new Float64Array(1024);
    this.bytes = 0;
  }

  /** A count, the lower the better, such that forgetting words up to it frees half of the room. */
  private threshold(): number {
    const { table, counts, limits } = this;
    const sorted = counts.slice(0, table.size).sort();
    for (let left = Math.floor(Math.min(table.size, limits.words) / 2); ; left >>= 1) {
      const threshold = sorted[table.size - 1 - left]!;
      let bytes = 0;
      for (let index = 0; index < table.size; index += 1) {
        if (counts[index]! > threshold) {
          bytes += table.at(index).length;
        }
      }
      if (2 * bytes <= limits.bytes) {
        return threshold;
      }
    }
  }
}
