import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseOption } from '../option-table.ts';
import {
  chosenByRule,
  defaultsByRule,
  type MachineKind,
  type RuledOptions,
  type RuleInput,
} from './defaults-by-rule.ts';
import { trainOptions } from './train-options.ts';

const slow: MachineKind = { nativeOperations: false, fastBfloat16: false };
const fast: MachineKind = { nativeOperations: true, fastBfloat16: true };
const usual = {
  ...{ vocabularySize: 65, bptt: 64, gradientAccumulation: 1 },
  ...({ cell: 'gru', activation: 'tanh', attention: false, norm: 'none' } as const),
  ...{ fullSoftmax: true, momentum: 0, isDecayGiven: false, machine: slow },
};

function ruled(trainTokens: number, maxTime: number, more: Partial<RuleInput> = {}): RuledOptions {
  return defaultsByRule({ trainTokens, budget: { maxTime }, ...usual, ...more });
}

const machines = fc.constantFrom(slow, fast);
const tokens = fc.integer({ min: 2, max: 100_000_000 });
const seconds = fc.double({ min: 0.1, max: 100_000, noNaN: true });
const vocabulary = fc.integer({ min: 2, max: 1_000_000 });
const pairOf = (numbers: fc.Arbitrary<number>) =>
  fc.tuple(numbers, numbers).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

describe('defaults by rule', () => {
  it.each([
    [60, { hiddenSize: 192, layers: 3, learningRate: 0.015, weightDecay: 0.2 }],
    [135, { hiddenSize: 192, layers: 3, learningRate: 0.015, weightDecay: 0.2 }],
    [300, { hiddenSize: 256, layers: 4, learningRate: 0.015, weightDecay: 0.5 }],
    [900, { hiddenSize: 384, layers: 4, learningRate: 0.01, weightDecay: 0.7 }],
  ])('for a million characters and %d seconds are as measured', (maxTime, expected) => {
    expect(ruled(1_000_000, maxTime, { machine: fast })).toEqual({
      ...{ ...expected, dropout: 0, dropoutEmbedding: 0, embeddingSize: 64 },
      ...{ batchSize: 64, optimizer: 'muon', ema: 0.998 },
      ...{ gruVariant: 'reset-before', precision: 'bfloat16' },
      ...{ tied: false, residual: false, wordFeatures: false, outputBias: 'frequencies' },
    });
  });

  it('let weights decay less where more of a text is read less often', () => {
    const decays = (tokens: number) =>
      [60, 300, 900].map((maxTime) => ruled(tokens, maxTime, { machine: fast }).weightDecay);
    expect(decays(1_499_999)).toEqual([0.2, 0.5, 0.7]);
    expect(decays(1_500_000)).toEqual([0.2, 0.3, 0.4]);
    expect(decays(3_000_000)).toEqual([0.1, 0.1, 0.2]);
  });

  it.each([
    // What is dropped of outputs and of embeddings, and decays.
    [1_000_000, 60, [0, 0, 0.2]],
    [1_000_000, 900, [0, 0, 0.7]],
    [1_000_000, 3600, [0.1, 0.2, 0.7]],
    [450_000, 60, [0, 0, 0.2]],
    [450_000, 135, [0, 0.1, 0.7]],
    [450_000, 300, [0, 0.1, 0.7]],
    [180_000, 60, [0, 0.1, 0.7]],
    [180_000, 135, [0.1, 0.2, 0.6]],
    [180_000, 300, [0.2, 0.2, 0.5]],
    [63_000, 135, [0.4, 0.2, 0.5]],
    [18_000, 135, [0.5, 0.3, 0.7]],
  ])(
    'drop more and let more decay of %d characters the more often %d seconds read them',
    (trainTokens, maxTime, expected) => {
      const { dropout, dropoutEmbedding, weightDecay } = ruled(trainTokens, maxTime, {
        machine: fast,
      });
      expect([dropout, dropoutEmbedding, weightDecay]).toEqual(expected);
    },
  );

  it('count passes of what a size has time for, but those that are asked for as they are', () => {
    const few = { machine: fast, vocabularySize: 65 };
    // 900 s of 4×384 are 7 passes over a million, of 3×192 they would be 36.
    expect(ruled(1_000_000, 900, few).dropoutEmbedding).toBe(0);
    expect(ruled(1_000_000, 0, { ...few, budget: { epochs: 8 } }).dropoutEmbedding).toBe(0);
    expect(ruled(1_000_000, 0, { ...few, budget: { epochs: 10 } }).dropoutEmbedding).toBe(0.1);
    expect(ruled(1_000_000, 900, { ...few, optimizer: 'adam' }).dropoutEmbedding).toBe(0);
  });

  it.each([
    [60, { hiddenSize: 256, dropout: 0, learningRate: 0.006 }],
    [135, { hiddenSize: 256, dropout: 0, learningRate: 0.006 }],
    [300, { hiddenSize: 384, dropout: 0.1, learningRate: 0.004 }],
    [900, { hiddenSize: 512, dropout: 0.2, learningRate: 0.003 }],
  ])('without native operations, for as many and %d seconds, go with Adam', (maxTime, expected) => {
    expect(ruled(1_000_000, maxTime)).toEqual({
      ...{ ...expected, layers: 2, embeddingSize: 64, batchSize: 32, optimizer: 'adam' },
      ...{ gruVariant: 'reset-after', precision: 'float32', weightDecay: 0.01 },
      ...{ tied: false, residual: false, wordFeatures: false, dropoutEmbedding: 0, ema: 0.998 },
      outputBias: 'frequencies',
    });
  });

  it('make embeddings as long as the layers that are asked for, for words', () => {
    const words = { vocabularySize: 10_000, machine: fast };
    const most = ruled(10_000_000, 900, { ...words, hiddenSize: 4096 }).embeddingSize;
    for (const hiddenSize of [8, 200, most, 4096]) {
      const { embeddingSize } = ruled(1_000_000, 60, { ...words, hiddenSize });
      expect(embeddingSize).toBe(Math.min(hiddenSize, most));
    }
  });

  it('never make a smaller model of more text or more time', () => {
    fc.assert(
      fc.property(machines, pairOf(tokens), pairOf(seconds), (machine, [few, many], time) => {
        const [less, more] = [ruled(few, time[0], { machine }), ruled(many, time[1], { machine })];
        for (const size of ['hiddenSize', 'layers', 'embeddingSize', 'batchSize'] as const) {
          expect(less[size]).toBeLessThanOrEqual(more[size]);
        }
      }),
    );
  });

  it('drop more of less text, and more in more time', () => {
    fc.assert(
      fc.property(
        pairOf(tokens),
        pairOf(seconds),
        vocabulary,
        ([few, many], [short, long], vocabularySize) => {
          const dropout = (text: number, time: number) =>
            ruled(text, time, { vocabularySize }).dropout;
          expect(dropout(few, short)).toBeGreaterThanOrEqual(dropout(many, short));
          expect(dropout(few, short)).toBeLessThanOrEqual(dropout(few, long));
        },
      ),
    );
  });

  it('learn more slowly in more time, and of more different tokens with larger embeddings', () => {
    fc.assert(
      fc.property(
        tokens,
        pairOf(seconds),
        pairOf(vocabulary),
        (text, [short, long], [few, many]) => {
          const [less, more] = [few, many].map((vocabularySize) =>
            ruled(text, short, { vocabularySize }),
          ) as [RuledOptions, RuledOptions];
          expect(ruled(text, long).learningRate).toBeLessThanOrEqual(
            ruled(text, short).learningRate,
          );
          expect(less.learningRate).toBeGreaterThanOrEqual(more.learningRate);
          expect(less.embeddingSize).toBeLessThanOrEqual(more.embeddingSize);
          expect(more.embeddingSize).toBeLessThanOrEqual(more.hiddenSize);
        },
      ),
    );
  });

  it('are what their options would take, for batches that the text has room for', () => {
    const bptts = fc.integer({ min: 1, max: 1000 });
    const parts = fc.integer({ min: 1, max: 100 });
    fc.assert(
      fc.property(
        tokens,
        seconds,
        vocabulary,
        bptts,
        parts,
        (text, time, size, bptt, accumulation) => {
          const input = { vocabularySize: size, bptt, gradientAccumulation: accumulation };
          const options = ruled(text, time, input);
          for (const [name, value] of Object.entries(options)) {
            if (typeof value === 'boolean') continue;
            expect(parseOption(trainOptions[name as keyof RuledOptions], `${value}`)).toBe(value);
          }
          expect(options.batchSize % accumulation).toBe(0);
          if (text > accumulation * bptt) {
            expect(options.batchSize * bptt).toBeLessThan(text);
          }
        },
      ),
    );
  });

  it('take steps and epochs for the time that they need, and the tightest limit', () => {
    const byTime = ruled(1_000_000, 300);
    // 300 s of 40 000 tokens, in steps of 32 × 64 or passes over a million.
    expect(ruled(1_000_000, 0, { budget: { maxSteps: 5860 } })).toEqual(byTime);
    expect(ruled(1_000_000, 0, { budget: { epochs: 12 } })).toEqual(byTime);
    expect(ruled(1_000_000, 0, { budget: { epochs: 1e6, maxTime: 300 } })).toEqual(byTime);
    expect(ruled(1_000_000, 0, { budget: { epochs: 1e6, maxSteps: 10 } })).toEqual(
      ruled(1_000_000, 1),
    );
  });

  it('take words for the longer time that they need', () => {
    const words = { vocabularySize: 10_000, machine: fast };
    const byTime = ruled(448_123, 280, words);
    expect(byTime).toMatchObject({ hiddenSize: 256, layers: 2 });
    // At 8000 a second.
    expect(ruled(448_123, 0, { ...words, budget: { epochs: 5 } })).toEqual(byTime);
    expect(ruled(448_123, 0, { ...words, budget: { maxSteps: 547 } })).toEqual(byTime);
  });

  it('leave alone what a user or a preset decides', () => {
    const { hiddenSize, dropout, dropoutEmbedding, weightDecay, ...rest } = ruled(1e6, 60);
    const input = { ...usual, trainTokens: 1e6, budget: { maxTime: 60 } };
    expect(chosenByRule(input, { dropout: 0 }, { hiddenSize: 8 })).toEqual(rest);
    // What Adam does not do is not decided.
    expect(chosenByRule({ ...input, optimizer: 'adamw' }, {})).toMatchObject({ weightDecay });
    expect(chosenByRule(input, { dropoutEmbedding: 0.2 })).toMatchObject({ dropout });
  });

  it('evaluate the mean of the weights, but where there is another or it has not its own statistics', () => {
    expect(ruled(1e6, 60, { norm: 'layer', optimizer: 'sgd' }).ema).toBe(0.998);
    expect(ruled(1e6, 60, { norm: 'batch' }).ema).toBe(0);
    expect(ruled(1e6, 60, { optimizer: 'nt-asgd' }).ema).toBe(0);
  });

  it('take what the native operations make fast, where they are', () => {
    const machine = { ...fast, fastBfloat16: false };
    expect(ruled(1e6, 60, { machine })).toMatchObject({
      ...{ optimizer: 'muon', gruVariant: 'reset-before', precision: 'float32' },
      ...{ batchSize: 64, learningRate: 0.015 },
    });
    expect(ruled(1e6, 60, { machine: fast }).precision).toBe('bfloat16');
    // These layers are composed of many operations, wherever they run.
    expect(ruled(1e6, 60, { machine, activation: 'relu' }).gruVariant).toBe('reset-after');
    expect(ruled(1e6, 60, { machine, cell: 'lstm' }).gruVariant).toBe('reset-after');
  });

  it.each([
    [{ maxTime: 60 }, [0, 0, 0.2]],
    [{ maxTime: 300 }, [0, 0.1, 1]],
    [{ maxTime: 600 }, [0.15, 0.2, 1]],
    [{ maxTime: 900 }, [0.2, 0.35, 1]],
    [{ epochs: 2, maxTime: 600 }, [0, 0, 0.2]],
    [{ epochs: 5 }, [0, 0.1, 1]],
    [{ maxSteps: 1100 }, [0.15, 0.2, 1]],
  ])(
    'drop more of half a million words in %j, and let weights decay, if it is to read them again and again',
    (budget, expected) => {
      const words = { vocabularySize: 10_000, machine: fast };
      const options = ruled(448_123, 0, { ...words, budget });
      const { dropout, dropoutEmbedding, weightDecay } = options;
      expect([dropout, dropoutEmbedding, weightDecay]).toEqual(expected);
      expect(options.learningRate).toBe(0.016);
      const { weightDecay: adams } = ruled(448_123, 0, { ...words, budget, optimizer: 'adamw' });
      expect(adams).toBe(0.01);
    },
  );

  it('count the steps that are given by the batch that is', () => {
    const words = { vocabularySize: 10_000, machine: fast };
    for (const batchSize of [8, 64, 200]) {
      const passes = (1100 * batchSize * 64) / 448_123;
      const bySteps = ruled(448_123, 0, { ...words, budget: { maxSteps: 1100 }, batchSize });
      expect(bySteps).toEqual(ruled(448_123, 0, { ...words, budget: { epochs: passes } }));
    }
  });

  it('have a rate of its own for SGD, less of it with momentum', () => {
    for (const optimizer of ['sgd', 'nt-asgd'] as const) {
      expect(ruled(1e6, 60, { optimizer }).learningRate).toBe(5);
      expect(ruled(1e6, 60, { optimizer, momentum: 0.9 }).learningRate).toBe(0.5);
    }
  });

  it('score many words by their embeddings, and add what layers read', () => {
    const words = { vocabularySize: 10_000, machine: fast };
    expect(ruled(1e6, 60, words)).toMatchObject({
      ...{ tied: true, residual: true, hiddenSize: 192, embeddingSize: 192, dropout: 0 },
    });
    expect(ruled(1e6, 60, { ...words, fullSoftmax: false }).tied).toBe(false);
  });

  it('let many tokens learn from others like them, by what has a step for each number', () => {
    const words = { vocabularySize: 1000, machine: fast };
    expect(ruled(1e6, 60, words).wordFeatures).toBe(true);
    expect(ruled(1e6, 60, { ...words, machine: slow }).wordFeatures).toBe(true);
    expect(ruled(1e6, 60, { ...words, optimizer: 'sgd' }).wordFeatures).toBe(false);
    expect(ruled(1e6, 60, { ...words, vocabularySize: 999 }).wordFeatures).toBe(false);
  });

  it('take the layers of characters for parts of words, and let weights decay where these are read again and again', () => {
    const parts = { vocabularySize: 1408, machine: fast };
    // 120 s of 40 000 tokens are 6.9, 11.7 and 3.7 passes.
    expect(ruled(700_000, 120, parts)).toMatchObject({
      ...{ hiddenSize: 192, layers: 3, embeddingSize: 128, tied: false, residual: false },
      ...{ learningRate: 0.015, weightDecay: 0.4, dropout: 0, dropoutEmbedding: 0 },
    });
    expect(ruled(411_264, 120, parts).weightDecay).toBe(0.9);
    expect(ruled(1_300_000, 120, parts).weightDecay).toBe(0.2);
    expect(ruled(411_264, 120, { ...parts, optimizer: 'adamw' }).weightDecay).toBe(0.01);
    expect(ruled(411_264, 120, { ...parts, vocabularySize: 4096 })).toMatchObject({
      ...{ layers: 2, embeddingSize: 192, tied: true, residual: true },
    });
  });

  it('score many words by their embeddings by any optimizer', () => {
    const words = { vocabularySize: 10_000 };
    expect(ruled(1e6, 60, words)).toMatchObject({
      ...{ optimizer: 'adam', tied: true, residual: true, embeddingSize: 256 },
    });
    for (const optimizer of ['rmsprop', 'sgd'] as const) {
      expect(ruled(1e6, 60, { ...words, optimizer }).tied).toBe(true);
    }
  });

  it('begin with how frequent tokens are, but words that Muon reads again and again', () => {
    const biasOf = (epochs: number, more: Partial<RuleInput>) =>
      ruled(448_123, 0, { machine: fast, budget: { epochs }, ...more }).outputBias;
    expect(biasOf(7, { vocabularySize: 10_000 })).toBe('frequencies');
    expect(biasOf(8, { vocabularySize: 10_000 })).toBe('zero');
    expect(biasOf(11, { vocabularySize: 10_000 })).toBe('zero');
    expect(biasOf(11, { vocabularySize: 10_000, optimizer: 'adam' })).toBe('frequencies');
    expect(biasOf(11, { vocabularySize: 1000 })).toBe('frequencies');
    expect(biasOf(11, {})).toBe('frequencies');
  });

  it('go with an optimizer that is chosen already', () => {
    const adam = ruled(1e6, 60, { machine: fast, optimizer: 'adamw' });
    expect(adam).toMatchObject({ optimizer: 'adamw', batchSize: 32, learningRate: 0.006 });
    const rmsprop = ruled(1e6, 60, { optimizer: 'rmsprop' });
    expect(rmsprop).toMatchObject({ batchSize: 32, learningRate: 0.0015 });
    const muon = ruled(1e6, 60, { optimizer: 'muon' });
    expect(muon).toMatchObject({ optimizer: 'muon', batchSize: 64, weightDecay: 0.2 });
  });
});
