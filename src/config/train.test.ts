import { describe, expect, it } from 'vitest';
import { commands } from '../command-list.ts';
import { typedOptions } from '../command-spec.ts';
import { type OptionSpec, parseOption, parseStored, withDefaults } from '../option-table.ts';
import * as config from './train.ts';
import { trainOptions } from './train-options.ts';

const tables = commands.map((spec) => [spec.name, typedOptions(spec)] as const);
const specs = tables.flatMap(([command, options]) =>
  Object.entries(options).map(
    ([name, spec]) => [`${command}.${name}`, spec] as [string, OptionSpec],
  ),
);

describe('every option', () => {
  it.each(specs.filter(([, spec]) => 'default' in spec))(
    '%s has a default that it would take',
    (_, spec) => {
      const value = (spec as { default: string | number }).default;
      const typed = spec.type === 'duration' ? `${value}s` : String(value);
      expect(parseOption(spec, typed)).toBe(value);
    },
  );

  it('has a flag of its own within its command, in lower case', () => {
    for (const [, options] of tables) {
      const flags = Object.values(options).map(({ flag }) => flag);
      expect(new Set(flags).size).toBe(flags.length);
      for (const flag of flags) expect(flag).toMatch(/^[a-z][a-z0-9]*(-[a-z]+)*$/);
    }
  });

  it('has a help that is no sentence, and a heading', () => {
    for (const [name, { help, group }] of specs) {
      expect(help, name).toMatch(/[^.]$/);
      expect(group, name).toMatch(/^[A-Z].*:$/);
    }
  });
});

describe('training options', () => {
  it('take the preset over the defaults, and what is given over the preset', () => {
    const seed = config.resolveTrainOptions({ preset: 'seed' });
    expect(seed).toMatchObject({
      tokenizer: 'word',
      vocabularySize: 10_000,
      embeddingSize: 300,
      hiddenSize: 512,
      layers: 2,
      gruVariant: 'reset-after',
    });
    const own = config.resolveTrainOptions({ preset: 'seed', hiddenSize: 64, tokenizer: 'char' });
    expect(own).toEqual({ ...seed, hiddenSize: 64, tokenizer: 'char' });
  });

  it('describe the model that the seed names', () => {
    const seed = config.resolveTrainOptions({ preset: 'seed', dropout: 0 });
    expect(config.modelConfigOf(seed, 10_000)).toEqual({
      vocabularySize: 10_000,
      embeddingSize: 300,
      hiddenSize: 512,
      layers: 2,
      cell: 'gru',
      activation: 'tanh',
      gruVariant: 'reset-after',
      tied: false,
      residual: false,
      norm: 'none',
      attentionSpan: undefined,
      dropout: 0,
      dropoutOutput: undefined,
      dropoutEmbedding: 0,
      dropoutMask: 'locked',
      weightDrop: 0,
      activationRegularisation: 0,
      temporalRegularisation: 0,
    });
  });

  it('end a run after 135 seconds only if no other limit is given', () => {
    expect(config.resolveTrainOptions({}).maxTime).toBe(135);
    expect(config.resolveTrainOptions({ maxTime: 20 }).maxTime).toBe(20);
    expect(config.resolveTrainOptions({ maxSteps: 5 }).maxTime).toBeUndefined();
    expect(config.resolveTrainOptions({ epochs: 0.5 }).maxTime).toBeUndefined();
    expect(config.resolveTrainOptions({ epochs: 1, maxTime: 9 }).maxTime).toBe(9);
  });

  it('are the rule’s where neither the user nor the preset decides', () => {
    const text = { trainTokens: 1e6, vocabularySize: 65 };
    const machine = { nativeOperations: false, fastBfloat16: false };
    const rule = (given: Parameters<typeof config.ruleOptions>[0]) =>
      config.ruleOptions(given, config.resolveTrainOptions(given), text, machine);
    const ofMachine = { gruVariant: 'reset-after', optimizer: 'adam', precision: 'float32' };
    expect(rule({ hiddenSize: 8, maxTime: 60 })).toEqual({
      layers: 2,
      embeddingSize: 8,
      dropout: 0,
      dropoutEmbedding: 0,
      batchSize: 32,
      learningRate: 0.006,
      tied: false,
      residual: false,
      wordFeatures: false,
      outputBias: 'frequencies',
      ema: 0.998,
      ...ofMachine,
    });
    expect(rule({ hiddenSize: 8, maxTime: 60, optimizer: 'muon' })).toMatchObject({
      ...{ batchSize: 64, learningRate: 0.015 },
    });
    expect(rule({ cell: 'lstm' })).not.toHaveProperty('gruVariant');
    // As the command line has them: what was not given is undefined.
    const silent = { preset: 'tiny', hiddenSize: undefined } as { preset: 'tiny' };
    expect(rule(silent)).toEqual({
      ...{ precision: 'float32', ema: 0.998, gruVariant: 'reset-after', wordFeatures: false },
      ...{ tied: false, residual: false, outputBias: 'frequencies' },
    });
    expect(rule({ gradientAccumulation: 5 })).toMatchObject({ batchSize: 30 });
    // Who wants weights to decay gets an optimizer that does it.
    expect(rule({ weightDecay: 0.1 })).toMatchObject({ optimizer: 'adamw' });
    expect(rule({ optimizer: 'sgd', momentum: 0.9 })).toMatchObject({ learningRate: 0.5 });
  });

  it('of a preset are only those that the tokenizer which is given has a use for', () => {
    const options = config.resolveTrainOptions({ preset: 'seed', tokenizer: 'byte' });
    expect(options).toMatchObject({ tokenizer: 'byte', hiddenSize: 512 });
    expect(options.vocabularySize).toBeUndefined();
    const file = config.resolveTrainOptions({ preset: 'word', tokenizerFile: 't.json' });
    expect(file.vocabularySize).toBeUndefined();
    expect(config.resolveTrainOptions({ preset: 'seed' }).vocabularySize).toBe(10_000);
  });

  it('refuse parts of a batch that are not alike', () => {
    expect(() => config.resolveTrainOptions({ batchSize: 12, gradientAccumulation: 5 })).toThrow(
      '--grad-accum: expected a number that divides --batch-size 12, found 5',
    );
    expect(() => config.resolveTrainOptions({ preset: 'tiny', gradientAccumulation: 5 })).toThrow(
      '--grad-accum: expected a number that divides --batch-size 16, found 5',
    );
  });

  it('refuse two kinds of means of the weights, and means without their statistics', () => {
    expect(() => config.resolveTrainOptions({ optimizer: 'nt-asgd', norm: 'batch' })).toThrow(
      'expected at most one of --optimizer nt-asgd and --norm batch, found both',
    );
    expect(() => config.resolveTrainOptions({ optimizer: 'nt-asgd', ema: 0.9 })).toThrow(
      'expected at most one of --optimizer nt-asgd and --ema, found both',
    );
  });

  it('refuse to normalise a batch of one token', () => {
    const of = (given: Parameters<typeof config.resolveTrainOptions>[0]) => () =>
      config.assertNormOptions(config.resolveTrainOptions({ norm: 'batch', ...given }));
    expect(of({ batchSize: 8, bptt: 1, gradientAccumulation: 8 })).toThrow(
      '--norm batch: expected',
    );
    expect(of({ batchSize: 1, bptt: 1 })).toThrow('found one');
    expect(of({ batchSize: 1, bptt: 2 })).not.toThrow();
    expect(of({ batchSize: 1, bptt: 1, norm: 'layer' })).not.toThrow();
  });

  it('refuse an activation for a cell whose definition has its own', () => {
    expect(() => config.resolveTrainOptions({ cell: 'lstm', activation: 'relu' })).toThrow(
      '--activation relu: expected --cell gru or rnn, found lstm',
    );
    for (const cell of ['gru', 'rnn'] as const) {
      const options = config.resolveTrainOptions({ cell, activation: 'relu' });
      expect(config.modelConfigOf(options, 10)).toMatchObject({ cell, activation: 'relu' });
    }
  });

  it('refuse to drop recurrent weights of a cell that has none', () => {
    expect(() => config.resolveTrainOptions({ cell: 'mingru', weightDrop: 0.5 })).toThrow(
      '--weight-drop: expected 0 with --cell mingru, found 0.5',
    );
    expect(config.resolveTrainOptions({ cell: 'rnn', weightDrop: 0.5 }).weightDrop).toBe(0.5);
  });

  it('refuse --json beside --quiet', () => {
    expect(() => config.resolveTrainOptions({ json: true, quiet: true })).toThrow(
      'expected at most one of --json and --quiet, found both',
    );
  });

  it('mean in a checkpoint without them what was done before they were there', () => {
    const stored = parseStored(trainOptions, { dropout: 0.1 }, 'x');
    expect(stored).toMatchObject({
      ...{ dropoutMask: 'step', tied: false, cell: 'gru', activation: 'tanh' },
      ...{ residual: false, norm: 'none', wordFeatures: false },
    });
  });

  it('come back from a checkpoint as they were', () => {
    const options = config.resolveTrainOptions({ preset: 'seed', maxSteps: 7, lowercase: true });
    const stored = JSON.parse(JSON.stringify(options)) as Record<string, unknown>;
    expect(parseStored(trainOptions, stored, 'x')).toEqual(options);
    expect(withDefaults(trainOptions, options)).toEqual(options);
  });
});
