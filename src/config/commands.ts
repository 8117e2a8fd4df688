/** What the commands beside `train` take. */
import type { OptionTable, OptionValues } from '../option-table.ts';
import {
  DATA,
  jsonOption,
  MACHINE,
  machineOptions,
  OUTPUT,
  precisionOption,
  textOptions,
  tokenizerOptions,
} from './shared.ts';

/** What `gru-lm eval` takes. */
export const evalOptions = {
  text: {
    flag: 'text',
    type: 'texts',
    placeholder: 'FILE',
    help: 'evaluate on these texts; - is standard input',
    group: DATA,
  },
  ...textOptions,
  split: {
    flag: 'split',
    type: 'choice',
    choices: ['valid', 'test', 'train'],
    default: 'valid',
    help: 'the part of the run’s own corpus to evaluate on',
    group: DATA,
  },
  streams: {
    flag: 'streams',
    type: 'integer',
    min: 1,
    max: 65536,
    default: 1,
    help: 'score the tokens in N streams of equal length, as PyTorch’s example does with 10',
    group: DATA,
  },
  resetPerLine: {
    flag: 'reset-per-line',
    type: 'switch',
    help: 'score each line by itself, as KenLM’s query does',
    group: DATA,
  },
  perplexity: {
    flag: 'perplexity',
    type: 'switch',
    help: 'print only the perplexity, as one number',
    group: OUTPUT,
  },
  perToken: {
    flag: 'per-token',
    type: 'switch',
    help: 'print each scored token with its nats; with --json the figures follow',
    group: OUTPUT,
  },
  baseline: {
    flag: 'baseline',
    type: 'text',
    placeholder: 'NAME',
    help: 'also score by an n-gram model of the training text: ngram, or ngram:N for order N (usually 5)',
    group: DATA,
  },
  cache: {
    flag: 'cache',
    type: 'switch',
    help: 'also score with a cache of what followed similar contexts earlier in the text',
    group: DATA,
  },
  dynamic: {
    flag: 'dynamic',
    type: 'switch',
    help: 'also score while the model learns from what it has read',
    group: DATA,
  },
  dynamicRate: {
    flag: 'dynamic-rate',
    type: 'number',
    min: 0,
    defaultNote: 'by what a token is: 0.0003 or 0.0001',
    help: 'how far it goes at each step',
    group: DATA,
  },
  ...machineOptions,
  ...precisionOption,
  ...jsonOption,
} as const satisfies OptionTable;

export type EvalOptions = OptionValues<typeof evalOptions>;

/** What `gru-lm score` takes. */
export const scoreOptions = {
  text: {
    flag: 'text',
    type: 'text',
    placeholder: 'FILE',
    help: 'score the lines of this text (default: standard input, line by line as it comes)',
    group: DATA,
  },
  ...textOptions,
  ...machineOptions,
  ...precisionOption,
  ...jsonOption,
} as const satisfies OptionTable;

export type ScoreOptions = OptionValues<typeof scoreOptions>;

/** What `gru-lm compare` takes. */
export const compareOptions = {
  text: {
    flag: 'text',
    type: 'texts',
    placeholder: 'FILE',
    help: 'compare on these texts (default: a part of the runs’ own, which must be the same)',
    group: DATA,
  },
  ...textOptions,
  split: {
    flag: 'split',
    type: 'choice',
    choices: ['valid', 'test', 'train'],
    default: 'valid',
    help: 'the part of the runs’ own text to compare on',
    group: DATA,
  },
  resamples: {
    flag: 'resamples',
    type: 'integer',
    min: 100,
    max: 1_000_000,
    default: 2000,
    help: 'how many times the text’s segments are drawn again for the interval',
    group: DATA,
  },
  seed: {
    flag: 'seed',
    type: 'integer',
    min: 0,
    default: 1,
    help: 'the same seed draws the same segments',
    group: DATA,
  },
  ...machineOptions,
  ...precisionOption,
  ...jsonOption,
} as const satisfies OptionTable;

export type CompareOptions = OptionValues<typeof compareOptions>;

/** What `gru-lm tokenize` takes. */
export const tokenizeOptions = {
  checkpoint: {
    flag: 'checkpoint',
    type: 'text',
    placeholder: 'PATH',
    help: 'use the tokenizer of this run or checkpoint',
    group: DATA,
  },
  ...tokenizerOptions,
  ...textOptions,
  save: {
    flag: 'save',
    type: 'text',
    placeholder: 'FILE',
    help: 'write the tokenizer to this file, which must not be there yet',
    group: OUTPUT,
  },
  top: {
    flag: 'top',
    type: 'integer',
    min: 0,
    max: 1_000_000,
    default: 10,
    help: 'how many of the most frequent tokens to list',
    group: OUTPUT,
  },
  ...jsonOption,
} as const satisfies OptionTable;

export type TokenizeOptions = OptionValues<typeof tokenizeOptions>;

/** What `gru-lm info` takes. */
export const infoOptions = {
  verify: {
    flag: 'verify',
    type: 'switch',
    help: 'hash every file of the run’s checkpoints, and say which of them are whole',
    group: DATA,
  },
  ...jsonOption,
} as const satisfies OptionTable;

/** What `gru-lm runs` takes. */
export const runsOptions = { ...jsonOption } as const satisfies OptionTable;

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
