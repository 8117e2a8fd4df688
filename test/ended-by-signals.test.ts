/** A few cells of what `torture/signals.ts` does at full length. */
import { expect, test } from 'vitest';
import { canProvision } from '../torture/signals/phases.ts';
import { type Cell, endBySignals, type Sizes } from '../torture/signals.ts';
import { TINY } from './cli-process.ts';

const sizes: Sizes = { model: TINY, characters: 20_000, words: 200_000, pace: 0.1 };

test.runIf(canProvision())('a signal ends a download and a compiler', async () => {
  const cells: Cell[] = [
    { phase: 'fetch', signal: 'SIGINT' },
    { phase: 'build', signal: 'SIGTERM' },
  ];
  const outcomes = await endBySignals(cells, sizes);
  expect(outcomes.map(({ savedStep }) => savedStep)).toEqual([undefined, undefined]);
});

test('a signal ends a run while text becomes tokens, and at its first step', async () => {
  const cells: Cell[] = [
    { phase: 'vocabulary', signal: 'SIGHUP' },
    { phase: 'first step', signal: 'SIGTERM' },
  ];
  expect(await endBySignals(cells, sizes)).toHaveLength(cells.length);
});

test('a signal in an evaluation and in a save leaves the last step to go on from', async () => {
  const cells: Cell[] = [
    { phase: 'evaluation', signal: 'SIGINT' },
    { phase: 'saving', signal: 'SIGHUP' },
  ];
  for (const { savedStep } of await endBySignals(cells, sizes))
    expect(savedStep).toBeGreaterThan(0);
});
