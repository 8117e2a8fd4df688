/**
 * How sure a difference between two models is that were measured on the same text.
 *
 * The paired bootstrap: the text is n segments, of which both models give their nats; of segment i the
 * difference dᵢ and the size wᵢ (its words) stay together. What is estimated is the difference a word,
 *
 *   θ = Σ dᵢ / Σ wᵢ .
 *
 * n segments are drawn from the n with replacement, B times, and θ* is taken of each sample. The 1 − 2α
 * percentile interval of B values in ascending order is from the k-th to the (B + 1 − k)-th,
 * k = ⌊(B + 1) α⌋: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 12.5
 * and 13.3. For systems that are compared on one text: P. Koehn, "Statistical significance tests for
 * machine translation evaluation", EMNLP 2004.
 *
 * Segments count as independent. Those that stand together in a text are alike: the interval says what other
 * segments of the same text would give, for the same two models; not what other texts would, nor models of
 * other seeds.
 */
import { turnEventLoop } from '../event-loop.ts';
import { Random } from '../random.ts';

export interface Interval {
  /** θ of the segments themselves. */
  estimate: number;
  low: number;
  high: number;
  /** The share of samples in which θ* is below 0. */
  belowZero: number;
}

export interface BootstrapOptions {
  /** B, at least 1 / α. */
  resamples: number;
  seed: number;
  /** 1 − 2α. Default 0.95. */
  level?: number;
  signal?: AbortSignal | undefined;
}

/** Draws between which others run. */
const PAUSE_DRAWS = 1 << 20;

/**
 * @param differences dᵢ [n]
 * @param sizes wᵢ [n], not all 0
 */
export async function pairedBootstrap(
  differences: Float64Array,
  sizes: Float64Array,
  { resamples, seed, level = 0.95, signal }: BootstrapOptions,
): Promise<Interval> {
  const n = differences.length;
  const random = new Random(seed);
  const values = new Float64Array(resamples);
  for (let sample = 0, draws = 0; sample < resamples; sample++) {
    let [difference, size] = [0, 0];
    for (let i = 0; i < n; i++) {
      const drawn = random.integer(n);
      difference += differences[drawn]!;
      size += sizes[drawn]!;
    }
    values[sample] = difference / size;
    draws += n;
    if (draws < PAUSE_DRAWS) continue;
    draws = 0;
    await turnEventLoop(signal);
  }
  values.sort();
  const k = Math.max(1, Math.floor(((resamples + 1) * (1 - level)) / 2));
  return {
    estimate: sum(differences) / sum(sizes),
    low: values[k - 1] as number,
    high: values[resamples - k] as number,
    belowZero: values.reduce((count, value) => count + (value < 0 ? 1 : 0), 0) / resamples,
  };
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
