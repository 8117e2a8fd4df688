/** What a run does about numbers that are not finite. */
import { UserError } from '../errors.ts';

/** What to do: go back to what was saved last with half the rate, leave the step out, or end. */
export type OnNan = 'rollback' | 'skip' | 'stop';

/** How often a run may go back. */
export const MOST_ROLLBACKS = 3;
/** What each time leaves of the learning rate. */
export const ROLLBACK_SHARE = 0.5;
/** This many steps left out in a row end a run. */
export const MOST_SKIPPED = 10;

/** Thrown within a run, where it cannot go on from what it has. */
export class NotFinite extends Error {
  readonly step: number;
  /** Such as `loss NaN`. */
  readonly found: string;

  constructor(step: number, found: string) {
    super(`step ${step}: ${found}`);
    this.step = step;
    this.found = found;
  }
}

/** What a run that cannot be helped ends with. */
export function divergence(
  { step, found }: NotFinite,
  onNan: OnNan,
  skipped: number,
  savedPath: string | undefined,
): UserError {
  let tried = '';
  if (onNan === 'rollback') {
    tried = `, after going back ${MOST_ROLLBACKS} times, each time with half the learning rate`;
  } else if (skipped > 0) {
    tried = `, the last ${skipped} steps having been left out`;
  }
  return new UserError(
    'training-diverged',
    `step ${step}: expected finite numbers, found ${found}${tried}`,
    savedPath === undefined
      ? 'Nothing was saved. Begin again with a smaller --lr, or a smaller --clip-norm above 0.'
      : `What was saved before is whole: ${savedPath}. Go on from there with --resume and a smaller ` +
          '--lr, or a smaller --clip-norm above 0.',
  );
}
