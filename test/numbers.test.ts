import { expect, test } from 'vitest';
import { diverge } from '../torture/numbers.ts';
import { useBackend } from './support/backends.ts';

test.each(['wasm', 'tensorflow'] as const)(
  'on %s no checkpoint holds a number that is not finite, whatever the rate and the answer',
  async (backend) => {
    await useBackend(backend);
    const options = {
      optimizers: ['sgd'],
      learningRates: [0.1, 1e21, 1e38],
      clipNorms: [0],
    } as const;
    // Throws where one does.
    const figures = await diverge({ ...options, steps: 15 });
    expect(figures.runs).toBe(9);
    expect(figures.checkpoints).toBeGreaterThan(0);
    expect(figures.rollbacks).toBeGreaterThan(0);
    expect(figures.explained).toBeGreaterThan(0);
  },
);
