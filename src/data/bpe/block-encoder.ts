import type { TokenBuffer } from '../token-buffer.ts';
import type { TokenEncoder } from '../tokenizer-types.ts';

/** Bytes after which a block is best cut: line ends, and if there is none, other white space. */
const LINE_END = 0x0a;
const SPACES = new Set([0x20, 0x09, 0x0d]);

/**
 * Hands text over in blocks: a document whole if it has at most `blockBytes`, otherwise cut after the
 * last line end within as many bytes, or else after white space, or else between characters.
 */
export class BlockEncoder implements TokenEncoder {
  private readonly encode: (text: string) => readonly number[];
  private readonly blockBytes: number;
  private buffer = Buffer.alloc(1 << 12);
  private length = 0;

  constructor(blockBytes: number, encode: (text: string) => readonly number[]) {
    this.blockBytes = blockBytes;
    this.encode = encode;
  }

  write(bytes: Uint8Array, out: TokenBuffer): void {
    for (let start = 0; start < bytes.length; ) {
      if (this.length === this.blockBytes) {
        this.take(cutOf(this.buffer.subarray(0, this.length)), out);
      }
      const end = Math.min(start + this.blockBytes - this.length, bytes.length);
      this.reserve(this.length + end - start);
      this.buffer.set(bytes.subarray(start, end), this.length);
      this.length += end - start;
      start = end;
    }
  }

  end(out: TokenBuffer): void {
    this.take(this.length, out);
  }

  /** Encodes the first `count` bytes. */
  private take(count: number, out: TokenBuffer): void {
    if (count > 0) {
      const ids = this.encode(this.buffer.toString('utf8', 0, count));
      out.reserve(ids.length);
      out.ids.set(ids, out.length);
      out.length += ids.length;
      this.buffer.copyWithin(0, count, this.length);
      this.length -= count;
    }
  }

  private reserve(length: number): void {
    if (length > this.buffer.length) {
      const longer = Buffer.alloc(
        Math.min(Math.max(2 * this.buffer.length, length), this.blockBytes),
      );
      longer.set(this.buffer.subarray(0, this.length));
      this.buffer = longer;
    }
  }
}

/** Where to cut a block that is full. */
function cutOf(block: Uint8Array): number {
  const lineEnd = block.lastIndexOf(LINE_END);
  if (lineEnd >= 0) {
    return lineEnd + 1;
  }
  const space = block.findLastIndex((byte) => SPACES.has(byte));
  if (space >= 0) {
    return space + 1;
  }
  let cut = block.length;
  // Go back before a character that may be cut: at most three bytes of it are there.
  for (let back = 1; back <= 3; back += 1) {
    const byte = block[block.length - back]!;
    if (byte >= 0xc0) {
      cut = block.length - back;
    }
    if ((byte & 0xc0) !== 0x80) break;
  }
  return cut;
}
