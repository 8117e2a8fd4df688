import { describe, expect, it } from 'vitest';
import { compareValues, type Values } from './agreement.ts';
import { describeSpeed, measuredSizes } from './check-cuda-speed.ts';
import { checkTable, isWhole, rowsOfAgreement } from './check-cuda-table.ts';

const values = (losses: number[], gradients: number[]): Values => ({ GRU: { losses, gradients } });

describe('the values of two backends', () => {
  it('agree where none differs by more than 1e-4', () => {
    const found = compareValues(values([1, 2], [0, -3]), values([1.00005, 2], [0, -3.0003]));
    expect(found).toEqual([
      { kind: 'GRU', what: 'losses', difference: expect.closeTo(5e-5, 8), isWithin: true },
      { kind: 'GRU', what: 'gradients', difference: expect.closeTo(3e-4, 8), isWithin: false },
    ]);
  });

  it.each([[[Number.NaN, 2]], [[1, Number.NaN]]])(
    'do not agree where one is no number',
    (losses) => {
      expect(compareValues(values([1, 2], []), values(losses, []))[0]).toMatchObject({
        difference: Number.NaN,
        isWithin: false,
      });
    },
  );

  it('have to be as many', () => {
    expect(() => compareValues(values([1, 2], []), values([1], []))).toThrow(
      'losses of GRU: expected 2 numbers, found 1',
    );
  });
});

describe('the table', () => {
  it('says what is wrong, and passes only where nothing is', () => {
    const agreements = compareValues(values([1], [1]), values([1], [2]));
    const rows = rowsOfAgreement(agreements);
    expect(isWhole(rows)).toBe(false);
    expect(isWhole(rows.slice(0, 1))).toBe(true);
    expect(checkTable('cuda', rows)).toMatchObject({
      title: 'The cuda backend on this machine',
      rows: [
        ['values', 'GRU: losses, largest difference', '0.0e+0', 'right'],
        ['values', 'GRU: gradients, largest difference', '1.0e+0', 'WRONG'],
      ],
      notes: [expect.stringContaining('0.0001'), '1 of 2 wrong.'],
    });
  });

  it('has the benchmark’s sizes and two layers of 2048, beside PyTorch where it is', () => {
    expect(measuredSizes).toEqual(['seed', 'char', 'small', 'h2048']);
    expect(describeSpeed(12_000, 10_000)).toBe('12 000; PyTorch 10 000; ratio 1.20');
    expect(describeSpeed(12_000, undefined)).toBe('12 000; PyTorch is not there');
  });
});
