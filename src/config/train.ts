/** What the options of `gru-lm train` mean together: a run's options, and its model. */
import { UserError } from '../errors.ts';
import { cellKind } from '../model/cells.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { withDefaults } from '../option-table.ts';
import { assertAttentionOptions } from './attention-options.ts';
import {
  chosenByRule,
  type MachineKind,
  type RuledOptions,
  type RuleInput,
} from './defaults-by-rule.ts';
import { PRESETS, type PresetName } from './presets.ts';
import { assertSoftmaxOptions, cutoffsOf } from './softmax-options.ts';
import { assertTokenizerOptions, withoutUseless } from './tokenizer-options.ts';
import {
  type GivenTrainOptions as Given,
  type TrainOptions,
  trainOptions,
} from './train-options.ts';
import { assertUseful } from './useless-options.ts';

/** What ends a run. One that is given takes the place of all that a preset or a run had. */
export const LIMITS = ['epochs', 'maxSteps', 'maxTime'] as const;

/** What each preset gives. */
export function presetOptions(name: PresetName): Given {
  return PRESETS[name].options;
}

const DEFAULT_MAX_TIME = 135;

/**
 * A training run's options: what was given, over the preset's, over the defaults.
 *
 * @throws UserError `usage` for options that do not go together
 */
export function resolveTrainOptions(given: Given): TrainOptions {
  const preset = given.preset ? withoutUseless(presetOptions(given.preset), given) : {};
  // A run that goes on, or begins with another's weights, has tokens and a model already.
  const hasModel = given.resume === true || given.initFrom !== undefined;
  if (!hasModel) assertTokenizerOptions(given, preset.tokenizer);
  const options = withDefaults(trainOptions, withoutLimits(preset, given), given);
  if (options.epochs === undefined && options.maxSteps === undefined) {
    options.maxTime ??= DEFAULT_MAX_TIME;
  }
  const { batchSize, gradientAccumulation } = options;
  const isBatchGiven = (given.batchSize ?? preset.batchSize) !== undefined;
  if (isBatchGiven && batchSize % gradientAccumulation !== 0) {
    throw new UserError(
      'usage',
      `--grad-accum: expected a number that divides --batch-size ${batchSize}, found ${gradientAccumulation}`,
      'The streams of a batch are shared out evenly: give one of the two another number.',
    );
  }
  if (!hasModel) {
    assertSoftmaxOptions(options);
    assertAttentionOptions(options, given.attentionSpan !== undefined);
  }
  assertCellOptions(options);
  // What a run has that goes on is known later.
  if (!options.resume) {
    assertUseful(given, { ...options, optimizer: given.optimizer ?? preset.optimizer });
  }
  if (options.findLearningRate && options.resume) {
    throw new UserError(
      'usage',
      'expected at most one of --find-lr and --resume, found both',
      'The test begins with a new model: leave out --resume.',
    );
  }
  assertMeanHasStatistics(options);
  if (options.optimizer === 'nt-asgd' && options.ema > 0) {
    throw new UserError(
      'usage',
      'expected at most one of --optimizer nt-asgd and --ema, found both',
      'Each evaluates and saves a mean of the weights of its own: leave out one of them.',
    );
  }
  if (options.json && options.quiet) {
    throw new UserError(
      'usage',
      'expected at most one of --json and --quiet, found both',
      'Leave out --quiet: with --json nothing but events is printed.',
    );
  }
  return options;
}

/** What is left of the options for the rule to decide, once the text is known. */
export function ruleOptions(
  given: Given,
  options: TrainOptions,
  text: Pick<RuleInput, 'trainTokens' | 'vocabularySize'>,
  machine: MachineKind,
): Partial<RuledOptions> {
  const preset: Given = given.preset ? presetOptions(given.preset) : {};
  const { epochs, maxSteps, maxTime, bptt, gradientAccumulation } = options;
  const { cell, activation, attention, norm } = options;
  const fullSoftmax = options.softmax === 'full';
  const optimizer = given.optimizer ?? preset.optimizer;
  const input = {
    ...{ ...text, budget: { epochs, maxSteps, maxTime }, bptt, gradientAccumulation },
    ...{ cell, activation, attention, norm, fullSoftmax, optimizer, machine },
    ...{ batchSize: given.batchSize ?? preset.batchSize, momentum: options.momentum },
    hiddenSize: given.hiddenSize ?? preset.hiddenSize,
    isDecayGiven: (given.weightDecay ?? 0) > 0,
  };
  return chosenByRule(input, preset, given);
}

/** The batch that was asked for, or the least that the rule may choose where none was. */
export function leastBatchSize(given: Given, { gradientAccumulation }: TrainOptions): number {
  const preset: Given = given.preset ? presetOptions(given.preset) : {};
  return given.batchSize ?? preset.batchSize ?? gradientAccumulation;
}

/** The preset, less its limit where the user gave any. */
function withoutLimits(preset: Given, given: Given): Given {
  if (LIMITS.every((limit) => given[limit] === undefined)) return preset;
  const { epochs, maxSteps, maxTime, ...rest } = preset;
  return rest;
}

/**
 * Makes sure that what is chosen of a recurrent layer is there in the cell that is chosen.
 *
 * @throws UserError `usage`
 */
export function assertCellOptions({ cell, activation, weightDrop }: TrainOptions): void {
  if (activation !== 'tanh' && cell !== 'gru' && cell !== 'rnn') {
    throw new UserError(
      'usage',
      `--activation ${activation}: expected --cell gru or rnn, found ${cell}`,
      'Other cells have the activations of their definition: leave out --activation.',
    );
  }
  if (weightDrop > 0 && !cellKind(cell).hasRecurrentWeights) {
    throw new UserError(
      'usage',
      `--weight-drop: expected 0 with --cell ${cell}, found ${weightDrop}`,
      'The cell has no recurrent weights to drop: use --dropout, or another cell.',
    );
  }
}

/** @throws UserError `usage` for means of weights that are normalised by the statistics of the weights themselves */
export function assertMeanHasStatistics({ optimizer, norm }: TrainOptions): void {
  if (optimizer !== 'nt-asgd' || norm !== 'batch') return;
  throw new UserError(
    'usage',
    'expected at most one of --optimizer nt-asgd and --norm batch, found both',
    'The mean of the weights has no statistics of its own: leave out one of them.',
  );
}

/**
 * Makes sure that batch normalisation has something to normalise: of one value a unit, its mean leaves 0.
 *
 * @throws UserError `usage`
 */
export function assertNormOptions(options: TrainOptions): void {
  const { norm, batchSize, bptt, gradientAccumulation } = options;
  const values = (batchSize / gradientAccumulation) * bptt;
  if (norm !== 'batch' || values > 1) return;
  throw new UserError(
    'usage',
    '--norm batch: expected more than one token in each part of a batch, found one',
    'Give a larger --batch-size or --bptt, or --norm layer.',
  );
}

/** The model that the options describe, for a vocabulary of the given size. */
export function modelConfigOf(options: TrainOptions, vocabularySize: number): ModelConfig {
  return {
    vocabularySize,
    embeddingSize: options.embeddingSize,
    hiddenSize: options.hiddenSize,
    layers: options.layers,
    cell: options.cell,
    activation: options.activation,
    gruVariant: options.gruVariant,
    tied: options.tied,
    softmaxCutoffs: cutoffsOf(options, vocabularySize),
    residual: options.residual,
    norm: options.norm,
    attentionSpan: options.attention ? options.attentionSpan : undefined,
    dropout: options.dropout,
    dropoutOutput: options.dropoutOutput,
    dropoutEmbedding: options.dropoutEmbedding,
    dropoutMask: options.dropoutMask,
    weightDrop: options.weightDrop,
    activationRegularisation: options.activationRegularisation,
    temporalRegularisation: options.temporalRegularisation,
  };
}
