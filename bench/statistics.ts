/** Of a few figures: the middle, the ends, and how two series compare. */

export interface Summary {
  median: number;
  lowest: number;
  highest: number;
}

/** The middle value, or the mean of the two in the middle; at least one is needed. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) throw new Error('the median of nothing');
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}

export function summarise(values: readonly number[]): Summary {
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) };
}

/** A figure of a round. */
interface Rounded {
  round: number;
  value: number;
}

/** `a` ÷ `b` of each round that has both. */
export function pairedRatios(a: readonly Rounded[], b: readonly Rounded[]): number[] {
  return a.flatMap(({ round, value }) => {
    const other = b.find((found) => found.round === round);
    return other ? [value / other.value] : [];
  });
}
