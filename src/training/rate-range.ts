/** Finds how high the learning rate of a run may be, by trying rates from low to high. */
import type { TokenSequence } from '../data/token-sequence.ts';
import { turnEventLoop } from '../event-loop.ts';
import { isSgd, type OptimizerKind } from './optimizer-tensors.ts';
import { type Beginning, Trainer, type TrainerConfig } from './trainer.ts';

export interface RatePoint {
  learningRate: number;
  /** Mean nats a token of the step, before its update. */
  loss: number;
  /** The running mean of the losses, each weighing 0.9 of the next. */
  smoothed: number;
}

export interface RateRange {
  lowest: number;
  highest: number;
  /** Between them, each so many times the one before. At least 2. */
  steps: number;
}

const RATE_RANGE: RateRange = { lowest: 1e-5, highest: 1, steps: 120 };
const RATE_RANGE_OF_SGD: RateRange = { lowest: 1e-3, highest: 100, steps: 120 };

/** The rates that are tried of an optimizer. */
export function rateRangeOf({ optimizer }: OptimizerKind): RateRange {
  return isSgd(optimizer) ? RATE_RANGE_OF_SGD : RATE_RANGE;
}

const SMOOTHING = 0.9;
/** Ends the test: the smoothed loss is above the lowest by so much of what it fell. */
const RISE = 1;
/** What is less, in nats, is chance: the first rates change hardly anything. */
const LEAST_RISE = 0.2;
/** The mean of fewer losses says nothing about a rise. */
const FIRST_STEPS = 10;
/** The suggested rate is this share of the one at which the loss was lowest. */
const SUGGESTED_SHARE = 0.1;

/**
 * The learning-rate range test (Smith, "Cyclical learning rates for training neural networks", 2017): a
 * model learns a step at each rate, until its loss is no number or has risen as much as it fell. It is
 * thrown away.
 *
 * @throws UserError as a run would, for too few tokens, and what `signal` aborts with
 */
export async function* tryRates(
  config: TrainerConfig,
  tokens: TokenSequence,
  signal: AbortSignal,
  { lowest, highest, steps }: RateRange = rateRangeOf(config),
  beginning?: Beginning,
): AsyncGenerator<RatePoint, void, void> {
  // Windows of other lengths have other losses.
  const constant = { ...config, bpttSchedule: 'constant' } as const;
  const trainer = new Trainer(constant, tokens, undefined, beginning);
  try {
    let [sum, weight] = [0, 0];
    let first = 0;
    let best = Number.POSITIVE_INFINITY;
    for (let step = 0; step < steps; step++) {
      const learningRate = lowest * (highest / lowest) ** (step / (steps - 1));
      const { loss, isApplied } = trainer.trainStep(learningRate);
      if (!isApplied) return;
      sum = SMOOTHING * sum + loss;
      weight = SMOOTHING * weight + 1;
      const smoothed = sum / weight;
      if (step === 0) first = smoothed;
      best = Math.min(best, smoothed);
      yield { learningRate, loss, smoothed };
      const rise = smoothed - best;
      const isRising = rise > LEAST_RISE && rise > RISE * (first - best);
      if (step >= FIRST_STEPS && smoothed > first && isRising) return;
      await turnEventLoop();
      signal.throwIfAborted();
    }
  } finally {
    trainer.dispose();
  }
}

/**
 * A tenth of the rate at which the smoothed loss was lowest: that one is already too high to go on with.
 *
 * @returns undefined if no rate made the loss lower
 */
export function suggestRate(points: readonly RatePoint[]): number | undefined {
  const [first] = points;
  if (!first) return undefined;
  const lowest = points.reduce((best, point) => (point.smoothed < best.smoothed ? point : best));
  if (lowest.smoothed >= first.smoothed) return undefined;
  return Number((SUGGESTED_SHARE * lowest.learningRate).toPrecision(1));
}
