/** How often a run validates. */
import type { Budget } from './schedule.ts';

/** Validations in a run whose options do not say. */
export const VALIDATIONS = 8;
/** How many tokens are validated in the time that one is trained on, about. */
export const VALIDATION_SPEED = 2.5;
/** Training between two validations takes at least this many times as long as one of them. */
export const TRAINING_A_VALIDATION = 15;

interface Sizes extends Budget {
  batchSize: number;
  bptt: number;
}

/** How far a run is. */
interface Stand {
  step: number;
  /** The share of the budget that is used, in (0, 1]. */
  share: number;
  elapsedSeconds: number;
  /** What the last validation took. */
  validationSeconds: number;
}

/** Steps from one validation to the next, for a run that was not told. */
export function stepsBetweenValidations(
  { batchSize, bptt, maxTime }: Sizes,
  validTokens: number,
  { step, share, elapsedSeconds, validationSeconds }: Stand,
): number {
  const estimated = validTokens / (VALIDATION_SPEED * batchSize * bptt);
  // A run limited by time goes by how long the last one took; others repeat exactly.
  const measured = (validationSeconds * step) / elapsedSeconds;
  const validationInSteps = maxTime === undefined ? estimated : Math.max(estimated, measured);
  // The steps of the whole run, as far as can be told now.
  const expectedSteps = step / share;
  return Math.max(expectedSteps / VALIDATIONS, TRAINING_A_VALIDATION * validationInSteps);
}
