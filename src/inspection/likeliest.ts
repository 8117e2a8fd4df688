/** A token that might have stood at a place. */
export interface Alternative {
  id: number;
  /** Natural logarithm of its probability. */
  logProbability: number;
}

/**
 * The `count` likeliest tokens, likeliest first; of equally likely ones, that of the lower id first.
 *
 * @param logProbabilities of each token [V]
 */
export function likeliest(logProbabilities: Float32Array, count: number): Alternative[] {
  const found: Alternative[] = [];
  for (let id = 0; id < logProbabilities.length; id++) {
    const logProbability = logProbabilities[id]!;
    if (found.length === count && logProbability <= found[count - 1]!.logProbability) continue;
    let at = found.length;
    while (at > 0 && found[at - 1]!.logProbability < logProbability) at -= 1;
    found.splice(at, 0, { id, logProbability });
    found.length = Math.min(found.length, count);
  }
  return found;
}

/** 1 for the likeliest token, and for any other one more than there are likelier ones. */
export function rankOf(logProbabilities: Float32Array, id: number): number {
  const own = logProbabilities[id]!;
  let rank = 1;
  for (let other = 0; other < logProbabilities.length; other++) {
    if (logProbabilities[other]! > own) rank += 1;
  }
  return rank;
}
