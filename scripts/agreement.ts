/** How far numbers of one backend are from those of the reference. */

/** Lists of numbers, by the kind of model and what they are. */
export type Values = Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;

/** The largest difference of one list, and whether that is within what is allowed. */
export interface Agreement {
  kind: string;
  what: string;
  difference: number;
  isWithin: boolean;
}

/** The largest difference that float32 is allowed, between logits as between losses and gradients. */
export const TOLERANCE = 1e-4;

/** @throws Error where the two have not the same lists */
export function compareValues(reference: Values, found: Values): Agreement[] {
  return Object.entries(reference).flatMap(([kind, lists]) =>
    Object.entries(lists).map(([what, expected]) => {
      const others = found[kind]?.[what];
      if (others?.length !== expected.length) {
        throw new Error(
          `${what} of ${kind}: expected ${expected.length} numbers, found ${others?.length}`,
        );
      }
      // A number that is none makes the difference none, which is within nothing.
      const difference = expected.reduce((largest, value, i) => {
        const distance = Math.abs(value - others[i]!);
        return distance <= largest || Number.isNaN(largest) ? largest : distance;
      }, 0);
      return { kind, what, difference, isWithin: difference <= TOLERANCE };
    }),
  );
}
