import { hashBytes } from './byte-string-table.ts';
import { isWhiteSpace } from './white-space.ts';
import type { WordSink, WordSplitter } from './word-splitter.ts';

/** Code units that are divided into words at once; a line may have any number. */
const SPAN_UNITS = 8192;
const BYTES_A_UNIT = 3;

/** The language is fixed, so that words do not depend on the user's. */
const SEGMENTER = new Intl.Segmenter('en', { granularity: 'word' });

/**
 * Words by Unicode's rules (UAX #29) and, for Chinese, Japanese, Thai and others that write no spaces,
 * dictionaries. Words, punctuation and white space are all pieces, so that the pieces of a text make it
 * up again:
 *
 * - each `\n` is a line end, and no piece goes beyond one;
 * - a single ASCII space before a piece that is not white space belongs to that piece;
 * - other white space is a piece of its own, as far as the rules keep it together.
 *
 * A line longer than 8,192 UTF-16 code units is first divided before the last white space within its
 * first 8,192, or after these if there is none, but never inside a surrogate pair; and so is the rest
 * of it again.
 *
 * The rules and dictionaries are those of the ICU in Node: another version may divide a few texts
 * differently.
 */
export class UnicodeSplitter implements WordSplitter {
  /** The beginning of a line that goes on in the bytes to come: no more than a span. */
  private held = '';
  private readonly longest: number;
  private readonly piece = new Uint8Array(SPAN_UNITS * BYTES_A_UNIT);

  /** @param longest the bytes of the longest piece that is not a long word */
  constructor(longest: number) {
    this.longest = longest;
  }

  write(bytes: Uint8Array, sink: WordSink): void {
    const { buffer, byteOffset, byteLength } = bytes;
    const text = this.held + Buffer.from(buffer, byteOffset, byteLength).toString();
    let start = 0;
    for (;;) {
      const lineFeed = text.indexOf('\n', start);
      const lineEnd = lineFeed < 0 ? text.length : lineFeed;
      while (lineEnd - start > SPAN_UNITS) {
        const end = spanEnd(text, start, lineEnd);
        this.divide(text.slice(start, end), sink);
        start = end;
      }
      if (lineFeed < 0) {
        break;
      }
      this.divide(text.slice(start, lineEnd), sink);
      sink.lineEnd();
      start = lineEnd + 1;
    }
    this.held = text.slice(start);
  }

  end(sink: WordSink): void {
    this.divide(this.held, sink);
    this.held = '';
  }

  private divide(span: string, sink: WordSink): void {
    visitPieces(span, (start, end) => this.give(span, start, end, sink));
  }

  /** Gives `sink` the piece `span[start, end)`, which has no lone surrogates. */
  private give(span: string, start: number, end: number, sink: WordSink): void {
    const { piece } = this;
    let length = 0;
    for (let i = start; i < end; i += 1) {
      const unit = span.charCodeAt(i);
      if (unit < 0x80) {
        piece[length] = unit;
        length += 1;
        continue;
      }
      const codePoint = span.codePointAt(i)!;
      if (codePoint < 0x800) {
        piece[length] = 0xc0 | (codePoint >> 6);
        length += 1;
      } else {
        if (codePoint < 0x10000) {
          piece[length] = 0xe0 | (codePoint >> 12);
          length += 1;
        } else {
          piece[length] = 0xf0 | (codePoint >> 18);
          piece[length + 1] = 0x80 | ((codePoint >> 12) & 0x3f);
          length += 2;
          i += 1;
        }
        piece[length] = 0x80 | ((codePoint >> 6) & 0x3f);
        length += 1;
      }
      piece[length] = 0x80 | (codePoint & 0x3f);
      length += 1;
    }
    if (length > this.longest) {
      sink.longWord();
    } else {
      sink.word(piece, 0, length, hashBytes(piece, 0, length));
    }
  }
}

/** The pieces of a whole text but for line ends, and the code units at which they begin. */
export function* unicodePieces(text: string): Generator<{ piece: string; index: number }> {
  let start = 0;
  for (const line of text.split('\n')) {
    const lineEnd = start + line.length;
    while (start < lineEnd) {
      const end = spanEnd(text, start, lineEnd);
      const span = text.slice(start, end);
      const bounds: [number, number][] = [];
      visitPieces(span, (from, to) => bounds.push([from, to]));
      for (const [from, to] of bounds) {
        yield { piece: span.slice(from, to), index: start + from };
      }
      start = end;
    }
    start = lineEnd + 1;
  }
}

/** Where the span of `text` ends that begins at `start`, in a line that goes on until `lineEnd`. */
function spanEnd(text: string, start: number, lineEnd: number): number {
  const end = start + SPAN_UNITS;
  if (lineEnd <= end) {
    return lineEnd;
  }
  for (let i = end - 1; i > start; i -= 1) {
    if (isWhiteSpace(text.charCodeAt(i))) {
      return i;
    }
  }
  const unit = text.charCodeAt(end - 1);
  return unit >= 0xd800 && unit <= 0xdbff ? end - 1 : end;
}

/** Calls `visit` with the bounds of each piece of `span` in turn. */
function visitPieces(span: string, visit: (start: number, end: number) => void): void {
  // Where white space begins that is a piece of its own, or gives its last space to the next piece.
  let waiting = 0;
  for (const { segment, index } of SEGMENTER.segment(span)) {
    const end = index + segment.length;
    if (isAllWhiteSpace(segment)) {
      if (waiting < index) {
        visit(waiting, index);
      }
      waiting = index;
      continue;
    }
    const start = waiting < index && span.charCodeAt(index - 1) === 0x20 ? index - 1 : index;
    if (waiting < start) {
      visit(waiting, start);
    }
    visit(start, end);
    waiting = end;
  }
  if (waiting < span.length) {
    visit(waiting, span.length);
  }
}

function isAllWhiteSpace(segment: string): boolean {
  for (let i = 0; i < segment.length; i += 1) {
    if (!isWhiteSpace(segment.charCodeAt(i))) {
      return false;
    }
  }
  return true;
}
