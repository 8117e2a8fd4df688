/** How far a run is, and the learning rate that goes with it. */

/** What ends a run; whichever limit is reached first. At least one is set. */
export interface Budget {
  epochs?: number | undefined;
  maxSteps?: number | undefined;
  /** Seconds. */
  maxTime?: number | undefined;
}

/** What a run has used of its budget. */
export interface Spent {
  steps: number;
  elapsedSeconds: number;
  /** Passes over the text, where windows differ in length. Default: by the steps. */
  passes?: number | undefined;
}

export type DecayKind = 'none' | 'linear' | 'cosine' | 'exponential' | 'plateau' | 'one-cycle';

export interface ScheduleConfig {
  learningRate: number;
  learningRateDecay: DecayKind;
  /** The share of the run in which the rate rises from nearly nothing. */
  warmup: number;
}

/** What linear, cosine and exponential decay leave of the rate at the end. */
const FINAL_SHARE = 0.02;
/** What each plateau leaves of the rate. */
const PLATEAU_SHARE = 0.5;

/** One cycle: the share of the run in which the rate rises, and the rate's shares before and after. */
const ONE_CYCLE = { rise: 0.3, first: 1 / 25, last: 1 / 250_000 };

/**
 * The share of the budget that is used, in [0, 1]; 1 ends the run.
 *
 * @param stepsPerEpoch steps that one pass over the training text takes
 */
export function progressOf(budget: Budget, spent: Spent, stepsPerEpoch: number): number {
  const shares = [
    budget.epochs === undefined ? 0 : shareOfEpochs(budget.epochs, spent, stepsPerEpoch),
    budget.maxSteps === undefined ? 0 : spent.steps / budget.maxSteps,
    budget.maxTime === undefined ? 0 : spent.elapsedSeconds / budget.maxTime,
  ];
  return Math.min(1, Math.max(...shares));
}

function shareOfEpochs(epochs: number, { steps, passes }: Spent, stepsPerEpoch: number): number {
  return passes === undefined ? steps / stepsOfEpochs(epochs, stepsPerEpoch) : passes / epochs;
}

/** The steps of so many passes, which may end within one: of 1.1 · 50, which floats take for a bit more than 55, 55. */
export function stepsOfEpochs(epochs: number, stepsPerEpoch: number): number {
  const steps = epochs * stepsPerEpoch;
  const nearest = Math.round(steps);
  return Math.max(1, Math.abs(steps - nearest) < 1e-9 * steps ? nearest : Math.ceil(steps));
}

/**
 * The learning rate at a point of the run.
 *
 * With p the progress after the warm-up, in [0, 1], and f = 0.02 what is left at the end:
 * linear 1 − (1 − f)p, cosine f + (1 − f)(1 + cos πp)/2, exponential fᵖ; plateau halves it at each
 * validation that brought nothing better. One-cycle knows no warm-up: it rises by half a cosine from
 * 1/25 to 1 in 0.3 of the run, and falls by another to 1/250 000 (Smith & Topin 2018, as in PyTorch, but
 * for the momentum, which stays).
 *
 * @param progress the share of the budget that is used, in [0, 1]
 * @param plateaus validations without a better loss, so far
 */
export function learningRateAt(config: ScheduleConfig, progress: number, plateaus = 0): number {
  const { learningRate, learningRateDecay, warmup } = config;
  if (learningRateDecay === 'one-cycle') return learningRate * oneCycle(progress);
  if (progress < warmup) return learningRate * Math.max(progress / warmup, 0.01);
  const p = Math.min(1, (progress - warmup) / (1 - warmup));
  switch (learningRateDecay) {
    case 'none':
      return learningRate;
    case 'linear':
      return learningRate * (1 - (1 - FINAL_SHARE) * p);
    case 'cosine':
      return learningRate * (FINAL_SHARE + ((1 - FINAL_SHARE) * (1 + Math.cos(Math.PI * p))) / 2);
    case 'exponential':
      return learningRate * FINAL_SHARE ** p;
    case 'plateau':
      return learningRate * PLATEAU_SHARE ** plateaus;
  }
}

function oneCycle(progress: number): number {
  const { rise, first, last } = ONE_CYCLE;
  if (progress < rise) return halfCosine(first, 1, progress / rise);
  return halfCosine(1, last, (progress - rise) / (1 - rise));
}

/** From `from` to `to`, by half a period of a cosine; `p` in [0, 1]. */
function halfCosine(from: number, to: number, p: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * p))) / 2;
}
