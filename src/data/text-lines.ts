/** Text as lines, a few in memory at a time. */
import { UserError } from '../errors.ts';
import type { TextChunks } from './text-chunk.ts';

const LINE_FEED = 0x0a;
const LONGEST_LINE_MIB = 16;

/** Cuts the bytes of one text into lines. A line is used before the next bytes are given. */
export class LineCutter {
  readonly #longest: number;
  readonly #tooLong: (line: number) => UserError;
  /** The beginning of a line that the bytes so far have not ended. */
  #begun: Uint8Array[] = [];
  #begunLength = 0;
  #count = 0;

  /**
   * @param longest bytes that a line has at most. Default any number
   * @param error what is thrown for a longer one; lines are counted from 1
   */
  constructor(longest = Number.POSITIVE_INFINITY, error = tooLong) {
    this.#longest = longest;
    this.#tooLong = error;
  }

  /** The lines that these bytes end, without their ends. */
  *write(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(LINE_FEED, start);
      const part = bytes.subarray(start, end < 0 ? bytes.length : end);
      if (this.#begunLength + part.length > this.#longest) throw this.#tooLong(this.#count + 1);
      if (end < 0) {
        this.#begin(part);
        return;
      }
      this.#count += 1;
      start = end + 1;
      yield this.#begunLength === 0 ? part : this.#take(part);
    }
  }

  /** The last line, if the text does not end with a line end. */
  *end(): Generator<Uint8Array, void, undefined> {
    if (this.#begunLength === 0) return;
    this.#count += 1;
    yield this.#take(new Uint8Array());
  }

  #begin(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#begun.push(Buffer.from(part));
    this.#begunLength += part.length;
  }

  #take(rest: Uint8Array): Uint8Array {
    const line = Buffer.concat([...this.#begun, rest]);
    this.#begun = [];
    this.#begunLength = 0;
    return line;
  }
}

/**
 * The lines of a text without their ends: all those that a chunk ends at once, each to be used before
 * the next ones are asked for. The end of a document ends a line.
 *
 * Throws a UserError (`line-too-long`) for a line of more than 16 MiB.
 *
 * @param longest bytes that a line has at most, for tests
 */
export async function* textLines(
  chunks: TextChunks,
  longest: number = LONGEST_LINE_MIB * 2 ** 20,
): AsyncGenerator<Iterable<Uint8Array>, void, undefined> {
  const cutter = new LineCutter(longest, tooLong);
  for await (const { bytes, startsDocument } of chunks) {
    if (startsDocument) yield cutter.end();
    yield cutter.write(bytes);
  }
  yield cutter.end();
}

function tooLong(line: number): UserError {
  return new UserError(
    'line-too-long',
    `line ${line}: expected a line of at most ${LONGEST_LINE_MIB} MiB, found a longer one`,
    'Divide it among several lines, or score the text as one stream.',
  );
}
