import { UserError } from '../errors.ts';
import type { VocabularyOptions } from './tokenizer-types.ts';

/**
 * The tokens to keep out of `counts` (in order of first appearance), the most frequent first and
 * equally frequent ones in order of first appearance; `specialTokens` ids are spoken for.
 *
 * Throws a UserError (`usage`) for sizes that leave no room for a token.
 */
export function selectTokens(
  counts: ReadonlyMap<string, number>,
  options: VocabularyOptions,
  specialTokens: number,
): string[] {
  const { vocabularySize = Number.POSITIVE_INFINITY, minCount = 1 } = options;
  if (!(vocabularySize > specialTokens)) {
    throw new UserError(
      'usage',
      `expected a vocabulary of more than the ${specialTokens} special ` +
        `${specialTokens === 1 ? 'token' : 'tokens'}, found a size of ${vocabularySize}`,
      'Give --vocab-size a larger number, or leave it out.',
    );
  }
  // Array.prototype.sort is stable, so ties keep the order of first appearance.
  const kept = [...counts].filter(([, count]) => count >= minCount).sort((a, b) => b[1] - a[1]);
  if (kept.length === 0) {
    throw new UserError(
      'corpus-too-short',
      `expected tokens that occur at least ${minCount} times, found none in the training text`,
      'Give --min-count a smaller number, or train on more text.',
    );
  }
  return kept.slice(0, vocabularySize - specialTokens).map(([token]) => token);
}

/** `token` with control, format and unusual white-space characters as escapes. */
export function showToken(token: string): string {
  return token.replace(/[\p{C}\p{Zl}\p{Zp}\\]|(?! )\p{Zs}/gu, (character) => {
    const named = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' }[character];
    return named ?? `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}

/** Throws RangeError unless `id` is one of a vocabulary of `size` ids. */
export function assertId(id: number, size: number): void {
  if (!Number.isInteger(id) || id < 0 || id >= size) {
    throw new RangeError(`expected a token id in [0, ${size}), found ${id}`);
  }
}
