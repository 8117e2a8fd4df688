/** What the experiments compare: on each text, a base and what is changed about it. */
import type { Experiment } from './experiment.ts';

/** So many layers of so many units. */
const stack = (layers: number, hiddenSize: number) => [
  ...['--layers', `${layers}`],
  ...['--hidden', `${hiddenSize}`],
];

const COMMON = ['--sample-every', '0', '--precision', 'bfloat16'];
const minutes = (count: number) => count * 60;

/** What the rule takes where the native operations are, whatever it takes in time to come. */
const MUON = ['--optimizer', 'muon', '--batch-size', '64'];
const MODEL = ['--gru-variant', 'reset-before', '--bptt', '64'];

const CHARACTERS = {
  text: 'tinyshakespeare.txt',
  data: ['--tokenizer', 'char'],
  ngrams: [5, 7],
};
const CHARACTER_MODEL = [...COMMON, ...MUON, ...MODEL, '--embedding', '64'];

const WORDS = {
  text: 'presidential-addresses.txt',
  data: ['--tokenizer', 'word', '--vocab-size', '10000'],
  ngrams: [5],
};
const WORD_MODEL = [
  ...[...COMMON, ...MUON, ...MODEL, '--embedding', '384', ...stack(2, 384), '--tied'],
  ...['--lr', '1.6e-2', '--weight-decay', '1', '--dropout', '0.3'],
];

const CELLS = {
  'reset after': ['--gru-variant', 'reset-after'],
  lstm: ['--cell', 'lstm'],
  mingru: ['--cell', 'mingru'],
};
const AROUND_LAYERS = {
  residual: ['--residual'],
  'layer normalisation': ['--norm', 'layer'],
  'batch normalisation': ['--norm', 'batch'],
  attention: ['--attention'],
};
const REGULARISATION = {
  'no decay': ['--weight-decay', '0'],
  'dropout by step': ['--dropout-mask', 'step'],
  'dropout of embeddings 0.1': ['--dropout-embedding', '0.1'],
  'weight drop 0.2': ['--weight-drop', '0.2'],
  'activation regularisation': ['--activation-reg', '2', '--temporal-reg', '1'],
};
const LEARNING = {
  'one cycle': ['--lr-decay', 'one-cycle'],
  'linear decay': ['--lr-decay', 'linear'],
  'windows that grow': ['--bptt-schedule', 'grow'],
  'windows by chance': ['--bptt-schedule', 'random'],
};
const adam = (rate: string) => ['--optimizer', 'adam', '--batch-size', '32', '--lr', rate];
const adamw = (rate: string) => ['--optimizer', 'adamw', '--batch-size', '32', '--lr', rate];

/** Settings that are tried for a given time, to choose the defaults by. */
export const experiments: readonly Experiment[] = [
  {
    name: 'minute',
    title: 'tinyshakespeare, characters, one minute',
    ...CHARACTERS,
    seconds: minutes(1),
    base: [...CHARACTER_MODEL, ...stack(3, 192), '--lr', '1.5e-2', '--weight-decay', '0.2'],
    settings: {
      base: [],
      adam: adam('6e-3'),
      adamw: adamw('6e-3'),
      ...CELLS,
      ...AROUND_LAYERS,
      'no decay': ['--weight-decay', '0'],
      'decay 0.1': ['--weight-decay', '0.1'],
      'decay 0.3': ['--weight-decay', '0.3'],
      'rate 8e-3': ['--lr', '8e-3'],
      'rate 1.8e-2': ['--lr', '1.8e-2'],
      'two layers of 256': [...stack(2, 256), '--lr', '1e-2'],
      'four layers of 160': stack(4, 160),
      'batch 32': ['--batch-size', '32'],
      ema: ['--ema', '0.98'],
      ...LEARNING,
    },
  },
  {
    name: 'characters',
    title: 'tinyshakespeare, characters, five minutes',
    ...CHARACTERS,
    seconds: minutes(5),
    base: [...CHARACTER_MODEL, ...stack(4, 256), '--lr', '1.5e-2', '--weight-decay', '0.3'],
    settings: {
      base: [],
      adam: adam('4e-3'),
      adamw: adamw('4e-3'),
      ...CELLS,
      ...AROUND_LAYERS,
      ...REGULARISATION,
      'dropout 0.1': ['--dropout', '0.1'],
      'decay 0.1': ['--weight-decay', '0.1'],
      'decay 0.5': ['--weight-decay', '0.5'],
      tied: ['--embedding', '256', '--tied'],
      ema: ['--ema', '0.99'],
      'two layers of 256': stack(2, 256),
      'two layers of 384': [...stack(2, 384), '--lr', '1e-2'],
      'three layers of 256': stack(3, 256),
      'six layers of 192': stack(6, 192),
      'batch 32': ['--batch-size', '32'],
      ...LEARNING,
    },
  },
  {
    name: 'quarter',
    title: 'tinyshakespeare, characters, fifteen minutes',
    ...CHARACTERS,
    seconds: minutes(15),
    base: [...CHARACTER_MODEL, ...stack(4, 384), '--lr', '1e-2', '--weight-decay', '0.4'],
    settings: {
      base: [],
      'dropout 0.1': ['--dropout', '0.1'],
      'decay 0.6': ['--weight-decay', '0.6'],
      'four layers of 256': [...stack(4, 256), '--lr', '1.5e-2'],
      'six layers of 256': [...stack(6, 256), '--lr', '1.2e-2'],
    },
  },
  {
    name: 'words',
    title: 'presidential-addresses, 10,000 words, fifteen minutes',
    ...WORDS,
    seconds: minutes(15),
    base: WORD_MODEL,
    settings: {
      base: [],
      adam: adam('2e-3'),
      adamw: adamw('2e-3'),
      'nt-asgd': [
        ...['--optimizer', 'nt-asgd', '--batch-size', '32', '--lr', '30', '--lr-decay', 'none'],
        ...['--clip-norm', '0.25', '--eval-every', '100'],
      ],
      ...CELLS,
      ...AROUND_LAYERS,
      ...REGULARISATION,
      'not tied': ['--no-tied'],
      'adaptive softmax': ['--no-tied', '--softmax', 'adaptive'],
      'dropout 0.2': ['--dropout', '0.2'],
      'dropout 0.6': ['--dropout', '0.6'],
      ema: ['--ema', '0.99'],
      ...LEARNING,
    },
  },
  {
    name: 'words10',
    title: 'presidential-addresses, 10,000 words, ten minutes',
    ...WORDS,
    seconds: minutes(10),
    recipeRates: [20, 5, 1.25],
    base: WORD_MODEL,
    settings: { base: [] },
  },
  {
    name: 'sift',
    title: 'tinyshakespeare, characters, 700 steps of 64 × 64',
    ...CHARACTERS,
    steps: 700,
    base: [...CHARACTER_MODEL, ...stack(3, 192), '--lr', '1.5e-2', '--weight-decay', '0.2'],
    settings: {
      base: [],
      ...CELLS,
      ...AROUND_LAYERS,
      'no decay': ['--weight-decay', '0'],
      'decay 0.3': ['--weight-decay', '0.3'],
      ...LEARNING,
    },
  },
  {
    name: 'screen',
    title: 'presidential-addresses, 10,000 words, 800 steps',
    ...WORDS,
    steps: 800,
    ngrams: [],
    base: WORD_MODEL,
    settings: { base: [], ...CELLS, ...AROUND_LAYERS, ...REGULARISATION },
  },
];
