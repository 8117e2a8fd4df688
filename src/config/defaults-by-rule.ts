/**
 * What a run that is told nothing of its model takes, by a rule: how much text there is, of how many
 * different tokens, how long it may take and what the machine runs fast decide. The same text, tokenizer
 * and limits give the same on all machines that run the native operations, but for the precision.
 */
import type { Cell } from '../model/cells.ts';
import type { Norm } from '../model/normalisation.ts';
import type { Activation } from '../ops/activation.ts';
import type { GruVariant } from '../ops/gru-sequence.ts';
import type { Precision } from '../ops/tensorflow-binding.ts';
import {
  decaysWeights,
  isSgd,
  type OptimizerKind,
  usesFeatures,
} from '../training/optimizer-tensors.ts';
import type { Budget } from '../training/schedule.ts';

/** The options that the rule decides, where neither a user nor a preset does. */
export interface RuledOptions {
  embeddingSize: number;
  hiddenSize: number;
  layers: number;
  dropout: number;
  dropoutEmbedding: number;
  batchSize: number;
  learningRate: number;
  tied: boolean;
  residual: boolean;
  weightDecay: number;
  wordFeatures: boolean;
  ema: number;
  gruVariant: GruVariant;
  optimizer: OptimizerKind['optimizer'];
  precision: Precision;
}

/** What a machine runs fast. */
export interface MachineKind {
  readonly nativeOperations: boolean;
  /** Whether these multiply bfloat16 faster than float32. */
  readonly fastBfloat16: boolean;
}

/** What the rule decides by. */
export interface RuleInput {
  /** Tokens to train on. */
  readonly trainTokens: number;
  readonly vocabularySize: number;
  /** At least one limit is set; the tightest counts. */
  readonly budget: Budget;
  /** T, steps of a window. */
  readonly bptt: number;
  /** Parts of a batch, which divide it. */
  readonly gradientAccumulation: number;
  readonly cell: Cell;
  readonly activation: Activation;
  /** Whether layers attend to those below them. */
  readonly attention: boolean;
  readonly norm: Norm;
  /** Whether all tokens are scored by one matrix, which then may be the embeddings'. */
  readonly fullSoftmax: boolean;
  /** Chosen already, if it is: the rate and the batch go with it. */
  readonly optimizer?: OptimizerKind['optimizer'] | undefined;
  /** What SGD keeps of its last step. */
  readonly momentum: number;
  /** Chosen already, if it is: so many tokens a step takes. */
  readonly batchSize?: number | undefined;
  /** Chosen already, if it is: embeddings are no longer. */
  readonly hiddenSize?: number | undefined;
  /** Whether weights are to decay, which not all optimizers do. */
  readonly isDecayGiven: boolean;
  readonly machine: MachineKind;
}

type Size = Pick<
  RuledOptions,
  'hiddenSize' | 'layers' | 'dropout' | 'learningRate' | 'weightDecay'
>;
/** How batches and models are chosen from so many tokens to train on; `dropout` is without that by passes. */
export type Row = { from: number; batchSize: number; bySeconds: readonly Size[] };
/** What changes from so many passes over the text on. */
type ByPasses = { from: number; leastDecay: number; dropoutEmbedding: number; moreDropout: number };

/**
 * The numbers: a row from so many tokens to train on, in it a column from so many seconds of training.
 *
 * More text and more time allow larger models, and larger ones want lower rates. Of text that is seen again
 * and again a model learns less by heart where its weights decay, with Muon, or where some of its outputs
 * are dropped: the less text and the more time there is, the more of that.
 *
 * Muon trains several layers as well as one, and makes more of a batch; what it multiplies for that is fast
 * enough by the native operations alone.
 */
export const FROM_SECONDS = [0, 30, 180, 600] as const;
export const BY_MUON: readonly Row[] = [
  {
    from: 0,
    batchSize: 16,
    bySeconds: [
      { hiddenSize: 64, layers: 1, dropout: 0.1, learningRate: 0.017, weightDecay: 0.1 },
      { hiddenSize: 64, layers: 1, dropout: 0.3, learningRate: 0.017, weightDecay: 0.1 },
      { hiddenSize: 96, layers: 1, dropout: 0.4, learningRate: 0.014, weightDecay: 0.1 },
      { hiddenSize: 128, layers: 1, dropout: 0.5, learningRate: 0.01, weightDecay: 0.1 },
    ],
  },
  {
    from: 30_000,
    batchSize: 32,
    bySeconds: [
      { hiddenSize: 128, layers: 1, dropout: 0, learningRate: 0.017, weightDecay: 0.1 },
      { hiddenSize: 128, layers: 2, dropout: 0.2, learningRate: 0.014, weightDecay: 0.1 },
      { hiddenSize: 192, layers: 2, dropout: 0.35, learningRate: 0.01, weightDecay: 0.1 },
      { hiddenSize: 256, layers: 2, dropout: 0.5, learningRate: 0.007, weightDecay: 0.1 },
    ],
  },
  {
    from: 100_000,
    batchSize: 32,
    bySeconds: [
      { hiddenSize: 128, layers: 2, dropout: 0, learningRate: 0.017, weightDecay: 0.1 },
      { hiddenSize: 192, layers: 3, dropout: 0, learningRate: 0.015, weightDecay: 0.2 },
      { hiddenSize: 256, layers: 3, dropout: 0, learningRate: 0.015, weightDecay: 0.5 },
      { hiddenSize: 256, layers: 3, dropout: 0, learningRate: 0.012, weightDecay: 0.7 },
    ],
  },
  {
    from: 300_000,
    batchSize: 64,
    bySeconds: [
      { hiddenSize: 192, layers: 2, dropout: 0, learningRate: 0.015, weightDecay: 0.1 },
      { hiddenSize: 192, layers: 3, dropout: 0, learningRate: 0.015, weightDecay: 0.2 },
      { hiddenSize: 256, layers: 4, dropout: 0, learningRate: 0.015, weightDecay: 0.5 },
      { hiddenSize: 384, layers: 4, dropout: 0, learningRate: 0.01, weightDecay: 0.7 },
    ],
  },
  {
    from: 1_500_000,
    batchSize: 64,
    bySeconds: [
      { hiddenSize: 192, layers: 2, dropout: 0, learningRate: 0.015, weightDecay: 0.1 },
      { hiddenSize: 192, layers: 3, dropout: 0, learningRate: 0.015, weightDecay: 0.2 },
      { hiddenSize: 256, layers: 4, dropout: 0, learningRate: 0.015, weightDecay: 0.3 },
      { hiddenSize: 384, layers: 4, dropout: 0, learningRate: 0.01, weightDecay: 0.4 },
    ],
  },
  {
    from: 3_000_000,
    batchSize: 64,
    bySeconds: [
      { hiddenSize: 192, layers: 2, dropout: 0, learningRate: 0.015, weightDecay: 0.1 },
      { hiddenSize: 256, layers: 3, dropout: 0, learningRate: 0.015, weightDecay: 0.1 },
      { hiddenSize: 384, layers: 4, dropout: 0, learningRate: 0.01, weightDecay: 0.1 },
      { hiddenSize: 512, layers: 4, dropout: 0, learningRate: 0.008, weightDecay: 0.2 },
    ],
  },
];

/** For the other optimizers, whose decay is that of adamw. */
export const BY_OTHERS: readonly Row[] = [
  {
    from: 0,
    batchSize: 8,
    bySeconds: [
      { hiddenSize: 64, layers: 1, dropout: 0.1, learningRate: 0.01, weightDecay: 0.01 },
      { hiddenSize: 64, layers: 1, dropout: 0.3, learningRate: 0.01, weightDecay: 0.01 },
      { hiddenSize: 96, layers: 1, dropout: 0.4, learningRate: 0.008, weightDecay: 0.01 },
      { hiddenSize: 128, layers: 1, dropout: 0.5, learningRate: 0.006, weightDecay: 0.01 },
    ],
  },
  {
    from: 30_000,
    batchSize: 16,
    bySeconds: [
      { hiddenSize: 128, layers: 1, dropout: 0, learningRate: 0.01, weightDecay: 0.01 },
      { hiddenSize: 128, layers: 2, dropout: 0.2, learningRate: 0.008, weightDecay: 0.01 },
      { hiddenSize: 192, layers: 2, dropout: 0.35, learningRate: 0.006, weightDecay: 0.01 },
      { hiddenSize: 256, layers: 2, dropout: 0.5, learningRate: 0.004, weightDecay: 0.01 },
    ],
  },
  {
    from: 300_000,
    batchSize: 32,
    bySeconds: [
      { hiddenSize: 192, layers: 2, dropout: 0, learningRate: 0.008, weightDecay: 0.01 },
      { hiddenSize: 256, layers: 2, dropout: 0, learningRate: 0.006, weightDecay: 0.01 },
      { hiddenSize: 384, layers: 2, dropout: 0.1, learningRate: 0.004, weightDecay: 0.01 },
      { hiddenSize: 512, layers: 2, dropout: 0.2, learningRate: 0.003, weightDecay: 0.01 },
    ],
  },
  {
    from: 3_000_000,
    batchSize: 32,
    bySeconds: [
      { hiddenSize: 256, layers: 2, dropout: 0, learningRate: 0.006, weightDecay: 0.01 },
      { hiddenSize: 256, layers: 2, dropout: 0, learningRate: 0.006, weightDecay: 0.01 },
      { hiddenSize: 512, layers: 2, dropout: 0, learningRate: 0.003, weightDecay: 0.01 },
      { hiddenSize: 768, layers: 2, dropout: 0.1, learningRate: 0.002, weightDecay: 0.01 },
    ],
  },
];

const FIRST_PASSES: ByPasses = { from: 0, dropoutEmbedding: 0, moreDropout: 0, leastDecay: 0 };
/**
 * By how often a text is read: what is dropped of its embeddings, and of outputs besides, and the least that weights
 * decay by Muon. Of characters it is for Muon alone, as the others' rows say what they drop.
 */
export const BY_PASSES: Record<'characters' | 'parts' | 'words', readonly ByPasses[]> = {
  characters: [
    FIRST_PASSES,
    { from: 9, dropoutEmbedding: 0.1, moreDropout: 0, leastDecay: 0.7 },
    { from: 20, dropoutEmbedding: 0.2, moreDropout: 0.1, leastDecay: 0.6 },
    { from: 35, dropoutEmbedding: 0.2, moreDropout: 0.2, leastDecay: 0.5 },
    { from: 150, dropoutEmbedding: 0.3, moreDropout: 0.2, leastDecay: 0.7 },
  ],
  parts: [
    FIRST_PASSES,
    { from: 4, dropoutEmbedding: 0, moreDropout: 0, leastDecay: 0.4 },
    { from: 8, dropoutEmbedding: 0, moreDropout: 0, leastDecay: 0.9 },
  ],
  words: [
    FIRST_PASSES,
    { from: 3, dropoutEmbedding: 0.1, moreDropout: 0, leastDecay: 1 },
    { from: 8, dropoutEmbedding: 0.2, moreDropout: 0.15, leastDecay: 1 },
  ],
};
/**
 * By the vocabulary's size: the embeddings', at most that of a layer. Where most tokens are rare they are
 * scored by their embeddings, which then are learned from what precedes them, too, and layers add what they
 * read to their outputs; and a text has fewer of them, and of parts of words, than characters to learn so much from, so
 * that it is read again sooner; a lower rate only learns less (10,000 words, two layers of 384: 0.016 was
 * better than 0.008, and that than 0.004).
 */
export const BY_VOCABULARY = [
  { from: 0, embeddingSize: 64, mostLayers: 16, kind: 'characters' },
  { from: 1000, embeddingSize: 128, mostLayers: 3, kind: 'parts' },
  { from: 3000, embeddingSize: 65_536, mostLayers: 2, kind: 'words' },
] as const;
/** What Muon's rate for characters is times for words, and at most: see above. */
const RATE_FOR_WORDS = 1.6;
const MOST_RATE_FOR_WORDS = 0.016;
/**
 * Those by which each number goes about as far as any other. Of 10,000 words a model that scores by its
 * embeddings learns hardly more by them than how frequent words are, while one that does not learns what follows
 * what (docs/experiments.md).
 */
const BY_SIGN: readonly OptimizerKind['optimizer'][] = ['adam', 'adamw', 'rmsprop'];
/** What of the others' rate is RMSProp's, whose steps add up where gradients agree (docs/experiments.md). */
const RMSPROP_SHARE = 0.25;
/** Without momentum, by which steps add up: with it less. */
const RATE_OF_SGD = 5;
const MOST_DROPOUT = 0.6;
/**
 * What a step leaves of the mean of the weights, at most, which is what is evaluated and saved. While the rate is high
 * it predicts far better than the weights themselves, and at the end about as well (docs/experiments.md).
 */
const MEAN_SHARE = 0.998;

/**
 * How many tokens a second of training is taken for, where a limit is one of steps or epochs and for counting passes in
 * one of time: of words fewer, since their scores take the most of it.
 */
const TOKENS_PER_SECOND = 40_000;
const WORDS_PER_SECOND = 8000;
/** Layers · units² that read characters so fast; more of it reads them as much slower. */
const FAST_SIZE = 3 * 192 ** 2;
/** The least that the text should give each pass; batches of short texts have fewer streams for it. */
const WINDOWS_A_PASS = 8;

/** The options for a text; never lower with more text or time, but for dropout and the learning rate. */
export function defaultsByRule(input: RuleInput): RuledOptions {
  const { machine, cell, activation } = input;
  const optimizer = input.optimizer ?? usualOptimizer(input);
  const byMuon = optimizer === 'muon';
  const row = lastFrom(byMuon ? BY_MUON : BY_OTHERS, input.trainTokens);
  const batchSize = batchSizeFor(input, row.batchSize);
  const { embeddingSize, mostLayers, kind } = lastFrom(BY_VOCABULARY, input.vocabularySize);
  const ofWords = kind === 'words';
  const tokensPerSecond = ofWords ? WORDS_PER_SECOND : TOKENS_PER_SECOND;
  const tokens = tokensOf(input, input.batchSize ?? batchSize, tokensPerSecond);
  const column = FROM_SECONDS.findLastIndex((from) => tokens >= from * tokensPerSecond);
  const { hiddenSize, layers, dropout, ...size } = row.bySeconds[column] as Size;
  const slower = kind === 'characters' ? Math.max(1, (layers * hiddenSize ** 2) / FAST_SIZE) : 1;
  const read = tokensOf(input, input.batchSize ?? batchSize, tokensPerSecond / slower);
  const isByPasses = byMuon || kind !== 'characters';
  const passes = isByPasses ? lastFrom(BY_PASSES[kind], read / input.trainTokens) : FIRST_PASSES;
  return {
    embeddingSize: Math.min(embeddingSize, input.hiddenSize ?? hiddenSize),
    hiddenSize,
    layers: Math.min(mostLayers, input.attention ? Math.max(2, layers) : layers),
    dropout: Math.min(MOST_DROPOUT, Number((dropout + passes.moreDropout).toPrecision(2))),
    dropoutEmbedding: passes.dropoutEmbedding,
    batchSize,
    learningRate: rateOf(size.learningRate, optimizer, ofWords, input.momentum),
    tied: ofWords && input.fullSoftmax && !BY_SIGN.includes(optimizer),
    residual: ofWords,
    weightDecay: byMuon ? Math.max(size.weightDecay, passes.leastDecay) : size.weightDecay,
    wordFeatures: kind !== 'characters' && usesFeatures(optimizer),
    // nt-asgd has means of its own, and the statistics of batch normalisation are those of the weights themselves.
    ema: optimizer === 'nt-asgd' || input.norm === 'batch' ? 0 : MEAN_SHARE,
    gruVariant: isNativeGru(cell, activation, machine) ? 'reset-before' : 'reset-after',
    optimizer,
    precision: machine.fastBfloat16 ? 'bfloat16' : 'float32',
  };
}

/**
 * What the rule decides of a run's options.
 *
 * @param given what is decided already, by a user or a preset
 */
export function chosenByRule(
  input: RuleInput,
  ...given: Partial<RuledOptions>[]
): Partial<RuledOptions> {
  const chosen: Partial<RuledOptions> = defaultsByRule(input);
  for (const name of Object.keys(chosen) as (keyof RuledOptions)[]) {
    if (given.some((options) => options[name] !== undefined)) delete chosen[name];
  }
  if (input.cell !== 'gru') delete chosen.gruVariant;
  if (!decaysWeights(input.optimizer ?? usualOptimizer(input))) delete chosen.weightDecay;
  // Who decides what is dropped decides that, too.
  if (chosen.dropout === undefined) delete chosen.dropoutEmbedding;
  return chosen;
}

/** Whether a native operation runs the layers, and so either variant as fast as the other. */
function isNativeGru(cell: Cell, activation: Activation, machine: MachineKind): boolean {
  return machine.nativeOperations && cell === 'gru' && activation === 'tanh';
}

function usualOptimizer({ machine, isDecayGiven }: RuleInput): OptimizerKind['optimizer'] {
  if (machine.nativeOperations) return 'muon';
  return isDecayGiven ? 'adamw' : 'adam';
}

/** @param rate that of the text and the time, for characters */
function rateOf(
  rate: number,
  optimizer: OptimizerKind['optimizer'],
  ofWords: boolean,
  momentum: number,
): number {
  if (isSgd(optimizer)) return Number((RATE_OF_SGD * (1 - momentum)).toPrecision(2));
  if (optimizer === 'rmsprop') return Number((RMSPROP_SHARE * rate).toPrecision(2));
  if (!ofWords || optimizer !== 'muon') return rate;
  return Math.min(MOST_RATE_FOR_WORDS, Number((RATE_FOR_WORDS * rate).toPrecision(2)));
}

/** At most `most` streams, of which a pass over the text has some windows; whole parts of a batch. */
function batchSizeFor(
  { trainTokens, bptt, gradientAccumulation: parts }: RuleInput,
  most: number,
): number {
  const fitting = Math.floor((trainTokens - 1) / (bptt * WINDOWS_A_PASS));
  const streams = Math.max(1, Math.min(most, fitting));
  return parts * Math.max(1, Math.floor(streams / parts));
}

/** The tokens that the budget, whichever limit comes first, allows, where a second is good for so many. */
function tokensOf(
  { budget, trainTokens, bptt }: RuleInput,
  batchSize: number,
  tokensPerSecond: number,
): number {
  const never = Number.POSITIVE_INFINITY;
  const { epochs = never, maxSteps = never, maxTime = never } = budget;
  return Math.min(epochs * trainTokens, maxSteps * batchSize * bptt, maxTime * tokensPerSecond);
}

/** The last entry that begins at `value` or below. */
function lastFrom<Entry extends { from: number }>(entries: readonly Entry[], value: number): Entry {
  return entries.findLast(({ from }) => value >= from) as Entry;
}
