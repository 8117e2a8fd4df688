/** Every option of every command, with its type, default, range and help. */
import { UserError } from './errors.ts';
import type { ModelConfig } from './model/parameters.ts';
import {
  type GivenOptions,
  type OptionTable,
  type OptionValues,
  withDefaults,
} from './option-table.ts';

const DATA = 'Data:';
const MODEL = 'Model:';
const TRAINING = 'Training:';
const RUN = 'Run:';
const MACHINE = 'Machine:';
const OUTPUT = 'Output:';

/** For commands that run a model. */
const machineOptions = {
  backend: {
    flag: 'backend',
    type: 'choice',
    choices: ['auto', 'cuda', 'cpu', 'wasm'],
    default: 'auto',
    help: 'what computes: the first that works of cuda, cpu (TensorFlow) and wasm, or the one named',
    group: MACHINE,
  },
  threads: {
    flag: 'threads',
    type: 'integer',
    min: 1,
    max: 1024,
    help: 'threads to compute with (default: one a core)',
    group: MACHINE,
  },
} as const satisfies OptionTable;

const precisionOption = {
  precision: {
    flag: 'precision',
    type: 'choice',
    choices: ['float32', 'bfloat16'],
    default: 'float32',
    help: 'what matrix products multiply; sums, states and weights are float32 either way',
    group: MACHINE,
  },
} as const satisfies OptionTable;

const jsonOption = {
  json: {
    flag: 'json',
    type: 'switch',
    help: 'print one JSON object a line, and nothing else',
    group: OUTPUT,
  },
} as const satisfies OptionTable;

const seedOption = {
  seed: {
    flag: 'seed',
    type: 'integer',
    min: 0,
    default: 1,
    help: 'what all random choices follow from',
    group: TRAINING,
  },
} as const satisfies OptionTable;

/** What `gru-lm train` takes; a checkpoint stores these values. */
export const trainOptions = {
  tokenizer: {
    flag: 'tokenizer',
    type: 'choice',
    choices: ['char', 'word'],
    default: 'char',
    help: 'what a token is: a character, or a word between white space',
    group: DATA,
  },
  vocabularySize: {
    flag: 'vocab-size',
    type: 'integer',
    min: 2,
    max: 10_000_000,
    help: 'at most this many tokens, the most frequent; others are <unk> (default: all)',
    group: DATA,
  },
  minCount: {
    flag: 'min-count',
    type: 'integer',
    min: 1,
    default: 1,
    help: 'leave rarer tokens out of the vocabulary',
    group: DATA,
  },
  lowercase: { flag: 'lowercase', type: 'switch', help: 'lowercase all text', group: DATA },
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
    default: 0.1,
    help: 'share of the corpus to validate on',
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
    choices: ['seed'],
    help: 'a named set of options; seed: words, vocabulary 10000, embedding 300, hidden 512, 2 layers',
    group: MODEL,
  },
  gruVariant: {
    flag: 'gru-variant',
    type: 'choice',
    choices: ['reset-after', 'reset-before'],
    default: 'reset-after',
    help: 'where the reset gate applies: as in PyTorch, or as in the 2014 paper',
    group: MODEL,
  },
  embeddingSize: {
    flag: 'embedding',
    type: 'integer',
    min: 1,
    max: 65_536,
    default: 64,
    help: 'size of the token embeddings',
    group: MODEL,
  },
  hiddenSize: {
    flag: 'hidden',
    type: 'integer',
    min: 1,
    max: 65_536,
    default: 256,
    help: 'size of each GRU layer’s state',
    group: MODEL,
  },
  layers: {
    flag: 'layers',
    type: 'integer',
    min: 1,
    max: 64,
    default: 2,
    help: 'GRU layers',
    group: MODEL,
  },
  dropout: {
    flag: 'dropout',
    type: 'number',
    min: 0,
    below: 1,
    default: 0,
    help: 'share of each layer’s outputs dropped in training',
    group: MODEL,
  },
  batchSize: {
    flag: 'batch-size',
    type: 'integer',
    min: 1,
    max: 65_536,
    default: 32,
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
    choices: ['adam', 'adamw', 'sgd'],
    default: 'adam',
    help: 'how gradients become updates',
    group: TRAINING,
  },
  learningRate: {
    flag: 'lr',
    type: 'number',
    above: 0,
    default: 0.004,
    help: 'highest learning rate',
    group: TRAINING,
  },
  learningRateDecay: {
    flag: 'lr-decay',
    type: 'choice',
    choices: ['none', 'linear', 'cosine', 'exponential', 'plateau'],
    default: 'cosine',
    help: 'how the learning rate falls over the run',
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
    help: 'how fast adamw shrinks the weight matrices',
    group: TRAINING,
  },
  ...seedOption,
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
    help: 'save every N steps (default: after each validation, and eight times a run)',
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
  ...precisionOption,
  ...jsonOption,
  quiet: { flag: 'quiet', type: 'switch', help: 'no progress, only the result', group: OUTPUT },
} as const satisfies OptionTable;

export type TrainOptions = OptionValues<typeof trainOptions>;

/** What `gru-lm sample` takes. */
export const sampleOptions = {
  prompt: {
    flag: 'prompt',
    type: 'text',
    placeholder: 'TEXT',
    help: 'the text to go on from; - reads it from standard input (default: a line start)',
    group: 'Text:',
  },
  length: {
    flag: 'length',
    type: 'integer',
    min: 1,
    default: 500,
    help: 'tokens to make',
    group: 'Text:',
  },
  stop: {
    flag: 'stop',
    type: 'text',
    placeholder: 'TEXT',
    help: 'end before this text',
    group: 'Text:',
  },
  samples: {
    flag: 'num-samples',
    type: 'integer',
    min: 1,
    max: 100_000,
    default: 1,
    help: 'how many samples to make',
    group: 'Text:',
  },
  temperature: {
    flag: 'temperature',
    type: 'number',
    above: 0,
    default: 0.8,
    help: 'below 1: more likely text; above 1: more surprising',
    group: 'Choice:',
  },
  topK: {
    flag: 'top-k',
    type: 'integer',
    min: 0,
    default: 0,
    help: 'choose among the K likeliest tokens; 0: among all',
    group: 'Choice:',
  },
  topP: {
    flag: 'top-p',
    type: 'number',
    above: 0,
    max: 1,
    default: 1,
    help: 'choose among the likeliest tokens that add up to this probability',
    group: 'Choice:',
  },
  greedy: {
    flag: 'greedy',
    type: 'switch',
    help: 'always take the likeliest token',
    group: 'Choice:',
  },
  seed: {
    flag: 'seed',
    type: 'integer',
    min: 0,
    help: 'the same seed gives the same text (default: a new one each time)',
    group: 'Choice:',
  },
  ...machineOptions,
  ...jsonOption,
} as const satisfies OptionTable;

export type SampleOptions = OptionValues<typeof sampleOptions>;

/** What `gru-lm eval` takes. */
export const evalOptions = {
  text: {
    flag: 'text',
    type: 'texts',
    placeholder: 'FILE',
    help: 'evaluate on these texts; - is standard input',
    group: DATA,
  },
  split: {
    flag: 'split',
    type: 'choice',
    choices: ['valid', 'test', 'train'],
    default: 'valid',
    help: 'the part of the run’s own corpus to evaluate on',
    group: DATA,
  },
  perplexity: {
    flag: 'perplexity',
    type: 'switch',
    help: 'print only the perplexity, as one number',
    group: OUTPUT,
  },
  ...machineOptions,
  ...precisionOption,
  ...jsonOption,
} as const satisfies OptionTable;

export type EvalOptions = OptionValues<typeof evalOptions>;

/** What `gru-lm info` takes. */
export const infoOptions = { ...jsonOption } as const satisfies OptionTable;

/** What `gru-lm doctor` takes. */
export const doctorOptions = { ...jsonOption } as const satisfies OptionTable;

/** What `gru-lm setup` takes. */
export const setupOptions = {
  device: {
    flag: 'device',
    type: 'choice',
    choices: ['cpu', 'cuda'],
    default: 'cpu',
    help: 'what TensorFlow is to compute on',
    group: MACHINE,
  },
  dryRun: {
    flag: 'dry-run',
    type: 'switch',
    help: 'only say what would be fetched, how large, and where to',
    group: MACHINE,
  },
  force: {
    flag: 'force',
    type: 'switch',
    help: 'fetch and build again what is there',
    group: MACHINE,
  },
  ...jsonOption,
} as const satisfies OptionTable;

const presets: Record<'seed', GivenOptions<typeof trainOptions>> = {
  seed: {
    tokenizer: 'word',
    vocabularySize: 10_000,
    embeddingSize: 300,
    hiddenSize: 512,
    layers: 2,
    batchSize: 32,
    bptt: 35,
    dropout: 0.2,
    learningRate: 0.002,
  },
};

const DEFAULT_MAX_TIME = 135;

/**
 * A training run's options: what was given, over the preset's, over the defaults.
 *
 * @throws UserError `usage` for options that do not go together
 */
export function resolveTrainOptions(given: GivenOptions<typeof trainOptions>): TrainOptions {
  const options = withDefaults(trainOptions, given.preset ? presets[given.preset] : {}, given);
  if (options.epochs === undefined && options.maxSteps === undefined) {
    options.maxTime ??= DEFAULT_MAX_TIME;
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

/** The model that the options describe, for a vocabulary of the given size. */
export function modelConfigOf(options: TrainOptions, vocabularySize: number): ModelConfig {
  const { embeddingSize, hiddenSize, layers, gruVariant, dropout } = options;
  return { vocabularySize, embeddingSize, hiddenSize, layers, gruVariant, dropout };
}
