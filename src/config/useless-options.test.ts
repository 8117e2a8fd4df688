import { describe, expect, it } from 'vitest';
import { resolveTrainOptions } from './train.ts';
import type { GivenTrainOptions } from './train-options.ts';

describe('options that would change nothing', () => {
  const refused: [GivenTrainOptions, string][] = [
    [{ momentum: 0.9 }, '--momentum: expected --optimizer sgd or nt-asgd, found none'],
    [
      { momentum: 0.9, optimizer: 'muon' },
      '--momentum: expected --optimizer sgd or nt-asgd, found',
    ],
    [{ nonMonotone: 3, optimizer: 'sgd' }, '--nonmono: expected --optimizer nt-asgd, found sgd'],
    [
      { weightDecay: 1e-6, optimizer: 'nt-asgd' },
      '--weight-decay: expected --optimizer adamw or muon, found nt-asgd',
    ],
    [{ weightDecay: 0.1, preset: 'tiny' }, '--weight-decay: expected --optimizer adamw or muon'],
    [
      { gruVariant: 'reset-before', cell: 'lstm' },
      '--gru-variant: expected --cell gru, found lstm',
    ],
    [{ warmup: 0.1, learningRateDecay: 'one-cycle' }, '--warmup: expected another --lr-decay'],
    [{ valid: 'a', validSplit: 0.1 }, '--valid-split: expected at most one of it and --valid'],
    [{ test: 'a', testSplit: 0.1 }, '--test-split: expected at most one of it and --test'],
  ];
  it.each(refused)('are refused: %j', (given, message) => {
    expect(() => resolveTrainOptions(given)).toThrow(message);
  });

  it.each<GivenTrainOptions>([
    { momentum: 0.9, optimizer: 'sgd' },
    { momentum: 0, optimizer: 'muon' },
    { nonMonotone: 3, optimizer: 'nt-asgd' },
    // The machine chooses an optimizer that does so.
    { weightDecay: 0.1 },
    { weightDecay: 0, optimizer: 'adam' },
    { gruVariant: 'reset-before' },
    // As a preset has it, and a file that --print-config wrote.
    { preset: 'seed', cell: 'lstm' },
    { gruVariant: 'reset-after', cell: 'lstm' },
    { warmup: 0.1 },
    { validSplit: 0.1, testSplit: 0.1 },
    { test: 'a', testSplit: 0 },
  ])('are not those that do: %j', (given) => {
    expect(() => resolveTrainOptions(given)).not.toThrow();
  });
});
