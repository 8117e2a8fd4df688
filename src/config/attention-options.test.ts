import { describe, expect, it } from 'vitest';
import { parseStored } from '../option-table.ts';
import { modelConfigOf, resolveTrainOptions, ruleOptions } from './train.ts';
import { trainOptions } from './train-options.ts';

describe('attention', () => {
  it('looks 64 tokens back, or as far as it is told to', () => {
    const spanOf = (given: { attention?: boolean; attentionSpan?: number }) =>
      modelConfigOf(resolveTrainOptions(given), 100).attentionSpan;
    expect(spanOf({})).toBeUndefined();
    expect(spanOf({ attention: true })).toBe(64);
    expect(spanOf({ attention: true, attentionSpan: 5 })).toBe(5);
  });

  it('is not in a checkpoint of before', () => {
    const stored = parseStored(trainOptions, { layers: 2 }, 'x');
    expect(modelConfigOf(stored, 100).attentionSpan).toBeUndefined();
  });

  it('is refused with one layer, and its span without it', () => {
    for (const given of [{ layers: 1 }, { preset: 'tiny' }] as const) {
      expect(() => resolveTrainOptions({ ...given, attention: true })).toThrow(
        '--attention: expected at least 2 layers, found 1',
      );
    }
    expect(() => resolveTrainOptions({ attentionSpan: 9 })).toThrow(
      'expected --attention-span with --attention alone, found --attention-span 9 without',
    );
    expect(resolveTrainOptions({ resume: true, attentionSpan: 9 }).attentionSpan).toBe(9);
  });

  it('has a second layer where the rule would choose one', () => {
    const text = { trainTokens: 2000, vocabularySize: 65 };
    const machine = { nativeOperations: false, fastBfloat16: false };
    const layersOf = (given: { attention?: boolean }) =>
      ruleOptions(given, resolveTrainOptions(given), text, machine).layers;
    expect(layersOf({})).toBe(1);
    expect(layersOf({ attention: true })).toBe(2);
  });
});
