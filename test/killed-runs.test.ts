import { expect, test } from 'vitest';
import { killAndResume } from '../torture/kills.ts';

test('a run that is killed at random moments goes on, and ends as one that was not', async () => {
  const options = { kills: 5, seed: 4, steps: 6, asksProgram: false };
  const { kills, runs, loaded } = await killAndResume(options, () => undefined);
  expect(kills).toBe(5);
  expect(runs).toBeGreaterThan(0);
  expect(loaded).toBeGreaterThan(0);
});
