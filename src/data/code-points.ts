/** Positions in text: strings count UTF-16 code units, people and vocabularies code points. */

const SURROGATE = /[\ud800-\udfff]/;

/** The number of code points in `text`. */
function countCodePoints(text: string): number {
  if (!SURROGATE.test(text)) {
    return text.length;
  }
  let count = 0;
  for (let i = 0; i < text.length; i += codeUnits(text.codePointAt(i)!)) {
    count += 1;
  }
  return count;
}

/** How many code units hold `codePoint`. */
export function codeUnits(codePoint: number): 1 | 2 {
  return codePoint > 0xffff ? 2 : 1;
}

export interface TextPosition {
  /** Code points before the place. */
  readonly offset: number;
  /** Counted from 1. */
  readonly line: number;
  /** In code points, counted from 1. */
  readonly column: number;
}

/** Where the code unit at `index` of `text` stands. */
export function locate(text: string, index: number): TextPosition {
  const before = text.slice(0, index);
  const lineStart = before.lastIndexOf('\n') + 1;
  return {
    offset: countCodePoints(before),
    line: before.split('\n').length,
    column: countCodePoints(before.slice(lineStart)) + 1,
  };
}
