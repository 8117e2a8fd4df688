import { EMPTY_HASH, HASH_PRIME, hashBytes } from './byte-string-table.ts';
import { WHITE_SPACE_LEADS, whiteSpaceBytes } from './white-space.ts';
import type { TextPiece, WordSink, WordSplitter } from './word-splitter.ts';

const LINE_FEED = 0x0a;

/** Words are what stands between white space; each `\n` is a line end. */
export class WhitespaceSplitter implements WordSplitter {
  /** The beginning of a word that may go on in the bytes to come. */
  private readonly held: Uint8Array;
  /** Bytes of that beginning; if there are more than `held` has room for, one more than that. */
  private heldLength = 0;

  /** @param longest the bytes of the longest word that is not a long one */
  constructor(longest: number) {
    this.held = new Uint8Array(longest);
  }

  write(bytes: Uint8Array, sink: WordSink): void {
    const { length } = bytes;
    const longest = this.held.length;
    const leads = WHITE_SPACE_LEADS;
    let start = this.heldLength > 0 ? this.goOnWithHeld(bytes, sink) : 0;
    let hash = EMPTY_HASH;
    for (let i = start; i < length; i += 1) {
      const byte = bytes[i]!;
      const space = leads[byte] === 0 ? 0 : whiteSpaceBytes(bytes, i);
      if (space === 0) {
        hash = Math.imul(hash ^ byte, HASH_PRIME);
        continue;
      }
      if (i - start > longest) {
        sink.longWord();
      } else if (i > start) {
        sink.word(bytes, start, i, hash);
      }
      if (byte === LINE_FEED) {
        sink.lineEnd();
      }
      start = i + space;
      i = start - 1;
      hash = EMPTY_HASH;
    }
    this.hold(bytes, start, length);
  }

  end(sink: WordSink): void {
    const { held, heldLength } = this;
    this.heldLength = 0;
    if (heldLength > held.length) {
      sink.longWord();
    } else if (heldLength > 0) {
      sink.word(held, 0, heldLength, hashBytes(held, 0, heldLength));
    }
  }

  /** Gives `sink` the word that was held back, if it ends in `bytes`; returns where it does. */
  private goOnWithHeld(bytes: Uint8Array, sink: WordSink): number {
    let end = 0;
    while (end < bytes.length && whiteSpaceBytes(bytes, end) === 0) {
      end += 1;
    }
    this.hold(bytes, 0, end);
    if (end < bytes.length) {
      this.end(sink);
    }
    return end;
  }

  private hold(bytes: Uint8Array, start: number, end: number): void {
    const { held, heldLength } = this;
    if (heldLength + end - start > held.length) {
      this.heldLength = held.length + 1;
    } else {
      held.set(bytes.subarray(start, end), heldLength);
      this.heldLength += end - start;
    }
  }
}

/** The words of a whole text, and the code units at which they begin. */
export function* whitespacePieces(text: string): Generator<TextPiece> {
  for (const { 0: piece, index } of text.matchAll(/\S+/g)) {
    yield { piece, index };
  }
}
