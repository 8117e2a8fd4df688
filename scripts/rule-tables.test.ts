import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { TRAINING, withRuleTables } from './rule-tables.ts';

it('the tables of the rule are what npm run docs:reference would write now', () => {
  const text = readFileSync(TRAINING, 'utf8');
  expect(text).toBe(withRuleTables(text));
  expect(text).toContain('| from 300,000 | 64 | 2×192, 0, 0.015, 0.1 | 3×192, 0, 0.015, 0.2 |');
});
