import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { likeliest, rankOf } from './likeliest.ts';

const rows = fc.array(fc.integer({ min: -5, max: 0 }), { minLength: 1, maxLength: 30 });

describe('the likeliest tokens', () => {
  it('are the first of all in falling order, equal ones by id', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 35 }), (row, count) => {
        const expected = row
          .map((logProbability, id) => ({ id, logProbability }))
          .sort((a, b) => b.logProbability - a.logProbability || a.id - b.id)
          .slice(0, count);
        expect(likeliest(Float32Array.from(row), count)).toEqual(expected);
      }),
    );
  });

  it('have the ranks from 1 on, and equal ones the same', () => {
    fc.assert(
      fc.property(rows, fc.nat(), (row, pick) => {
        const id = pick % row.length;
        const rank = row.filter((other) => other > row[id]!).length + 1;
        expect(rankOf(Float32Array.from(row), id)).toBe(rank);
      }),
    );
  });
});
