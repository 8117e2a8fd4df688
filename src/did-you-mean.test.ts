import fc from 'fast-check';
import { expect, it } from 'vitest';
import { didYouMean, editDistance } from './did-you-mean.ts';

it.each([
  ['', '', 0],
  ['abc', 'abc', 0],
  ['abc', '', 3],
  ['optimiser', 'optimizer', 1],
  ['lstm', 'ltsm', 1],
  ['kitten', 'sitting', 3],
  ['ca', 'abc', 3],
])('%j is %s changes away from %j', (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance);
});

it('counts the same changes there and back, and none for the same word alone', () => {
  const word = fc.string({ maxLength: 8 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b) === 0).toBe(a === b);
    }),
  );
});

it.each([
  ['hiden', 'hidden'],
  ['HIDDEN', 'hidden'],
  ['batch_size', 'batch-size'],
  ['batchSize', 'batch-size'],
  ['lr', 'lr'],
])('%s is taken for %s', (typed, meant) => {
  expect(didYouMean(typed, ['lr', 'hidden', 'batch-size'])).toBe(meant);
});

it.each(['', 'xy', 'toString', 'h', 'something else'])('%j is like none', (typed) => {
  expect(didYouMean(typed, ['lr', 'hidden', 'batch-size'])).toBeUndefined();
});

it('looks at the beginning of a very long word alone', () => {
  expect(didYouMean('x'.repeat(1e6), ['hidden'])).toBeUndefined();
});
