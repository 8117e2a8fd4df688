import { describe, expect, it } from 'vitest';
import { modelConfigOf, resolveTrainOptions, ruleOptions } from './train.ts';
import { optionsOfWeights } from './weights-options.ts';

const stored = resolveTrainOptions({
  ...{ tokenizer: 'word', vocabularySize: 500, wordSplit: 'unicode', hiddenSize: 24, layers: 3 },
  ...{ tied: true, residual: true, norm: 'layer', dropout: 0.4, optimizer: 'sgd', learningRate: 3 },
});

describe('what weights decide', () => {
  it('are tokens and the model, not how it learns', () => {
    const fixed = optionsOfWeights(stored, {});
    expect(fixed).toMatchObject({
      ...{ tokenizer: 'word', vocabularySize: 500, wordSplit: 'unicode', hiddenSize: 24 },
      ...{ layers: 3, tied: true, residual: true, norm: 'layer', cell: 'gru', attention: false },
    });
    for (const name of ['dropout', 'optimizer', 'learningRate', 'maxTime', 'seed', 'encoding']) {
      expect(fixed).not.toHaveProperty(name);
    }
  });

  it('make the same model of a run that begins with them, with the rule for what is left', () => {
    for (const given of [{}, { preset: 'tiny' }, { maxTime: 900 }] as const) {
      const fresh = resolveTrainOptions({ ...given, initFrom: 'x' });
      const fixed = optionsOfWeights(stored, given);
      const machine = { nativeOperations: true, fastBfloat16: true };
      const text = { trainTokens: 1e6, vocabularySize: 500 };
      const options = { ...fresh, ...fixed };
      const byRule = ruleOptions({ ...given, ...fixed }, options, text, machine);
      const model = modelConfigOf({ ...options, ...byRule }, 500);
      const { dropout, dropoutEmbedding, ...expected } = modelConfigOf(stored, 500);
      expect(model).toMatchObject(expected);
    }
  });

  it('may be given as they are, and not otherwise', () => {
    expect(() => optionsOfWeights(stored, { hiddenSize: 24, tied: true })).not.toThrow();
    expect(() => optionsOfWeights(stored, { attention: false, dropout: 0.1 })).not.toThrow();
    expect(() => optionsOfWeights(stored, { hiddenSize: 25 })).toThrow(
      '--hidden: expected 24, as the model of --init-from has it, found 25',
    );
    expect(() => optionsOfWeights(stored, { tied: false })).toThrow(
      '--tied: expected true, as the model of --init-from has it, found false',
    );
    expect(() => optionsOfWeights(stored, { minCount: 2 })).toThrow('--min-count: expected none');
    expect(() => optionsOfWeights(stored, { tokenizer: 'char' })).toThrow('--tokenizer');
  });
});
