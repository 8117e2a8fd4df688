import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundaryOf } from './boundary.ts';

describe('the boundary', () => {
  it('is where the first by key reach what is wanted, whatever order they come in', () => {
    const item = fc.record({ key: fc.integer({ min: -3, max: 3 }), weight: fc.nat({ max: 9 }) });
    fc.assert(
      fc.property(
        fc.array(item, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 200 }),
        fc.infiniteStream(fc.nat()),
        (items, wanted, shuffle) => {
          const keys = items.map(({ key }) => key);
          const weights = items.map(({ weight }) => weight);
          const sorted = items.map((_, id) => id).sort((a, b) => keys[a]! - keys[b]! || a - b);
          let sum = 0;
          const expected = sorted.find((id) => {
            sum += weights[id]!;
            return sum >= wanted;
          });
          const places = items.map(() => shuffle.next().value as number);
          const ids = Int32Array.from(items.keys()).sort((a, b) => places[a]! - places[b]!);
          expect(boundaryOf(ids.slice(), keys, weights, wanted)).toBe(expected ?? sorted.at(-1));
          const count = Math.min(wanted, items.length);
          expect(boundaryOf(ids, keys, undefined, count)).toBe(sorted[count - 1]);
          expect([...ids].sort((a, b) => a - b)).toEqual([...items.keys()]);
        },
      ),
    );
  });
});
