/** Surprises in few levels, to be shown by a colour or a mark: each begins at twice the nats of the one before. */

/** Where the levels above the lowest begin, in nats. */
export const LEVEL_STARTS: readonly number[] = [0.5, 1, 2, 4, 8];

/** The level of a surprise, from 0 on; undefined where there was no prediction (NaN). */
export function surpriseLevel(nats: number): number | undefined {
  if (Number.isNaN(nats)) return undefined;
  return LEVEL_STARTS.filter((start) => nats >= start).length;
}
