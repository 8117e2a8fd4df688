/** How often a run validates. */
import type { Budget } from './schedule.ts';

/** Validations in a run whose options do not say. */
export const VALIDATIONS = 8;
/** How many tokens are validated in the time that one is trained on, about. */
const VALIDATION_SPEED = 2.5;
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
  const estimated = validationInSteps(validTokens, batchSize * bptt);
  // A run limited by time goes by how long the last one took; others repeat exactly.
  const measured = (validationSeconds * step) / elapsedSeconds;
  const inSteps = maxTime === undefined ? estimated : Math.max(estimated, measured);
  // The steps of the whole run, as far as can be told now.
  return spacing(step / share, inSteps);
}

/** How many steps take as long as one validation, about. */
export function validationInSteps(validTokens: number, tokensPerStep: number): number {
  return validTokens / (VALIDATION_SPEED * tokensPerStep);
}

/**
 * Steps from one validation to the next in a run of so many.
 *
 * @param inSteps how many steps take as long as a validation
 */
export function spacing(steps: number, inSteps: number): number {
  return Math.max(steps / VALIDATIONS, TRAINING_A_VALIDATION * inSteps);
}
