/** What somebody meant who typed a name that there is not. */

const FARTHEST = 3;
/** Of its letters a word may have at most this share wrong. */
const SHARE_WRONG = 0.4;

/**
 * The one of `words` that `typed` is most like; undefined if none is like it. Upper and lower case, `-`, `_`
 * and no sign between words are taken to be the same.
 */
export function didYouMean(typed: string, words: Iterable<string>): string | undefined {
  const wanted = bare(typed);
  let best: { word: string; distance: number } | undefined;
  for (const word of words) {
    const distance = editDistance(wanted, bare(word));
    const farthest = Math.min(FARTHEST, SHARE_WRONG * Math.max(wanted.length, bare(word).length));
    if (distance <= farthest && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) {
      best = { word, distance };
    }
  }
  return best?.word;
}

/** No name of ours is as long; what is typed may be. */
const LONGEST = 64;

function bare(word: string): string {
  return word.slice(0, LONGEST).toLowerCase().replace(/[-_]/g, '');
}

/** How many letters are to be put in, left out, changed, or swapped with the next to make `b` of `a`. */
export function editDistance(a: string, b: string): number {
  // Row i has the distances of the first i letters of `a` from the beginnings of `b`.
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const [before, above] = [rows[i - 2], rows[i - 1]!];
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwapped = before && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          above[j]! + 1,
          row[j - 1]! + 1,
          above[j - 1]! + (isSame ? 0 : 1),
          isSwapped ? before[j - 2]! + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
