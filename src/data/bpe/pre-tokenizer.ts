/**
 * Divides text as GPT-2 does, before any merging: into contractions, words and numbers with the space
 * before them, runs of other signs, and white space.
 *
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *
 * This is the pattern of Hugging Face's ByteLevel, with the same classes (`character-runs.ts`), for
 * bytes that come a piece at a time. It differs in one point, so that memory has a bound: what would
 * be a pre-token of more than 16,384 bytes is cut there, between characters, and its rest is divided
 * as if the text began with it. Bytes that are no UTF-8 are signs of their own.
 */

import { CHARACTER_CLASSES, OTHER, WHITE_SPACE } from './character-classes.ts';

/** The longest pre-token, in bytes. */
export const LONGEST_PRE_TOKEN = 1 << 14;

/** Takes the pre-tokens of a stretch of text: number i is `bytes[ends[i − 1] or 0, ends[i])`. */
export interface PreTokenSink {
  take(bytes: Uint8Array, ends: Int32Array, count: number): void;
}

/** What is held back, at most a pre-token and a character, is far less than the buffer. */
const BUFFER_BYTES = 1 << 16;

export class PreTokenizer {
  private readonly sink: PreTokenSink;
  /** The text under way: what was held back and what came after it, and room to read beyond. */
  private readonly buffer = new Uint8Array(BUFFER_BYTES + 8);
  private readonly ends = new Int32Array(BUFFER_BYTES);
  private held = 0;

  constructor(sink: PreTokenSink) {
    this.sink = sink;
  }

  /** The next bytes of the text; hands on what is certain after them. */
  write(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; ) {
      const end = Math.min(start + BUFFER_BYTES - this.held, bytes.length);
      this.buffer.set(bytes.subarray(start, end), this.held);
      this.divide(this.held + end - start, false);
      start = end;
    }
  }

  /** The text ends, and another may begin. */
  end(): void {
    this.divide(this.held, true);
  }

  private divide(end: number, isLast: boolean): void {
    const { buffer, ends } = this;
    let count = 0;
    let start = 0;
    while (start < end) {
      const next = preTokenEnd(buffer, start, end, isLast);
      if (next === UNCERTAIN) {
        break;
      }
      ends[count] = next;
      count += 1;
      start = next;
    }
    if (count > 0) {
      this.sink.take(buffer, ends, count);
      buffer.copyWithin(0, start, end);
    }
    this.held = end - start;
  }
}

/** In place of a pre-token's end: what comes after `end` decides. */
const UNCERTAIN = -1;

const APOSTROPHE = 0x27;
const SPACE = 0x20;

/** Where the pre-token that begins at `start` ends; the text is known up to `end`. */
function preTokenEnd(bytes: Uint8Array, start: number, end: number, isLast: boolean): number {
  const first = bytes[start]!;
  if (first === APOSTROPHE) {
    const next = contractionEnd(bytes, start, end, isLast);
    if (next !== start) {
      return next;
    }
  }
  let at = start;
  if (first === SPACE) {
    at += 1;
    if (at === end) {
      return isLast ? end : UNCERTAIN;
    }
  }
  const character = readCharacter(bytes, at, end, isLast);
  if (character === UNCERTAIN) {
    return UNCERTAIN;
  }
  const characterClass = character & CLASS_MASK;
  return characterClass === WHITE_SPACE
    ? whiteSpaceEnd(bytes, start, end, isLast)
    : runEnd(bytes, start, at + (character >> CLASS_BITS), end, characterClass, isLast);
}

/** Where the contraction ends that the apostrophe at `start` begins; `start` if it begins none. */
function contractionEnd(bytes: Uint8Array, start: number, end: number, isLast: boolean): number {
  if (start + 1 === end) {
    return isLast ? start : UNCERTAIN;
  }
  let second = 0;
  switch (bytes[start + 1]) {
    case 0x73: // s
    case 0x74: // t
    case 0x6d: // m
    case 0x64: // d
      return start + 2;
    case 0x72: // r
    case 0x76: // v
      second = 0x65; // e
      break;
    case 0x6c: // l
      second = 0x6c; // l
      break;
    default:
      return start;
  }
  if (start + 2 === end) {
    return isLast ? start : UNCERTAIN;
  }
  return bytes[start + 2] === second ? start + 3 : start;
}

/** Where the run of `characterClass` ends that goes on at `from`, in the pre-token of `start`. */
function runEnd(
  bytes: Uint8Array,
  start: number,
  from: number,
  end: number,
  characterClass: number,
  isLast: boolean,
): number {
  const longest = start + LONGEST_PRE_TOKEN;
  const stop = Math.min(end, longest);
  let at = from;
  for (;;) {
    while (at < stop && CLASS_OF_BYTE[bytes[at]!] === characterClass) {
      at += 1;
    }
    if (at >= longest) {
      return at;
    }
    if (at === end) {
      return isLast ? end : UNCERTAIN;
    }
    if (bytes[at]! < 0x80) {
      return at;
    }
    const character = readCharacter(bytes, at, end, isLast);
    if (character === UNCERTAIN) {
      return UNCERTAIN;
    }
    const next = at + (character >> CLASS_BITS);
    if ((character & CLASS_MASK) !== characterClass || next > longest) {
      return at;
    }
    at = next;
  }
}

/** Where the white space from `start` ends, without its last character if something else follows. */
function whiteSpaceEnd(bytes: Uint8Array, start: number, end: number, isLast: boolean): number {
  let last = start;
  for (let at = start; at < end; ) {
    const character = readCharacter(bytes, at, end, isLast);
    if (character === UNCERTAIN) {
      return UNCERTAIN;
    }
    if ((character & CLASS_MASK) !== WHITE_SPACE) {
      return last > start ? last : at;
    }
    const next = at + (character >> CLASS_BITS);
    if (next > start + LONGEST_PRE_TOKEN) {
      return at;
    }
    last = at;
    at = next;
  }
  return isLast ? end : UNCERTAIN;
}

/** A character is its class and, above that, its length in bytes. */
const CLASS_BITS = 2;
const CLASS_MASK = 3;
const INVALID = (1 << CLASS_BITS) | OTHER;

/** The classes of ASCII; other bytes have none. */
const NO_CLASS = 0xff;
const CLASS_OF_BYTE = new Uint8Array(256).fill(NO_CLASS);
CLASS_OF_BYTE.set(CHARACTER_CLASSES.subarray(0, 0x80));

/**
 * The character at `at`, or UNCERTAIN if `end` cuts it and the text goes on. Only what RFC 3629 allows
 * is one: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
function readCharacter(bytes: Uint8Array, at: number, end: number, isLast: boolean): number {
  const lead = bytes[at]!;
  if (lead < 0x80) {
    return (1 << CLASS_BITS) | CLASS_OF_BYTE[lead]!;
  }
  if (lead < 0xc2 || lead > 0xf4) {
    return INVALID;
  }
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  let codePoint = lead & (0x7f >> length);
  for (let i = 1; i < length; i += 1) {
    if (at + i === end) {
      return isLast ? INVALID : UNCERTAIN;
    }
    const byte = bytes[at + i]!;
    if (i === 1 ? byte < lowest || byte > highest : (byte & 0xc0) !== 0x80) {
      return INVALID;
    }
    codePoint = (codePoint << 6) | (byte & 0x3f);
  }
  return (
    (length << CLASS_BITS) |
    (codePoint < CHARACTER_CLASSES.length ? CHARACTER_CLASSES[codePoint]! : OTHER)
  );
}
