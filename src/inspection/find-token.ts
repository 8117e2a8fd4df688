/** Which token a user means by what was typed. */
import type { Tokenizer } from '../data/tokenizer.ts';

/** The token, or why there is none and what may have been meant. */
export type FoundToken =
  | { readonly id: number }
  | {
      /** The tokens that the text comes to, where it is several. */
      readonly pieces: readonly string[];
      /** Names of tokens that are spelled much like it, the most alike first. */
      readonly suggestions: readonly string[];
    };

const SUGGESTIONS = 3;

/**
 * The token that `typed` is the text of, or else the one of that name, as `Tokenizer.token` shows it (`\n`,
 * `<eol>`).
 */
export function findToken(tokenizer: Tokenizer, typed: string): FoundToken {
  const ids = tokenizer.encode(typed);
  const [id] = ids;
  if (id !== undefined && ids.length === 1 && id !== tokenizer.unknownId) return { id };
  const names = Array.from({ length: tokenizer.vocabularySize }, (_, each) =>
    tokenizer.token(each),
  );
  const named = names.indexOf(typed);
  if (named >= 0) return { id: named };
  const pieces = Array.from(ids, (each) => names[each] as string);
  return { pieces: ids.length > 1 ? pieces : [], suggestions: alike(typed, names) };
}

/** Names within a mistake or two of what was typed; case and the space around do not count. */
function alike(typed: string, names: readonly string[]): string[] {
  const wanted = plain(typed);
  const most = wanted.length < 3 ? 0 : wanted.length < 5 ? 1 : 2;
  const found: { name: string; distance: number }[] = [];
  for (const name of names) {
    const candidate = plain(name);
    if (candidate === '' || Math.abs(candidate.length - wanted.length) > most) continue;
    const distance = editDistance(wanted, candidate, most);
    if (distance <= most) found.push({ name, distance });
  }
  // Sorting keeps the order of equal ones, which is that of ids: of words, the more frequent first.
  return found
    .sort((a, b) => a.distance - b.distance)
    .slice(0, SUGGESTIONS)
    .map(({ name }) => name);
}

function plain(text: string): string {
  return text.trim().toLowerCase();
}

/**
 * How many characters must be put in, left out, replaced or swapped with the next to make `b` of `a` (Damerau
 * 1964; "optimal string alignment"); any number above `most` if it is more than that.
 */
export function editDistance(a: string, b: string, most: number): number {
  const [from, to] = [Array.from(a), Array.from(b)];
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (const [i, character] of from.entries()) {
    const row = [i + 1];
    for (const [j, other] of to.entries()) {
      const replaced = last[j]! + (character === other ? 0 : 1);
      let distance = Math.min(replaced, last[j + 1]! + 1, row[j]! + 1);
      if (i > 0 && j > 0 && character === to[j - 1] && from[i - 1] === other) {
        distance = Math.min(distance, before[j - 1]! + 1);
      }
      row.push(distance);
    }
    if (Math.min(...row) > most) return most + 1;
    [before, last] = [last, row];
  }
  return last[to.length]!;
}
