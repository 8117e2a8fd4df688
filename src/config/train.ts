/** What `gru-lm train` takes, presets, and what its options mean together. */
import { UserError } from '../errors.ts';
import { TENSORBOARD_IN_RUN } from '../journal/places.ts';
import { cellKind } from '../model/cells.ts';
import type { ModelConfig } from '../model/parameters.ts';
import {
  type GivenOptions,
  type OptionTable,
  type OptionValues,
  withDefaults,
} from '../option-table.ts';
import { NON_MONOTONE_INTERVAL } from '../training/averaging.ts';
import { assertAttentionOptions } from './attention-options.ts';
import {
  chosenByRule,
  type MachineKind,
  type RuledOptions,
  type RuleInput,
} from './defaults-by-rule.ts';
import { PRESET_NAMES, PRESETS, type PresetName } from './presets.ts';
import {
  DATA,
  jsonOption,
  MODEL,
  machineOptions,
  OUTPUT,
  precisionOption,
  RUN,
  TRAINING,
  textOptions,
  tokenizerOptions,
} from './shared.ts';
import { assertSoftmaxOptions, cutoffsOf } from './softmax-options.ts';
import { assertTokenizerOptions } from './tokenizer-options.ts';

/**
 * What `gru-lm train` takes; a checkpoint stores these values. Of those with a `defaultNote` the default
 * is what a stored config means that lacks them; a new run's is that of `defaultsByRule`.
 */
export const trainOptions = {
  ...tokenizerOptions,
  ...textOptions,
  valid: {
    flag: 'valid',
    type: 'text',
    placeholder: 'FILE',
    help: 'validate on this text, not on the end of the corpus',
    group: DATA,
  },
  test: {
    flag: 'test',
    type: 'text',
    placeholder: 'FILE',
    help: 'keep this text for gru-lm eval --split test',
    group: DATA,
  },
  validSplit: {
    flag: 'valid-split',
    type: 'number',
    above: 0,
    below: 1,
    help: 'share of the corpus to validate on (default: 0.1, at most a million characters)',
    group: DATA,
  },
  testSplit: {
    flag: 'test-split',
    type: 'number',
    min: 0,
    below: 1,
    default: 0,
    help: 'share of the corpus, at its end, to keep for testing',
    group: DATA,
  },
  preset: {
    flag: 'preset',
    type: 'choice',
    choices: PRESET_NAMES,
    help: 'a named set of options, over which those that are given count',
    group: MODEL,
  },
  cell: {
    flag: 'cell',
    type: 'choice',
    choices: ['gru', 'lstm', 'rnn', 'mingru'],
    default: 'gru',
    help: 'what the recurrent layers are made of',
    group: MODEL,
  },
  gruVariant: {
    flag: 'gru-variant',
    type: 'choice',
    choices: ['reset-after', 'reset-before'],
    default: 'reset-after',
    defaultNote: 'by the machine',
    help: 'where the reset gate applies: as in PyTorch, or as in the 2014 paper',
    group: MODEL,
  },
  activation: {
    flag: 'activation',
    type: 'choice',
    choices: ['tanh', 'relu', 'leaky-relu'],
    default: 'tanh',
    help: 'what the state of --cell rnn and the candidate of --cell gru go through',
    group: MODEL,
  },
  embeddingSize: {
    flag: 'embedding',
    type: 'integer',
    min: 1,
    max: 65_536,
    default: 64,
    defaultNote: 'by the vocabulary',
    help: 'size of the token embeddings',
    group: MODEL,
  },
  hiddenSize: {
    flag: 'hidden',
    type: 'integer',
    min: 1,
    max: 65_536,
    default: 256,
    defaultNote: 'by the text and the time',
    help: 'size of each recurrent layer’s state',
    group: MODEL,
  },
  layers: {
    flag: 'layers',
    type: 'integer',
    min: 1,
    max: 64,
    default: 2,
    defaultNote: 'by the text and the time',
    help: 'recurrent layers',
    group: MODEL,
  },
  dropout: {
    flag: 'dropout',
    type: 'number',
    min: 0,
    below: 1,
    default: 0,
    defaultNote: 'by the text and the time',
    help: 'share of each layer’s outputs dropped in training',
    group: MODEL,
  },
  dropoutOutput: {
    flag: 'dropout-output',
    type: 'number',
    min: 0,
    below: 1,
    help: 'share of the top layer’s outputs (default: as --dropout)',
    group: MODEL,
  },
  dropoutEmbedding: {
    flag: 'dropout-embedding',
    type: 'number',
    min: 0,
    below: 1,
    default: 0,
    defaultNote: 'by the text and the time, unless --dropout is given',
    help: 'share of the embeddings dropped in training',
    group: MODEL,
  },
  dropoutMask: {
    flag: 'dropout-mask',
    type: 'choice',
    choices: ['locked', 'step'],
    default: 'locked',
    absent: 'step',
    help: 'drop the same of all steps of a window, or draw anew for each',
    group: MODEL,
  },
  weightDrop: {
    flag: 'weight-drop',
    type: 'number',
    min: 0,
    below: 1,
    default: 0,
    help: 'share of the recurrent weights dropped for a window',
    group: MODEL,
  },
  tied: {
    flag: 'tied',
    type: 'switch',
    negatable: true,
    help: 'score tokens by their embeddings instead of by weights of their own',
    group: MODEL,
  },
  softmax: {
    flag: 'softmax',
    type: 'choice',
    choices: ['full', 'adaptive'],
    default: 'full',
    help: 'how words are scored; adaptive: rare ones in clusters, for vocabularies of tens of thousands',
    group: MODEL,
  },
  softmaxCutoffs: {
    flag: 'softmax-cutoffs',
    type: 'integers',
    help: 'ids at which clusters of rarer words begin (default: a tenth and a third of all)',
    group: MODEL,
  },
  residual: {
    flag: 'residual',
    type: 'switch',
    negatable: true,
    help: 'add what a layer reads to its outputs; at the first only where --embedding is --hidden',
    group: MODEL,
  },
  norm: {
    flag: 'norm',
    type: 'choice',
    choices: ['none', 'layer', 'batch'],
    default: 'none',
    help: 'normalise each layer’s outputs: over their units, or each unit over the batch',
    group: MODEL,
  },
  attention: {
    flag: 'attention',
    type: 'switch',
    help: 'let each layer above the first attend to what the one below it made, before its gates',
    group: MODEL,
  },
  attentionSpan: {
    flag: 'attention-span',
    type: 'integer',
    min: 1,
    max: 4096,
    default: 64,
    help: 'how many tokens back --attention looks',
    group: MODEL,
  },
  batchSize: {
    flag: 'batch-size',
    type: 'integer',
    min: 1,
    max: 65_536,
    default: 32,
    defaultNote: 'by the text',
    help: 'streams of text trained side by side',
    group: TRAINING,
  },
  bptt: {
    flag: 'bptt',
    type: 'integer',
    min: 1,
    max: 65_536,
    default: 64,
    help: 'tokens of each stream that a step looks back over',
    group: TRAINING,
  },
  bpttSchedule: {
    flag: 'bptt-schedule',
    type: 'choice',
    choices: ['constant', 'random', 'grow'],
    default: 'constant',
    help:
      'how far each step looks back: as --bptt says; by chance about as far, or half; ' +
      'from an eighth up, over the first 0.3 of the run',
    group: TRAINING,
  },
  gradientAccumulation: {
    flag: 'grad-accum',
    type: 'integer',
    min: 1,
    max: 65_536,
    default: 1,
    help: 'parts that a batch goes through in, one after the other, to take less memory',
    group: TRAINING,
  },
  epochs: {
    flag: 'epochs',
    type: 'number',
    above: 0,
    help: 'stop after this many passes over the training text',
    group: TRAINING,
  },
  maxSteps: {
    flag: 'max-steps',
    type: 'integer',
    min: 1,
    help: 'stop after this many steps',
    group: TRAINING,
  },
  maxTime: {
    flag: 'max-time',
    type: 'duration',
    help: 'stop after this time: 90s, 5m, 2h (default, if no other limit is given: 135s)',
    group: TRAINING,
  },
  optimizer: {
    flag: 'optimizer',
    type: 'choice',
    choices: ['adam', 'adamw', 'muon', 'rmsprop', 'sgd', 'nt-asgd'],
    default: 'adam',
    defaultNote: 'by the machine',
    help: 'how gradients become updates',
    group: TRAINING,
  },
  learningRate: {
    flag: 'lr',
    type: 'number',
    above: 0,
    default: 0.004,
    defaultNote: 'by the text and the time',
    help: 'highest learning rate',
    group: TRAINING,
  },
  findLearningRate: {
    flag: 'find-lr',
    type: 'switch',
    help: 'train nothing, but try learning rates, and show what they do to the loss',
    group: TRAINING,
  },
  learningRateDecay: {
    flag: 'lr-decay',
    type: 'choice',
    choices: ['none', 'linear', 'cosine', 'exponential', 'plateau', 'one-cycle'],
    default: 'cosine',
    help: 'how the learning rate falls over the run; one-cycle: after a rise of 0.3 of it',
    group: TRAINING,
  },
  warmup: {
    flag: 'warmup',
    type: 'number',
    min: 0,
    below: 1,
    default: 0.02,
    help: 'share of the run in which the learning rate rises',
    group: TRAINING,
  },
  clipNorm: {
    flag: 'clip-norm',
    type: 'number',
    min: 0,
    default: 1,
    help: 'scale gradients down to this global norm; 0: never',
    group: TRAINING,
  },
  clipValue: {
    flag: 'clip-value',
    type: 'number',
    min: 0,
    default: 0,
    help: 'cut each gradient value to ± this, before the norm; 0: never',
    group: TRAINING,
  },
  weightDecay: {
    flag: 'weight-decay',
    type: 'number',
    min: 0,
    default: 0.01,
    defaultNote: 'by the optimizer',
    help: 'how fast adamw and muon shrink the weight matrices',
    group: TRAINING,
  },
  activationRegularisation: {
    flag: 'activation-reg',
    type: 'number',
    min: 0,
    default: 0,
    help: 'add this times the mean square of the top layer’s outputs to the loss',
    group: TRAINING,
  },
  temporalRegularisation: {
    flag: 'temporal-reg',
    type: 'number',
    min: 0,
    default: 0,
    help: 'add this times the mean square of their changes from token to token',
    group: TRAINING,
  },
  momentum: {
    flag: 'momentum',
    type: 'number',
    min: 0,
    below: 1,
    default: 0,
    help: 'what sgd and nt-asgd keep of their last step',
    group: TRAINING,
  },
  nonMonotone: {
    flag: 'nonmono',
    type: 'integer',
    min: 1,
    default: NON_MONOTONE_INTERVAL,
    help:
      'nt-asgd averages the weights once a validation is worse than one more than this many ' +
      'before it',
    group: TRAINING,
  },
  ema: {
    flag: 'ema',
    type: 'number',
    min: 0,
    below: 1,
    default: 0,
    help: 'evaluate and save a running mean of the weights, of which a step leaves this share',
    group: TRAINING,
  },
  patience: {
    flag: 'patience',
    type: 'integer',
    min: 1,
    help: 'stop after this many validations in a row that brought nothing better',
    group: TRAINING,
  },
  seed: {
    flag: 'seed',
    type: 'integer',
    min: 0,
    default: 1,
    help: 'what all random choices follow from',
    group: TRAINING,
  },
  out: {
    flag: 'out',
    type: 'text',
    placeholder: 'DIR',
    help: 'where the run is kept (default: checkpoints/<corpus name>)',
    group: RUN,
  },
  resume: { flag: 'resume', type: 'switch', help: 'go on with the run there', group: RUN },
  overwrite: { flag: 'overwrite', type: 'switch', help: 'replace the run there', group: RUN },
  evalEvery: {
    flag: 'eval-every',
    type: 'integer',
    min: 1,
    help: 'validate every N steps (default: eight times a run, or fewer where it is slow)',
    group: RUN,
  },
  saveEvery: {
    flag: 'save-every',
    type: 'integer',
    min: 1,
    help: 'save every N steps (default: after each validation, and every minute)',
    group: RUN,
  },
  keep: {
    flag: 'keep',
    type: 'integer',
    min: 1,
    default: 2,
    help: 'keep the last N checkpoints, beside the best',
    group: RUN,
  },
  onNan: {
    flag: 'on-nan',
    type: 'choice',
    choices: ['rollback', 'skip', 'stop'],
    default: 'rollback',
    help:
      'what to do about a loss or gradient that is no finite number: go back to the last ' +
      'checkpoint with half the learning rate, leave the step out, or stop',
    group: RUN,
  },
  sampleEvery: {
    flag: 'sample-every',
    type: 'integer',
    min: 0,
    default: 1,
    help: 'show a sample at every Nth validation; 0: never',
    group: RUN,
  },
  ...machineOptions,
  precision: { ...precisionOption.precision, defaultNote: 'by the machine' },
  ...jsonOption,
  tensorboard: {
    flag: 'tensorboard',
    type: 'text',
    placeholder: 'DIR',
    bare: TENSORBOARD_IN_RUN,
    help: `write events for TensorBoard (alone: to ${TENSORBOARD_IN_RUN})`,
    group: OUTPUT,
  },
  plot: {
    flag: 'plot',
    type: 'switch',
    help: 'draw the losses under the bar, on a terminal that has room',
    group: OUTPUT,
  },
  quiet: { flag: 'quiet', type: 'switch', help: 'no progress, only the result', group: OUTPUT },
} as const satisfies OptionTable;

export type TrainOptions = OptionValues<typeof trainOptions>;
type Given = GivenOptions<typeof trainOptions>;

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
  const preset = given.preset ? presetOptions(given.preset) : {};
  assertTokenizerOptions(given, preset.tokenizer);
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
  // A run that goes on has a model already.
  if (!options.resume) {
    assertSoftmaxOptions(options);
    assertAttentionOptions(options, given.attentionSpan !== undefined);
  }
  assertCellOptions(options);
  if (options.findLearningRate && options.resume) {
    throw new UserError(
      'usage',
      'expected at most one of --find-lr and --resume, found both',
      'The test begins with a new model: leave out --resume.',
    );
  }
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
  const { epochs, maxSteps, maxTime, bptt, gradientAccumulation, cell, activation, attention } =
    options;
  const fullSoftmax = options.softmax === 'full';
  const optimizer = given.optimizer ?? preset.optimizer;
  const input = {
    ...{ ...text, budget: { epochs, maxSteps, maxTime }, bptt, gradientAccumulation },
    ...{ cell, activation, attention, fullSoftmax, optimizer, machine },
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
