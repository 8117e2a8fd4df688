/** What the experiments compare: on each text, a base and what is changed about it. */
import type { Experiment } from './experiment.ts';

/** So many layers of so many units. */
const stack = (layers: number, hiddenSize: number) => [
  ...['--layers', `${layers}`],
  ...['--hidden', `${hiddenSize}`],
];

const COMMON = [
  ...['--sample-every', '0', '--precision', 'bfloat16', '--ema', '0'],
  ...['--output-bias', 'zero'],
];
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
const FIVE_MINUTES = [
  ...[...CHARACTER_MODEL, ...stack(4, 256)],
  ...['--lr', '1.5e-2', '--weight-decay', '0.3'],
];

const WORDS = {
  text: 'presidential-addresses.txt',
  data: ['--tokenizer', 'word', '--vocab-size', '10000'],
  ngrams: [5],
};
const WORD_MODEL = [
  ...[...COMMON, ...MUON, ...MODEL, '--embedding', '384', ...stack(2, 384)],
  ...['--tied', '--no-residual', '--no-word-features'],
  ...['--lr', '1.6e-2', '--weight-decay', '1', '--dropout', '0.3'],
];

/** What the rule takes instead of so many words that are read five times. */
const WORDS_BY_RULE = ['--residual', '--dropout', '0', '--dropout-embedding', '0.1'];

/** What it takes instead of words that are read eight times and more, and of such as are read eleven times. */
const WITH_FEATURES = ['--word-features', '--dropout', '0.15', '--dropout-embedding', '0.2'];
const FOR_LONG = ['--word-features', '--dropout', '0.2', '--dropout-embedding', '0.35'];

const CELLS = {
  'reset after': ['--gru-variant', 'reset-after'],
  lstm: ['--cell', 'lstm'],
  mingru: ['--cell', 'mingru'],
  'plain rnn': ['--cell', 'rnn'],
  'candidate relu': ['--activation', 'relu'],
};
const AROUND_LAYERS = {
  residual: ['--residual'],
  'layer normalisation': ['--norm', 'layer'],
  'batch normalisation': ['--norm', 'batch'],
  attention: ['--attention'],
};
const REGULARISATION = {
  'no weight decay': ['--weight-decay', '0'],
  'dropout of embeddings 0.1': ['--dropout-embedding', '0.1'],
  'weight drop 0.2': ['--weight-drop', '0.2'],
  'activation regularisation': ['--activation-reg', '2', '--temporal-reg', '1'],
};
/** What is tried on words alone. */
const OF_WORDS = {
  'dropout by step': ['--dropout-mask', 'step'],
  'not tied': ['--no-tied'],
  'adaptive softmax': ['--no-tied', '--softmax', 'adaptive'],
};
const LEARNING = {
  'biases by frequency': ['--output-bias', 'frequencies'],
  'one cycle': ['--lr-decay', 'one-cycle'],
  'linear decay': ['--lr-decay', 'linear'],
  'exponential decay': ['--lr-decay', 'exponential'],
  'constant rate': ['--lr-decay', 'none'],
  'windows that grow': ['--bptt-schedule', 'grow'],
  'windows by chance': ['--bptt-schedule', 'random'],
};
/** Halved where a validation is not the best so far. */
const plateau = (evalEvery: number) => ['--lr-decay', 'plateau', '--eval-every', `${evalEvery}`];
const by = (optimizer: string, rate: string) => ['--optimizer', optimizer, '--lr', rate];

/**
 * Settings that are tried for a given time.
 *
 * The bases are what the rule takes of that time, or took before what these tables are the grounds of (more decay of
 * characters for five minutes and more, all that is said of words), but that the weights themselves are evaluated.
 */
export const experiments: readonly Experiment[] = [
  {
    name: 'minute',
    title: 'tinyshakespeare, characters, one minute',
    ...CHARACTERS,
    seconds: minutes(1),
    base: [...CHARACTER_MODEL, ...stack(3, 192), '--lr', '1.5e-2', '--weight-decay', '0.2'],
    settings: {
      base: [],
      'two layers of 256': [...stack(2, 256), '--lr', '1e-2'],
    },
  },
  {
    name: 'characters',
    title: 'tinyshakespeare, characters, five minutes',
    ...CHARACTERS,
    seconds: minutes(5),
    base: FIVE_MINUTES,
    settings: { base: [] },
  },
  {
    name: 'quarter',
    title: 'tinyshakespeare, characters, fifteen minutes',
    ...CHARACTERS,
    seconds: minutes(15),
    base: [...CHARACTER_MODEL, ...stack(4, 384), '--lr', '1e-2', '--weight-decay', '0.4'],
    settings: { base: [] },
  },
  {
    name: 'words10',
    title: 'presidential-addresses, 10,000 words, ten minutes',
    ...WORDS,
    seconds: minutes(10),
    recipeRates: [20, 5, 1.25],
    base: WORD_MODEL,
    settings: { base: [], 'by the rule now': ['--residual', ...WITH_FEATURES] },
  },
  {
    name: 'character-techniques',
    title: 'tinyshakespeare, characters, the time of 1,300 steps',
    ...CHARACTERS,
    steps: 1300,
    base: [...FIVE_MINUTES, '--dropout', '0', '--eval-every', '1300'],
    settings: {
      base: [],
      ...CELLS,
      ...AROUND_LAYERS,
      ...REGULARISATION,
      'weight decay 0.1': ['--weight-decay', '0.1'],
      'weight decay 0.5': ['--weight-decay', '0.5'],
      'dropout 0.1': ['--dropout', '0.1'],
      'dropout 0.1 by step': ['--dropout', '0.1', '--dropout-mask', 'step'],
      tied: ['--embedding', '256', '--tied'],
      adam: by('adam', '4e-3'),
      adamw: by('adamw', '4e-3'),
      rmsprop: by('rmsprop', '1e-3'),
      'sgd with momentum': [...by('sgd', '0.2'), '--momentum', '0.9'],
      ema: ['--ema', '0.99'],
      ...LEARNING,
      plateau: plateau(100),
    },
  },
  {
    name: 'word-techniques',
    title: 'presidential-addresses, 10,000 words, the time of 500 steps',
    ...WORDS,
    steps: 500,
    base: [...WORD_MODEL, '--eval-every', '500'],
    settings: {
      base: [],
      ...CELLS,
      ...AROUND_LAYERS,
      ...REGULARISATION,
      'lstm with residual': ['--cell', 'lstm', '--residual'],
      'mingru with residual': ['--cell', 'mingru', '--residual'],
      'no dropout': ['--dropout', '0'],
      'dropout 0.5': ['--dropout', '0.5'],
      ...OF_WORDS,
      'word features': ['--word-features'],
      'by the rule': WORDS_BY_RULE,
      'by the rule with word features': [...WORDS_BY_RULE, '--word-features'],
      'by the rule with word features and biases by frequency': [
        ...[...WORDS_BY_RULE, '--word-features'],
        ...LEARNING['biases by frequency'],
      ],
      'by the rule with layer normalisation': [...WORDS_BY_RULE, '--norm', 'layer'],
      'by the rule but not tied': [...WORDS_BY_RULE, '--no-tied'],
      'by the rule with windows that grow': [...WORDS_BY_RULE, '--bptt-schedule', 'grow'],
      adamw: [...by('adamw', '2e-3'), '--weight-decay', '0.05'],
      'adamw with residual and not tied': [
        ...[...by('adamw', '4e-3'), '--weight-decay', '0.05'],
        ...['--residual', '--no-tied'],
      ],
      'nt-asgd': [
        ...['--optimizer', 'nt-asgd', '--lr', '5', '--lr-decay', 'none'],
        ...['--clip-norm', '0.25', '--eval-every', '50'],
      ],
      ema: ['--ema', '0.99'],
      ...LEARNING,
      plateau: plateau(50),
    },
  },
  {
    name: 'word-quarter',
    title:
      'presidential-addresses, 10,000 words, the time of 1,000 steps: fifteen minutes of one core',
    ...WORDS,
    steps: 1000,
    base: [...WORD_MODEL, '--residual', ...FOR_LONG, '--eval-every', '1000'],
    settings: {
      base: [],
      'no word features': ['--no-word-features'],
      'no residual': ['--no-residual'],
      'not tied': OF_WORDS['not tied'],
      'no dropout of outputs': ['--dropout', '0'],
      'no dropout of embeddings': ['--dropout-embedding', '0'],
      'as for ten minutes': WITH_FEATURES,
      'weight drop 0.2': REGULARISATION['weight drop 0.2'],
      'activation regularisation': REGULARISATION['activation regularisation'],
      'no weight decay': REGULARISATION['no weight decay'],
      'weight decay 0.7': ['--weight-decay', '0.7'],
      lstm: CELLS.lstm,
      mingru: CELLS.mingru,
      'reset after': CELLS['reset after'],
      ema: ['--ema', '0.99'],
      'windows that grow': LEARNING['windows that grow'],
      'biases by frequency': LEARNING['biases by frequency'],
      'layer normalisation': AROUND_LAYERS['layer normalisation'],
      'linear decay': LEARNING['linear decay'],
      'dropout by step': OF_WORDS['dropout by step'],
      attention: AROUND_LAYERS.attention,
      'adaptive softmax': OF_WORDS['adaptive softmax'],
      'two layers of 512': [...stack(2, 512), '--embedding', '512'],
      'one cycle': LEARNING['one cycle'],
      'windows by chance': LEARNING['windows by chance'],
      'batch normalisation': AROUND_LAYERS['batch normalisation'],
      'candidate relu': CELLS['candidate relu'],
      plateau: plateau(100),
    },
  },
];
