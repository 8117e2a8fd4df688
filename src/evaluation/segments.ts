/**
 * A text in segments that all tokenizers share: each ends where a word ends, between which and the white
 * space that follows every tokenizer of ours divides, where that is ASCII's. They are what models of unlike
 * tokens are compared by, segment by segment.
 *
 * A segment is a line, from the last word before it on, so that it begins with the line end before; lines
 * without words belong to the next one. In a text of many lines several make a segment, and a text
 * of few lines is cut into pieces of equal numbers of words instead.
 *
 * What comes before the end of the first word is left out: of a model of words, the first token, which is
 * not scored, is all of it; of the others, a part.
 */
import type { TextChunks } from '../data/text-chunk.ts';
import { TokenBuffer } from '../data/token-buffer.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { WHITE_SPACE_LEADS, whiteSpaceBytes } from '../data/white-space.ts';

export interface Segments {
  /** What a segment is; `per` of them. */
  unit: 'lines' | 'words';
  per: number;
  /** Where the first word ends, in bytes: there the first segment begins. */
  start: number;
  /** Where each segment ends, in bytes; the last one, where the text does. */
  ends: readonly number[];
  /** Words and line ends of each. */
  sizes: Float64Array;
  /** Characters of the text's white space that are neither line ends nor a single space between two words. */
  otherSpaces: number;
}

/** A text of fewer lines with words than this is cut into pieces. */
const FEWEST_LINES = 50;
const PIECES = 100;
/** So many segments at most, and half as many at least where there were more lines. */
const MOST_SEGMENTS = 10_000;
const SPACE = 0x20;
const LINE_FEED = 0x0a;

/**
 * Finds the segments of a text that `chunks` gives as often as asked; undefined if there are fewer than
 * two, the text having fewer than three words.
 */
export async function findSegments(
  chunks: () => TextChunks,
  limits: { fewestLines?: number; pieces?: number; mostSegments?: number } = {},
): Promise<Segments | undefined> {
  const { fewestLines = FEWEST_LINES, pieces = PIECES, mostSegments = MOST_SEGMENTS } = limits;
  const byLine = new SegmentList(mostSegments, 'lines');
  const scan = await scanWords(chunks(), (place, size) => byLine.lineEnded(place, size));
  if (scan.places < 3) return undefined;
  if (byLine.count >= fewestLines) return byLine.finish(scan);
  // The first word is left out.
  const wordsEach = Math.ceil((scan.places - 1) / pieces);
  const byWords = new SegmentList(mostSegments, 'words', wordsEach);
  await scanWords(chunks(), undefined, (place, size) => byWords.wordEnded(place, size));
  return byWords.finish(scan);
}

/** Segments as they are found. */
class SegmentList {
  readonly #most: number;
  readonly #unit: Segments['unit'];
  /** Lines or words that make a segment. */
  #per: number;
  /** Of them, since the last segment ended. */
  #units = 0;
  #ends: number[] = [];
  /** Words and line ends up to where each ends. */
  #sizesTo: number[] = [];
  /** Words so far. */
  #words = 0;

  constructor(most: number, unit: Segments['unit'], per = 1) {
    this.#most = most;
    this.#unit = unit;
    this.#per = per;
  }

  get count(): number {
    return this.#ends.length;
  }

  /** @param place where the line's last word ends @param sizeTo words and line ends up to there */
  lineEnded(place: number, sizeTo: number): void {
    this.#add(place, sizeTo);
    if (this.#ends.length <= this.#most) return;
    // Two become one, and the last one without another goes on.
    this.#units = this.#ends.length % 2 === 0 ? 0 : this.#per;
    this.#ends = this.#ends.filter((_, i) => i % 2 === 1);
    this.#sizesTo = this.#sizesTo.filter((_, i) => i % 2 === 1);
    this.#per *= 2;
  }

  wordEnded(place: number, sizeTo: number): void {
    this.#words += 1;
    if (this.#words > 1) this.#add(place, sizeTo);
  }

  finish({ start, startSize, length, size, otherSpaces }: Scan): Segments {
    const ends = this.#ends.filter((end) => end > start);
    const sizesTo = this.#sizesTo.slice(this.#sizesTo.length - ends.length);
    // What is left belongs to the last of them.
    ends[ends.length - 1] = length;
    sizesTo[sizesTo.length - 1] = size;
    const sizes = Float64Array.from(sizesTo, (to, i) => to - (sizesTo[i - 1] ?? startSize));
    return { unit: this.#unit, per: this.#per, start, ends, sizes, otherSpaces };
  }

  #add(place: number, sizeTo: number): void {
    this.#units += 1;
    if (this.#units < this.#per) return;
    this.#units = 0;
    this.#ends.push(place);
    this.#sizesTo.push(sizeTo);
  }
}

interface Scan {
  /** Ends of words where segments may end. */
  places: number;
  /** The first of them in bytes, and words and line ends up to there. */
  start: number;
  startSize: number;
  /** The length of the text in bytes, and all its words and line ends. */
  length: number;
  size: number;
  otherSpaces: number;
}

type Found = (place: number, sizeTo: number) => void;

/**
 * Goes through a text: `onWord` is called where each word ends that ASCII's white space or the end of a
 * document follows; `onLine` at each line end, and at the end of a document, with the last such place
 * before it, if there was one since the last call.
 */
async function scanWords(chunks: TextChunks, onLine?: Found, onWord?: Found): Promise<Scan> {
  const scan: Scan = { places: 0, start: 0, startSize: 0, length: 0, size: 0, otherSpaces: 0 };
  let inWord = false;
  /** White space since the last word, but line ends; and whether it is a single space behind that word. */
  let [spaces, isSingle] = [0, false];
  let last: { place: number; size: number } | undefined;
  const endWord = (place: number, isShared: boolean) => {
    if (!inWord) return;
    inWord = false;
    scan.size += 1;
    if (!isShared) return;
    scan.places += 1;
    last = { place, size: scan.size };
    if (scan.places === 1) [scan.start, scan.startSize] = [place, scan.size];
    onWord?.(place, scan.size);
  };
  const endLine = () => {
    if (last) onLine?.(last.place, last.size);
    last = undefined;
  };
  const endSpaces = (isBeforeWord: boolean) => {
    if (!isSingle || !isBeforeWord) scan.otherSpaces += spaces;
    [spaces, isSingle] = [0, false];
  };
  const endDocument = () => {
    endWord(scan.length, true);
    endLine();
    endSpaces(false);
  };
  for await (const { bytes, startsDocument } of chunks) {
    if (startsDocument) endDocument();
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      const space = WHITE_SPACE_LEADS[byte] === 0 ? 0 : whiteSpaceBytes(bytes, i);
      if (space === 0) {
        if (!inWord) endSpaces(true);
        inWord = true;
        continue;
      }
      isSingle = inWord && byte === SPACE;
      endWord(scan.length + i, byte < 0x80);
      if (byte === LINE_FEED) {
        scan.size += 1;
        endLine();
      } else spaces += 1;
      i += space - 1;
    }
    scan.length += bytes.length;
  }
  endDocument();
  return scan;
}

/**
 * How many tokens there are up to the end of the first word, and up to the end of each segment [n + 1].
 * They are those of the segments encoded one by one, which for our own tokenizers are the text's.
 */
export async function tokenEnds(
  chunks: TextChunks,
  tokenizer: Tokenizer,
  { start, ends }: Segments,
): Promise<Float64Array> {
  const cuts = [start, ...ends];
  const found = new Float64Array(cuts.length);
  const encoder = tokenizer.encoder();
  const out = new TokenBuffer();
  let [place, next, tokens, isFirst] = [0, 0, 0, true];
  const take = () => {
    tokens += out.length;
    out.clear();
  };
  for await (const { bytes, startsDocument } of chunks) {
    if (startsDocument && !isFirst) {
      encoder.end(out);
      if (tokenizer.endOfTextId !== undefined) out.push(tokenizer.endOfTextId);
    }
    isFirst = false;
    let from = 0;
    for (; next < cuts.length && cuts[next]! <= place + bytes.length; next++) {
      const to = cuts[next]! - place;
      encoder.write(bytes.subarray(from, to), out);
      encoder.end(out);
      take();
      found[next] = tokens;
      from = to;
    }
    encoder.write(bytes.subarray(from), out);
    take();
    place += bytes.length;
  }
  return found;
}
