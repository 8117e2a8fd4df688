/** Cuts a corpus by position: first the training part, then validation, then test. */

import { UserError } from '../errors.ts';
import { codePointIndex, countCodePoints } from './code-points.ts';
import { isWhiteSpace } from './white-space.ts';

interface SplitOptions {
  /** The fraction of the characters that the validation part takes; 0: there is none. Default 0.1. */
  readonly validSplit?: number | undefined;
  /** The fraction of the characters that the test part takes; 0: there is none. Default 0. */
  readonly testSplit?: number | undefined;
  /** A text of its own for validation; `validSplit` is then not used. */
  readonly valid?: string | undefined;
  /** A text of its own for test; `testSplit` is then not used. */
  readonly test?: string | undefined;
  /**
   * Where the text may be cut: between any two characters, or, so as not to cut a word in two, at the
   * line end or white space before. Default `character`.
   */
  readonly boundary?: 'character' | 'word' | undefined;
}

export interface CorpusSplit {
  readonly train: string;
  readonly valid?: string;
  readonly test?: string;
}

/**
 * The parts of `text`.
 *
 * Of n characters (code points) the training part takes ⌊(1 − valid − test)·n⌋ and the test part
 * begins at ⌊(1 − test)·n⌋. Throws a UserError for fractions outside [0, 1) or that leave nothing to
 * train on (`usage`) and for a text too short to give each part a character (`corpus-too-short`).
 */
export function splitCorpus(text: string, options: SplitOptions = {}): CorpusSplit {
  const validSplit = options.valid === undefined ? (options.validSplit ?? 0.1) : 0;
  const testSplit = options.test === undefined ? (options.testSplit ?? 0) : 0;
  assertFractions(validSplit, testSplit);

  const length = countCodePoints(text);
  const cut = (fraction: number, from: number) => {
    const index = codePointIndex(text, floorOfProduct(1 - fraction, length));
    return options.boundary === 'word' ? wordBoundary(text, from, index) : index;
  };
  const trainEnd = validSplit + testSplit === 0 ? text.length : cut(validSplit + testSplit, 0);
  const validEnd = testSplit === 0 ? text.length : cut(testSplit, trainEnd);

  const train = text.slice(0, trainEnd);
  const valid = options.valid ?? (validSplit === 0 ? undefined : text.slice(trainEnd, validEnd));
  const test = options.test ?? (testSplit === 0 ? undefined : text.slice(validEnd));
  assertPart('training', train, length);
  assertPart('validation', valid, length);
  assertPart('test', test, length);
  return {
    train,
    ...(valid === undefined ? {} : { valid }),
    ...(test === undefined ? {} : { test }),
  };
}

/** ⌊fraction · length⌋, not led astray by fractions such as 1 − 0.9 that come out a hair too low. */
function floorOfProduct(fraction: number, length: number): number {
  return Math.floor(fraction * length + 1e-6);
}

/**
 * The place nearest before `index` where a line begins, or else where a word may begin.
 *
 * A place is taken only if the part from `from` on keeps nine tenths of its length by it: in a text of
 * one endless line the cut is at white space, in a text without white space at `index` itself.
 */
function wordBoundary(text: string, from: number, index: number): number {
  if (index <= from || index >= text.length || text[index - 1] === '\n') {
    return index;
  }
  const earliest = index - (index - from) / 10;
  const lineStart = text.lastIndexOf('\n', index - 1) + 1;
  if (lineStart >= earliest) {
    return lineStart;
  }
  for (let i = index; i >= earliest; i -= 1) {
    if (isWhiteSpace(text.charCodeAt(i - 1))) {
      return i;
    }
  }
  return index;
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

function assertPart(name: string, part: string | undefined, length: number): void {
  if (part?.length === 0) {
    throw new UserError(
      'corpus-too-short',
      `expected a text long enough to split, found ${length} ` +
        `${length === 1 ? 'character' : 'characters'}: nothing is left for the ${name} part`,
      'Train on a longer text, or change --valid-split and --test-split.',
    );
  }
}
