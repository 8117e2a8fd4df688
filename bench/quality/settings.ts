/** What the experiments compare: on each text, a base and what is changed about it. */
import type { Experiment } from './experiment.ts';

const COMMON = ['--sample-every', '0', '--precision', 'bfloat16'];
const minutes = (count: number) => count * 60;

/** What they are when nobody says otherwise is up to the machine. */
const PLAIN = ['--optimizer', 'adam', '--gru-variant', 'reset-after'];

const CHARACTERS = [
  ...COMMON,
  ...PLAIN,
  ...['--embedding', '64', '--layers', '2', '--bptt', '64', '--batch-size', '32'],
];

const WORDS = {
  text: 'presidential-addresses.txt',
  data: ['--tokenizer', 'word', '--vocab-size', '10000'],
};
const WORD_MODEL = [
  ...COMMON,
  ...PLAIN,
  ...['--layers', '2', '--bptt', '35', '--hidden', '256', '--embedding', '256', '--tied'],
  ...['--batch-size', '32', '--lr', '3e-3', '--dropout', '0.4', '--dropout-output', '0.4'],
];
const MUON_FOR_WORDS = ['--optimizer', 'muon', '--batch-size', '64', '--lr', '5e-3'];

/** Settings that were tried for a given time, to choose the defaults by. */
export const experiments: readonly Experiment[] = [
  {
    name: 'minute',
    title: 'tinyshakespeare, characters, one minute',
    text: 'tinyshakespeare.txt',
    data: ['--tokenizer', 'char'],
    seconds: minutes(1),
    ngrams: [5, 7],
    base: [...CHARACTERS, '--hidden', '256', '--lr', '6e-3'],
    settings: {
      base: [],
      'rate 4e-3': ['--lr', '4e-3'],
      'rate 1e-2': ['--lr', '1e-2'],
      'hidden 192': ['--hidden', '192'],
      'hidden 384': ['--hidden', '384', '--lr', '4e-3'],
      'batch 16': ['--batch-size', '16'],
      'batch 64': ['--batch-size', '64'],
      'one layer, 384': ['--layers', '1', '--hidden', '384'],
      muon: ['--optimizer', 'muon'],
      'muon and batch 64 at 1.2e-2': [
        ...['--optimizer', 'muon', '--batch-size', '64', '--lr', '1.2e-2'],
      ],
      'linear decay': ['--lr-decay', 'linear'],
      'one cycle': ['--lr-decay', 'one-cycle'],
      'reset before': ['--gru-variant', 'reset-before'],
      lstm: ['--cell', 'lstm'],
      mingru: ['--cell', 'mingru'],
      residual: ['--residual'],
      'layer normalisation': ['--norm', 'layer'],
      ema: ['--ema', '0.98'],
    },
  },
  {
    name: 'characters',
    title: 'tinyshakespeare, characters, five minutes',
    text: 'tinyshakespeare.txt',
    data: ['--tokenizer', 'char'],
    seconds: minutes(5),
    ngrams: [5, 7],
    base: [...CHARACTERS, '--hidden', '384', '--lr', '4e-3', '--dropout', '0.3'],
    settings: {
      base: [],
      'no dropout': ['--dropout', '0'],
      'dropout 0.2': ['--dropout', '0.2'],
      'dropout a step': ['--dropout-mask', 'step'],
      'dropout of the output 0.3': ['--dropout-output', '0.3'],
      'dropout of embeddings 0.1': ['--dropout-embedding', '0.1'],
      'weight drop 0.2': ['--weight-drop', '0.2'],
      'activation regularisation': ['--activation-reg', '2', '--temporal-reg', '1'],
      'decay 0.1': ['--optimizer', 'adamw', '--weight-decay', '0.1'],
      tied: ['--embedding', '384', '--tied'],
      muon: ['--optimizer', 'muon'],
      ema: ['--ema', '0.99'],
      'reset before': ['--gru-variant', 'reset-before'],
      lstm: ['--cell', 'lstm'],
      'hidden 512': ['--hidden', '512'],
      'batch 64': ['--batch-size', '64'],
    },
  },
  {
    name: 'words',
    title: 'presidential-addresses, 10,000 words, fifteen minutes',
    ...WORDS,
    seconds: minutes(15),
    ngrams: [5],
    base: WORD_MODEL,
    settings: {
      base: [],
      'no dropout': ['--dropout', '0', '--dropout-output', '0'],
      'weight drop 0.3': ['--weight-drop', '0.3'],
      muon: ['--optimizer', 'muon'],
      lstm: ['--cell', 'lstm'],
    },
  },
  {
    name: 'words10',
    title: 'presidential-addresses, 10,000 words, ten minutes',
    ...WORDS,
    seconds: minutes(10),
    ngrams: [5],
    recipeRates: [20, 5, 1.25],
    // All else is what a user gets who says nothing.
    base: COMMON,
    settings: {
      base: [],
      'in float32': ['--precision', 'float32'],
      'reset after': ['--gru-variant', 'reset-after'],
      'preset word': ['--preset', 'word'],
      tied: [...WORD_MODEL, ...MUON_FOR_WORDS],
    },
  },
  {
    name: 'screen',
    title: 'presidential-addresses, 10,000 words, 800 steps',
    ...WORDS,
    steps: 800,
    ngrams: [],
    base: WORD_MODEL,
    settings: {
      base: [],
      'reset before': ['--gru-variant', 'reset-before'],
      'no dropout': ['--dropout', '0', '--dropout-output', '0'],
      'weight drop 0.3': ['--weight-drop', '0.3'],
      'muon, batch 32': ['--optimizer', 'muon'],
    },
  },
];
