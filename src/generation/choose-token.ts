/** Chooses the next token from a model's scores. */
import type { Random } from '../random.ts';

export interface ChoiceOptions {
  /** Scores are divided by it: below 1 sharpens, above 1 flattens. */
  temperature: number;
  /** Only the K tokens of highest score; 0: all. */
  topK: number;
  /** Only the smallest set of likeliest tokens whose probabilities add up to this; 1: all. */
  topP: number;
  /** Always the token of highest score. */
  greedy: boolean;
}

/**
 * Draws a token id: temperature first, then top-k, then top-p over what top-k left, as is usual.
 *
 * @param logits scores [V]
 * @param banned an id that is never chosen, such as that of unknown tokens
 */
export function chooseToken(
  logits: ArrayLike<number>,
  options: ChoiceOptions,
  random: Random,
  banned?: number,
): number {
  const { temperature, topK, topP, greedy } = options;
  if (!greedy && topK === 0 && topP >= 1) return drawFromAll(logits, temperature, random, banned);
  const { ids, probabilities } = candidates(logits, options, banned);
  let left = random.uniform() * sumOf(probabilities);
  for (let i = 0; i < ids.length; i++) {
    left -= probabilities[i]!;
    if (left < 0) return ids[i]!;
  }
  return ids.at(-1)!;
}

/** The ids that may be chosen, with unnormalised probabilities; likeliest first if any is cut off. */
export function candidates(
  logits: ArrayLike<number>,
  { temperature, topK, topP, greedy }: ChoiceOptions,
  banned?: number,
): { ids: number[]; probabilities: number[] } {
  const best = likeliest(logits, banned);
  if (greedy) return { ids: [best], probabilities: [1] };
  let ids: number[] = [];
  for (let id = 0; id < logits.length; id++) if (id !== banned) ids.push(id);
  // Ties go to the lower id, so that the choice does not hang on how sorting works.
  if (topK > 0 || topP < 1) ids.sort((a, b) => logits[b]! - logits[a]! || a - b);
  if (topK > 0) ids = ids.slice(0, topK);
  const highest = logits[best]!;
  const probabilities = ids.map((id) => Math.exp((logits[id]! - highest) / temperature));
  if (topP >= 1) return { ids, probabilities };
  const wanted = topP * sumOf(probabilities);
  let reached = 0;
  const cut = probabilities.findIndex((p) => {
    reached += p;
    return reached >= wanted;
  });
  const size = cut < 0 ? ids.length : cut + 1;
  return { ids: ids.slice(0, size), probabilities: probabilities.slice(0, size) };
}

/** As from {@link candidates} without a filter, but without a list of them: it can be a long one. */
function drawFromAll(
  logits: ArrayLike<number>,
  temperature: number,
  random: Random,
  banned?: number,
): number {
  const highest = logits[likeliest(logits, banned)]!;
  if (weights.length < logits.length) weights = new Float64Array(logits.length);
  let sum = 0;
  for (let id = 0; id < logits.length; id++) {
    const weight = id === banned ? 0 : Math.exp((logits[id]! - highest) / temperature);
    weights[id] = weight;
    sum += weight;
  }
  let left = random.uniform() * sum;
  let last = 0;
  for (let id = 0; id < logits.length; id++) {
    if (id === banned) continue;
    left -= weights[id]!;
    if (left < 0) return id;
    last = id;
  }
  return last;
}

/** Room for as many weights as were needed so far. */
let weights = new Float64Array();

/** The id of the highest score, of equal ones the lowest. Plain loops: this runs for every token. */
function likeliest(logits: ArrayLike<number>, banned?: number): number {
  let best = banned === 0 ? 1 : 0;
  for (let id = best + 1; id < logits.length; id++) {
    if (logits[id]! > logits[best]! && id !== banned) best = id;
  }
  return best;
}

function sumOf(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
