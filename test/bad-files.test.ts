import { expect, it } from 'vitest';
import { meetBadFiles } from '../torture/bad-files.ts';

it('bad files are refused by name, soon and in little memory, or are right', async () => {
  const found = await meetBadFiles(
    { cuts: 3, bitFlips: 20, mutations: 300, everyHostile: 43 },
    () => undefined,
  );
  // Ten files: nine of the checkpoint, and run.json.
  expect(found.truncations).toMatchObject({ refused: 30, loaded: 0 });
  expect(found.bitFlips).toMatchObject({ refused: 20, loaded: 0 });
  expect(found.mutations.refused + found.mutations.loaded).toBe(300);
  expect(found.mutations.refused).toBeGreaterThan(200);
  expect(found.mutations.loaded).toBeGreaterThan(5);
  expect(found.hostile).toMatchObject({ refused: 3, loaded: 0 });
});
