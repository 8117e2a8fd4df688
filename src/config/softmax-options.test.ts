import { describe, expect, it } from 'vitest';
import { parseStored } from '../option-table.ts';
import { assertSoftmaxFits } from './softmax-options.ts';
import { modelConfigOf, resolveTrainOptions } from './train.ts';
import { trainOptions } from './train-options.ts';

const adaptive = { tokenizer: 'word', softmax: 'adaptive' } as const;

describe('the adaptive softmax', () => {
  it('cuts the vocabulary at a tenth and a third, or where it is told to', () => {
    const cutoffs = (given: { softmaxCutoffs?: number[] }, vocabularySize: number) =>
      modelConfigOf(resolveTrainOptions({ ...adaptive, ...given }), vocabularySize).softmaxCutoffs;
    expect(cutoffs({}, 30_000)).toEqual([3000, 10_000]);
    expect(cutoffs({}, 101)).toEqual([11, 34]);
    expect(cutoffs({ softmaxCutoffs: [5, 8, 9] }, 30)).toEqual([5, 8, 9]);
  });

  it('has as many clusters as there is room for', () => {
    const options = resolveTrainOptions(adaptive);
    const cutoffs = [1, 2, 3, 4, 11].map((size) => modelConfigOf(options, size).softmaxCutoffs);
    expect(cutoffs).toEqual([[], [1], [1], [1, 2], [2, 4]]);
  });

  it('is the full one where none is chosen, as in a checkpoint of before', () => {
    const stored = parseStored(trainOptions, { tokenizer: 'word' }, 'x');
    for (const options of [stored, resolveTrainOptions({})]) {
      expect(modelConfigOf(options, 100).softmaxCutoffs).toBeUndefined();
    }
  });

  it('is refused with --tied, and its cutoffs without it', () => {
    expect(() => resolveTrainOptions({ ...adaptive, tied: true })).toThrow(
      'expected at most one of --tied and --softmax adaptive, found both',
    );
    expect(() => resolveTrainOptions({ softmaxCutoffs: [5] })).toThrow(
      'expected --softmax-cutoffs with --softmax adaptive alone, found it without',
    );
  });

  it('is refused for tokens that are in no order of frequency', () => {
    for (const tokenizer of ['char', 'bpe', 'byte'] as const) {
      expect(() => resolveTrainOptions({ softmax: 'adaptive', tokenizer })).toThrow(
        `as those of --tokenizer word are, found --tokenizer ${tokenizer}`,
      );
    }
    const options = resolveTrainOptions({ softmax: 'adaptive', tokenizerFile: 'some.json' });
    expect(() => assertSoftmaxFits(options, { kind: 'file', vocabularySize: 50 })).toThrow(
      'as those of --tokenizer word are, found some.json',
    );
    assertSoftmaxFits(options, { kind: 'word', vocabularySize: 50 });
    const full = resolveTrainOptions({ tokenizerFile: 'some.json' });
    assertSoftmaxFits(full, { kind: 'file', vocabularySize: 50 });
  });

  it('is refused for cutoffs that the vocabulary does not have', () => {
    const options = resolveTrainOptions({ ...adaptive, softmaxCutoffs: [10, 20] });
    assertSoftmaxFits(options, { kind: 'word', vocabularySize: 21 });
    expect(() => assertSoftmaxFits(options, { kind: 'word', vocabularySize: 20 })).toThrow(
      '--softmax-cutoffs: expected numbers below the vocabulary’s size, 20, found 20',
    );
  });

  it('need not be named again for a run that goes on', () => {
    expect(() => resolveTrainOptions({ softmax: 'adaptive', resume: true })).not.toThrow();
    expect(() => resolveTrainOptions({ softmaxCutoffs: [5], resume: true })).not.toThrow();
  });
});
