import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTimeToAverage } from './averaging.ts';

/** As the paper's code has it: it looks before it appends. */
function triggers(losses: number[], interval: number): boolean[] {
  const log: number[] = [];
  return losses.map((loss) => {
    const before = log.slice(0, log.length - interval);
    const found = log.length > interval && before.some((earlier) => loss > earlier);
    log.push(loss);
    return found;
  });
}

describe('averaging begins', () => {
  it('at the first validation that is worse than one more than the interval before', () => {
    // 3.1 is worse than 3, which is three back, but only with an interval of two.
    const losses = [5, 4, 3, 3.2, 3.3, 3.1];
    const at = (interval: number) =>
      losses.findIndex((_, i) => isTimeToAverage(losses.slice(0, i + 1), interval));
    expect([1, 2, 3].map(at)).toEqual([4, 5, -1]);
    expect(isTimeToAverage([1, 2, 2, 2, 2, 2])).toBe(false);
    expect(isTimeToAverage([1, 2, 2, 2, 2, 2, 2])).toBe(true);
    expect(isTimeToAverage([])).toBe(false);
  });

  it('never while the loss falls, or stays', () => {
    expect(isTimeToAverage([3, 2, 1, 0.5, 0.5, 0.5], 1)).toBe(false);
  });

  it('where the code of the paper has it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 9 })),
        fc.integer({ min: 1, max: 6 }),
        (losses, n) => {
          const found = losses.map((_, i) => isTimeToAverage(losses.slice(0, i + 1), n));
          expect(found).toEqual(triggers(losses, n));
        },
      ),
    );
  });
});
