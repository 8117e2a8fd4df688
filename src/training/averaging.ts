/** When NT-ASGD begins to average the weights. */

/** `n` of the paper, and of its code. */
export const NON_MONOTONE_INTERVAL = 5;

/**
 * Whether the last validation calls for the mean of the weights from then on: it is worse than the best
 * of those more than `interval` before it (Merity, Keskar & Socher 2017, algorithm 1).
 *
 * @param losses of all validations, the first one first
 */
export function isTimeToAverage(
  losses: readonly number[],
  interval: number = NON_MONOTONE_INTERVAL,
): boolean {
  const last = losses.at(-1);
  const earlier = losses.slice(0, Math.max(0, losses.length - 1 - interval));
  return last !== undefined && last > Math.min(...earlier);
}
