import { UserError } from '../errors.ts';
import type { VocabularyOptions } from './tokenizer-types.ts';

/**
 * The tokens to keep, each by its index in `counts`: the most frequent first, and of equally frequent
 * ones that of the lower index; `specialTokens` ids are spoken for. Tokens that never occur are none.
 *
 * Throws a UserError (`usage`) for sizes that leave no room for a token, and (`corpus-too-short`)
 * where there is none to keep.
 */
export function selectTokens(
  counts: Float64Array,
  options: VocabularyOptions,
  specialTokens: number,
): Uint32Array {
  const { vocabularySize = Number.POSITIVE_INFINITY } = options;
  const minCount = Math.max(options.minCount ?? 1, 1);
  if (!(vocabularySize > specialTokens)) {
    throw new UserError(
      'usage',
      `expected a vocabulary of more than the ${specialTokens} special ` +
        `${specialTokens === 1 ? 'token' : 'tokens'}, found a size of ${vocabularySize}`,
      'Give --vocab-size a larger number, or leave it out.',
    );
  }
  const kept = mostFrequent(counts, vocabularySize - specialTokens, minCount);
  if (kept.length === 0) throw nothingKept(counts, minCount);
  return kept.sort((a, b) => counts[b]! - counts[a]! || a - b);
}

function nothingKept(counts: Float64Array, minCount: number): UserError {
  // A text has characters, but it may be without words.
  if (countAtLeast(1, counts) === 0) {
    return new UserError(
      'corpus-too-short',
      'expected words, found none in the training text',
      'Name a text that has words, or take another --tokenizer.',
    );
  }
  return new UserError(
    'corpus-too-short',
    `expected tokens that occur at least ${minCount} times, found none in the training text`,
    'Give --min-count a smaller number, or train on more text.',
  );
}

/**
 * The indices of the `limit` highest of `counts` that are at least `minCount`, in ascending order; of
 * equal counts, those of lower indices are taken.
 */
export function mostFrequent(counts: Float64Array, limit: number, minCount: number): Uint32Array {
  const candidates = atLeast(minCount, counts).sort();
  const kept = new Uint32Array(Math.min(limit, candidates.length));
  if (kept.length === 0) {
    return kept;
  }
  const lowest = candidates[candidates.length - kept.length]!;
  // Of those that occur as often as the rarest that is kept, some may have to go.
  let lowestLeft = kept.length - (candidates.length - firstAbove(candidates, lowest));
  let size = 0;
  for (let index = 0; index < counts.length; index += 1) {
    const count = counts[index]!;
    if (count > lowest || (count === lowest && lowestLeft-- > 0)) {
      kept[size] = index;
      size += 1;
    }
  }
  return kept;
}

function atLeast(minCount: number, counts: Float64Array): Float64Array {
  const values = new Float64Array(countAtLeast(minCount, counts));
  let size = 0;
  for (let index = 0; index < counts.length; index += 1) {
    if (counts[index]! >= minCount) {
      values[size] = counts[index]!;
      size += 1;
    }
  }
  return values;
}

/** How many of `counts` are at least `minCount`. */
export function countAtLeast(minCount: number, counts: Float64Array): number {
  let number = 0;
  for (let index = 0; index < counts.length; index += 1) {
    if (counts[index]! >= minCount) {
      number += 1;
    }
  }
  return number;
}

/** The first index of `sorted` whose value is above `value`. */
function firstAbove(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! > value) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

/** `token` with control, format and unusual white-space characters as escapes. */
export function showToken(token: string): string {
  return token.replace(/[\p{C}\p{Zl}\p{Zp}\\]|(?! )\p{Zs}/gu, (character) => {
    const named = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' }[character];
    return named ?? `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}

/** A byte that is no whole text by itself: as a character of ASCII, or in hexadecimal digits. */
export function showByte(byte: number): string {
  return byte < 0x80 ? showToken(String.fromCharCode(byte)) : `\\x${byte.toString(16)}`;
}

/** Throws RangeError unless `id` is one of a vocabulary of `size` ids. */
export function assertId(id: number, size: number): void {
  if (!Number.isInteger(id) || id < 0 || id >= size) {
    throw new RangeError(`expected a token id in [0, ${size}), found ${id}`);
  }
}
