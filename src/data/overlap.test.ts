import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { type OverlapOptions, OverlapProbe } from './overlap.ts';
import { TokenArray } from './token-sequence.ts';

function probe(heldOut: ArrayLike<number>, training: number[][], options: OverlapOptions) {
  const overlap = new OverlapProbe(new TokenArray(Int32Array.from(heldOut)), options);
  for (const ids of training) {
    const batch = Int32Array.from(ids);
    overlap.scan(batch);
    batch.fill(-1); // whoever gave it may use it again
  }
  return overlap.found();
}

/** The same by comparing every window with every place. */
function search(heldOut: number[], training: number[], windows: number, length: number) {
  const count = Math.min(windows, Math.floor(heldOut.length / length));
  const places = Array.from({ length: count }, (_, i) =>
    count === 1 ? 0 : Math.floor((i * (heldOut.length - length)) / (count - 1)),
  );
  expect(places.every((place, i) => i === 0 || place >= places[i - 1]! + length)).toBe(true);
  const probed = places
    .map((place) => heldOut.slice(place, place + length))
    .filter((window) => new Set(window).size > 1);
  const found = probed.filter((window) =>
    training.some((_, i) => window.every((id, j) => training[i + j] === id)),
  );
  return { probed: probed.length, found: found.length };
}

describe('an overlap probe', () => {
  it('finds the windows that a search finds, however the training tokens are cut', () => {
    const length = fc.integer({ min: 2, max: 6 });
    const windows = fc.integer({ min: 1, max: 12 });
    for (const ids of [
      fc.constantFrom(0, 1),
      fc.nat(3),
      fc.constantFrom(0, 1, 65_535, 2 ** 31 - 1),
    ]) {
      const heldOut = fc.array(ids, { maxLength: 60 });
      const training = fc.array(fc.array(ids, { maxLength: 30 }), { maxLength: 6 });
      fc.assert(
        fc.property(heldOut, training, windows, length, (held, batches, count, size) => {
          const options = { windows: count, length: size };
          expect(probe(held, batches, options)).toEqual(search(held, batches.flat(), count, size));
        }),
        { numRuns: 200 },
      );
    }
  });

  it('finds all of a text that was trained on, and nothing of another', () => {
    const random = new Random(1);
    const tokens = (count: number) => Array.from({ length: count }, () => random.integer(50));
    const [before, heldOut, after] = [tokens(5000), tokens(70_000), tokens(5000)];
    const training = [...before, ...heldOut, ...after];
    expect(probe(heldOut, [training], {})).toEqual({ probed: 1000, found: 1000 });
    const batches = [training.slice(0, 5001), training.slice(5001, 5002), training.slice(5002)];
    expect(probe(heldOut, batches, {})).toEqual({ probed: 1000, found: 1000 });
    expect(probe(heldOut, [tokens(100_000)], {})).toEqual({ probed: 1000, found: 0 });
    const half = [...tokens(100), ...heldOut.slice(0, 35_000), ...tokens(100)];
    expect(probe(heldOut, [half], {}).found).toBeCloseTo(500, -1);
  });

  it('does not look for less than a window, nor for one token repeated', () => {
    const training = [[...new Array(200).fill(3), 1, 2, 1, 2]];
    expect(probe([], training, {})).toEqual({ probed: 0, found: 0 });
    expect(probe(new Array(63).fill(3), training, {})).toEqual({ probed: 0, found: 0 });
    expect(probe(new Array(640).fill(3), training, {})).toEqual({ probed: 0, found: 0 });
    const options = { length: 4 };
    expect(probe([3, 3, 3, 3, 1, 2, 1, 2], training, options)).toEqual({ probed: 1, found: 1 });
  });

  it('does not look for windows of which most is unknown', () => {
    const mostly = [7, 7, 7, 1, 2, 2, 7, 7];
    const options = { length: 4, unknownId: 7 };
    expect(probe(mostly, [mostly], options)).toEqual({ probed: 1, found: 1 });
    expect(probe(mostly, [mostly], { length: 4 })).toEqual({ probed: 2, found: 2 });
  });

  it('counts windows that are the same each', () => {
    const heldOut = [1, 2, 3, 1, 2, 3, 4, 5, 6];
    expect(probe(heldOut, [[0, 1, 2, 3]], { length: 3 })).toEqual({ probed: 3, found: 2 });
  });
});
