import { UserError } from '../errors.ts';

const USUAL_ORDER = 5;
const HIGHEST_ORDER = 10;

/**
 * The order that `--baseline ngram` or `--baseline ngram:N` asks for.
 *
 * @throws UserError `usage` for anything else
 */
export function baselineOrderOf(given: string): number {
  const match = /^ngram(?::(\d+))?$/.exec(given);
  const order = Number(match?.[1] ?? USUAL_ORDER);
  if (match && order >= 1 && order <= HIGHEST_ORDER) return order;
  throw new UserError(
    'usage',
    `--baseline: expected ngram, or ngram:N with N from 1 to ${HIGHEST_ORDER}, found ${given}`,
    `Give --baseline ngram for order ${USUAL_ORDER}, or such as --baseline ngram:3.`,
  );
}
