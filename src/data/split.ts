/** Cuts a corpus by position: first the training part, then validation, then test. */

import { UserError } from '../errors.ts';
import { countCharacters, isContinuation } from './measure-text.ts';
import type { TextChunk, TextChunks } from './text-chunk.ts';
import { isWhiteSpace } from './white-space.ts';

/**
 * Where a text may be cut: between any two characters; or, so as not to cut a word in two, at the line
 * end or white space before; or between any two bytes of what need not be text.
 */
export type SplitBoundary = 'character' | 'word' | 'byte';

export interface SplitOptions {
  /**
   * The fraction of the text that the validation part takes; 0: there is none. Default 0.1, but no
   * more than {@link LARGEST_DEFAULT_VALIDATION}.
   */
  readonly validSplit?: number | undefined;
  /** The fraction of the text that the test part takes; 0: there is none. Default 0. */
  readonly testSplit?: number | undefined;
  /** Default `character`. */
  readonly boundary?: SplitBoundary | undefined;
}

/** Where to cut a text, in characters, or in bytes where the boundary is `byte`. */
export interface SplitPlan {
  readonly boundary: SplitBoundary;
  /** Where validation begins, or a word before. */
  readonly trainEnd: number;
  /** Where the test part begins, or a word before; `trainEnd`: there is no validation part. */
  readonly validEnd: number;
  /** The length of the text; `validEnd`: there is no test part. */
  readonly size: number;
}

export type Part = 'train' | 'valid' | 'test';

/** A piece of one part of a text. Each part is a text: its first chunk begins a document. */
export interface PartChunk {
  readonly part: Part;
  readonly chunk: TextChunk;
}

/** What validation takes if nobody said how much: this fraction, and so many characters (or bytes) at most. */
const DEFAULT_VALIDATION = 0.1;
const LARGEST_DEFAULT_VALIDATION = 1_000_000;
/** Characters that a cut moves back at most to spare a word: so many are kept in memory. */
const LONGEST_LOOK_BACK = 2 ** 20;

/**
 * The fraction that validation takes of a text of so many bytes; undefined for the default of one so long that it
 * may be less.
 */
export function validShareOf(validSplit: number | undefined, bytes: number): number | undefined {
  if (validSplit !== undefined) return validSplit;
  return DEFAULT_VALIDATION * bytes <= LARGEST_DEFAULT_VALIDATION ? DEFAULT_VALIDATION : undefined;
}

/**
 * How to cut a text of n = `size` characters (code points), or bytes where the boundary is `byte`.
 *
 * The training part takes ⌊(1 − valid − test)·n⌋ and the test part begins at ⌊(1 − test)·n⌋. Throws a
 * UserError for fractions outside [0, 1) or that leave nothing to train on (`usage`) and for a text
 * too short to give each part a character (`corpus-too-short`).
 */
export function planSplit(size: number, options: SplitOptions = {}): SplitPlan {
  const { validSplit = DEFAULT_VALIDATION, testSplit = 0, boundary = 'character' } = options;
  assertFractions(validSplit, testSplit);
  const validEnd = testSplit === 0 ? size : floorOfProduct(1 - testSplit, size);
  const asked = validSplit === 0 ? validEnd : floorOfProduct(1 - (validSplit + testSplit), size);
  const trainEnd =
    options.validSplit === undefined
      ? Math.max(asked, validEnd - LARGEST_DEFAULT_VALIDATION)
      : asked;
  const plan = { boundary, trainEnd, validEnd, size };
  assertPart(plan, 'training', trainEnd);
  if (validSplit > 0) {
    assertPart(plan, 'validation', validEnd - trainEnd);
  }
  if (testSplit > 0) {
    assertPart(plan, 'test', size - validEnd);
  }
  return plan;
}

/**
 * The parts of a text one after the other, cut where `plan` says whatever chunks the text comes in.
 *
 * Where the boundary is `word`, a cut moves back to the nearest place where a line begins, or else to
 * one after white space. Such a place is taken only if the part that ends there keeps nine tenths of
 * its length, and within {@link LONGEST_LOOK_BACK} characters: in a text of one endless line the cut
 * is at white space, in a text without white space exactly where it was planned.
 */
export async function* splitChunks(
  chunks: TextChunks,
  plan: SplitPlan,
): AsyncGenerator<PartChunk, void, void> {
  const splitter = new Splitter(plan);
  for await (const chunk of chunks) {
    yield* splitter.take(chunk);
  }
  yield* splitter.end();
}

class Splitter {
  private readonly boundary: SplitBoundary;
  /** The cuts to come. */
  private readonly cuts: { readonly place: number; readonly next: Part }[];
  private part: Part = 'train';
  private isPartEmpty = true;
  /** The length of all that was taken. */
  private position = 0;
  /** From here on, text is held until the next cut is reached: it may lie in the part after. */
  private holdFrom = 0;
  private held: TextChunk[] = [];

  constructor({ boundary, trainEnd, validEnd, size }: SplitPlan) {
    this.boundary = boundary;
    this.cuts = [
      ...(trainEnd < validEnd ? [{ place: trainEnd, next: 'valid' as const }] : []),
      ...(validEnd < size ? [{ place: validEnd, next: 'test' as const }] : []),
    ];
    this.beginPart();
  }

  *take({ bytes, startsDocument }: TextChunk): Generator<PartChunk, void, void> {
    let rest = bytes;
    for (let starts = startsDocument; rest.length > 0; starts = false) {
      const isHeld = this.position >= this.holdFrom;
      const place = this.cuts[0]?.place ?? Number.POSITIVE_INFINITY;
      const { offset, length } = this.advance(
        rest,
        (isHeld ? place : this.holdFrom) - this.position,
      );
      const chunk = { bytes: rest.subarray(0, offset), startsDocument: starts };
      this.position += length;
      rest = rest.subarray(offset);
      if (isHeld) {
        this.held.push({ ...chunk, bytes: Buffer.from(chunk.bytes) });
      } else {
        yield this.give(chunk);
      }
      if (this.position === place) {
        yield* this.cut();
      }
    }
  }

  *end(): Generator<PartChunk, void, void> {
    for (const chunk of this.held) {
      yield this.give(chunk);
    }
  }

  /** Ends the part, here or within what is held. */
  private *cut(): Generator<PartChunk, void, void> {
    const { held } = this;
    this.held = [];
    let left = wordBoundary(held.map(({ bytes }) => bytes));
    const after: TextChunk[] = [];
    for (const { bytes, startsDocument } of held) {
      const before = bytes.subarray(0, Math.max(0, left));
      const behind = bytes.subarray(before.length);
      if (before.length > 0) {
        yield this.give({ bytes: before, startsDocument });
      }
      if (behind.length > 0) {
        after.push({ bytes: behind, startsDocument: startsDocument && before.length === 0 });
        this.position -= countCharacters(behind);
      }
      left -= bytes.length;
    }
    this.part = this.cuts.shift()!.next;
    this.isPartEmpty = true;
    this.beginPart();
    for (const chunk of after) {
      yield* this.take(chunk);
    }
  }

  private beginPart(): void {
    const place = this.cuts[0]?.place ?? Number.POSITIVE_INFINITY;
    this.holdFrom = place;
    if (this.boundary === 'word' && this.cuts.length > 0) {
      const lookBack = Math.min((place - this.position) / 10, LONGEST_LOOK_BACK);
      // With the character before, which says whether the earliest place is one to cut at.
      this.holdFrom = Math.ceil(place - lookBack) - 1;
    }
  }

  private give({ bytes, startsDocument }: TextChunk): PartChunk {
    const chunk = { bytes, startsDocument: startsDocument || this.isPartEmpty };
    this.isPartEmpty = false;
    return { part: this.part, chunk };
  }

  /** How many bytes, `offset`, hold the next `most` characters (or bytes), and how many there are. */
  private advance(bytes: Uint8Array, most: number): { offset: number; length: number } {
    const all = this.boundary === 'byte' ? bytes.length : countCharacters(bytes);
    if (all <= most) {
      return { offset: bytes.length, length: all };
    }
    return { offset: this.boundary === 'byte' ? most : characterOffset(bytes, most), length: most };
  }
}

/** Where in `bytes` the character of this index begins. */
function characterOffset(bytes: Uint8Array, index: number): number {
  let offset = 0;
  for (let count = 0; ; offset += 1) {
    if (!isContinuation(bytes[offset]!)) {
      if (count === index) {
        return offset;
      }
      count += 1;
    }
  }
}

/**
 * How many bytes of a text, which is about to be cut at its end, to leave before the cut so that it
 * spares a word; all of them where no place but its end is fit. Its beginning is no such place.
 */
function wordBoundary(pieces: Uint8Array[]): number {
  const text = Buffer.concat(pieces).toString();
  const lineStart = text.lastIndexOf('\n') + 1;
  let place = lineStart > 0 ? lineStart : text.length;
  if (lineStart === 0) {
    while (place > 0 && !isWhiteSpace(text.charCodeAt(place - 1))) {
      place -= 1;
    }
  }
  return Buffer.byteLength(place > 0 ? text.slice(0, place) : text);
}

/** ⌊fraction · length⌋, not led astray by fractions such as 1 − 0.9 that come out a hair too low. */
function floorOfProduct(fraction: number, length: number): number {
  return Math.floor(fraction * length + 1e-6);
}

function assertFractions(validSplit: number, testSplit: number): void {
  for (const [option, fraction] of [
    ['--valid-split', validSplit],
    ['--test-split', testSplit],
  ] as const) {
    if (!(fraction >= 0 && fraction < 1)) {
      throw new UserError(
        'usage',
        `expected ${option} to be a fraction in [0, 1), found ${fraction}`,
        `Give ${option} the share of the text to hold out, such as 0.1.`,
      );
    }
  }
  if (validSplit + testSplit >= 1) {
    throw new UserError(
      'usage',
      `expected --valid-split and --test-split to leave text to train on, found ${validSplit} and ` +
        `${testSplit}, which add up to ${validSplit + testSplit}`,
      'Give them smaller fractions.',
    );
  }
}

function assertPart({ boundary, size }: SplitPlan, name: string, length: number): void {
  if (length <= 0) {
    const unit = boundary === 'byte' ? 'byte' : 'character';
    throw new UserError(
      'corpus-too-short',
      `expected a text long enough to split, found ${size} ${unit}${size === 1 ? '' : 's'}: ` +
        `nothing is left for the ${name} part`,
      'Train on a longer text, or change --valid-split and --test-split.',
    );
  }
}
