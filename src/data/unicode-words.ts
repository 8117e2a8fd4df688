import { EMPTY_HASH, HASH_PRIME, hashBytes } from './byte-string-table.ts';
import { SegmentCache } from './segment-cache.ts';
import { whiteSpaceBytes } from './white-space.ts';
import type { TextPiece, WordSink, WordSplitter } from './word-splitter.ts';

const SPACE = 0x20;
const LINE_FEED = 0x0a;
/** Bytes without a space or a line end that are divided at once; there may be any number. */
const STRETCH_BYTES = 8192;

/**
 * Words by Unicode's rules (UAX #29) and, for Chinese, Japanese, Thai and others that write no spaces,
 * by dictionaries. Words, punctuation and white space are all pieces, so that the pieces of a text make
 * it up again:
 *
 * - each `\n` is a line end;
 * - each stretch between ASCII spaces and line ends is divided by `Intl.Segmenter`; one longer than
 *   8,192 bytes is first cut after the last whole character within so many, and so is the rest of it;
 * - a single space before a stretch belongs to its first piece, unless that begins with white space;
 * - all other spaces in a row are one piece.
 *
 * The rules and dictionaries are those of the ICU in Node: another version may divide a few texts
 * differently.
 */
export class UnicodeSplitter implements WordSplitter {
  private readonly longest: number;
  private readonly segments = new SegmentCache();
  /** Spaces before the stretch that comes next. */
  private spaces = 0;
  /** A space, and the beginning of a stretch that may go on in the bytes to come. */
  private readonly held = new Uint8Array(1 + STRETCH_BYTES).fill(SPACE);
  private heldEnd = 1;
  private blank = new Uint8Array(16).fill(SPACE);

  /** @param longest the bytes of the longest piece that is not a long word */
  constructor(longest: number) {
    this.longest = longest;
  }

  write(bytes: Uint8Array, sink: WordSink): void {
    const { length } = bytes;
    let start = 0;
    let hash = EMPTY_HASH;
    for (let i = 0; i < length; i += 1) {
      const byte = bytes[i]!;
      if (byte !== SPACE && byte !== LINE_FEED) {
        hash = Math.imul(hash ^ byte, HASH_PRIME);
        continue;
      }
      if (start === 0 || i - start > STRETCH_BYTES) {
        this.hold(bytes, start, i, sink);
        this.giveHeld(sink);
      } else if (start < i) {
        this.giveStretch(bytes, start, i, hash, sink);
      }
      if (byte === SPACE) {
        this.spaces += 1;
      } else {
        this.giveSpaces(0, sink);
        sink.lineEnd();
      }
      start = i + 1;
      hash = EMPTY_HASH;
    }
    this.hold(bytes, start, length, sink);
  }

  end(sink: WordSink): void {
    this.giveHeld(sink);
    this.giveSpaces(0, sink);
  }

  /** Puts `bytes[start, end)` behind what is held back, giving `sink` all full stretches. */
  private hold(bytes: Uint8Array, start: number, end: number, sink: WordSink): void {
    const { held } = this;
    let from = start;
    while (this.heldEnd + end - from > held.length) {
      let to = from + held.length - this.heldEnd;
      for (let back = 0; back < 3 && to > from && (bytes[to]! & 0xc0) === 0x80; back += 1) {
        to -= 1;
      }
      held.set(bytes.subarray(from, to), this.heldEnd);
      this.heldEnd += to - from;
      this.giveHeld(sink);
      from = to;
    }
    held.set(bytes.subarray(from, end), this.heldEnd);
    this.heldEnd += end - from;
  }

  private giveHeld(sink: WordSink): void {
    const { held, heldEnd } = this;
    if (heldEnd > 1) {
      this.heldEnd = 1;
      this.giveStretch(held, 1, heldEnd, hashBytes(held, 1, heldEnd), sink);
    }
  }

  /** Gives `sink` the pieces of `bytes[start, end)`; if there were spaces, one is at `start − 1`. */
  private giveStretch(
    bytes: Uint8Array,
    start: number,
    end: number,
    hash: number,
    sink: WordSink,
  ): void {
    let from = start;
    if (this.spaces > 0) {
      const joined = whiteSpaceBytes(bytes, start) > 0 ? 0 : 1;
      this.giveSpaces(joined, sink);
      from -= joined;
    }
    let next = this.segments.divide(bytes, start, end, hash);
    const { ends } = this.segments;
    while (from < end) {
      const to = start + ends[next]!;
      next += 1;
      if (to - from > this.longest) {
        sink.longWord();
      } else {
        sink.word(bytes, from, to, hashBytes(bytes, from, to));
      }
      from = to;
    }
  }

  /** Gives `sink` the spaces that came before, but for the last `kept`. */
  private giveSpaces(kept: number, sink: WordSink): void {
    const count = this.spaces - kept;
    this.spaces = 0;
    if (count > this.longest) {
      sink.longWord();
    } else if (count > 0) {
      if (count > this.blank.length) {
        this.blank = new Uint8Array(2 * count).fill(SPACE);
      }
      sink.word(this.blank, 0, count, hashBytes(this.blank, 0, count));
    }
  }
}

/** The pieces of a whole text but for line ends, and the code units at which they begin. */
export function unicodePieces(text: string): TextPiece[] {
  const bytes = Buffer.from(text);
  const splitter = new UnicodeSplitter(bytes.length);
  const pieces: TextPiece[] = [];
  let index = 0;
  const sink: WordSink = {
    word(from, start, end) {
      const piece = Buffer.from(from.subarray(start, end)).toString();
      pieces.push({ piece, index });
      index += piece.length;
    },
    longWord() {},
    lineEnd() {
      index += 1;
    },
  };
  splitter.write(bytes, sink);
  splitter.end(sink);
  return pieces;
}
