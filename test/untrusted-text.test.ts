/** A few cases of what `torture/untrusted-text.ts` does at full length. */
import { expect, test } from 'vitest';
import { hasTerminal } from '../torture/untrusted-text/terminal.ts';
import { showHostileText } from '../torture/untrusted-text.ts';

const CASES = [
  'train with its bar, on a name of two lines',
  'info run x·[2J·]0;title··',
  'info bad-data, --json --debug',
  'sample',
  'tokenize',
  'inspect',
  'a long option',
];

test.runIf(hasTerminal)(
  'a terminal gets no control characters but line ends and tabs, wherever they stand',
  async () => {
    const { cases } = await showHostileText(({ name }) => CASES.includes(name));
    expect(cases).toBe(CASES.length + 1);
  },
);
