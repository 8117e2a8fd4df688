import { describe, expect, test } from 'vitest';
import { barLine } from './progress-bar.ts';

const fields = ['step 12345', 'loss 1.234', '1:02:03 left', 'ppl 3.435', 'ep 12.3', '12.3k tok/s'];

describe('barLine', () => {
  test.for([200, 80, 79, 60, 40, 39, 30, 20, 12, 10])('fits %i columns', (columns) => {
    for (const share of [0, 0.004, 0.5, 0.999, 1]) {
      const line = barLine(share, fields, columns);
      expect(line.length).toBeLessThanOrEqual(columns);
      expect(line).toContain(`${Math.floor(share * 100)}%`);
    }
  });

  test('leaves out the last fields first, and only whole ones', () => {
    expect(barLine(0.5, fields, 32)).toMatch(/^█+░+ {2}50% step 12345 loss 1\.234$/);
    expect(barLine(0.5, fields, 120)).toContain(fields.join('  '));
  });

  test('sets the fields closer where there is less room', () => {
    expect(barLine(0.5, fields, 76)).toContain(fields.join(' '));
  });

  test('the bar is empty at the start, full at the end and 24 columns at most', () => {
    expect(barLine(0, [], 80)).toBe(`${'░'.repeat(24)}   0%`);
    expect(barLine(1, [], 80)).toBe(`${'█'.repeat(24)} 100%`);
  });
});
