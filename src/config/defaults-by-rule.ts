/**
 * What a run that is told nothing of its model takes, by a rule: how much text there is, of how many
 * different tokens, how long it may take and what the machine runs fast decide. The same text, tokenizer
 * and limits give the same on all machines that run the native operations, but for the precision.
 */
import type { Cell } from '../model/cells.ts';
import type { OutputBias } from '../model/initial-values.ts';
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
import {
  BY_MUON,
  BY_OTHERS,
  BY_PASSES,
  BY_VOCABULARY,
  FIRST_PASSES,
  FROM_SECONDS,
  type Size,
} from './rule-numbers.ts';

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
  outputBias: OutputBias;
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

/** What Muon's rate for characters is times for words, and at most: see `BY_VOCABULARY`. */
const RATE_FOR_WORDS = 1.6;
const MOST_RATE_FOR_WORDS = 0.016;
/**
 * Passes from which words by Muon do without biases that begin as how frequent they are: a model then begins slower,
 * and learns less by heart (docs/experiments.md).
 */
const PASSES_WITHOUT_FREQUENCIES = 8;
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
  const tokensIn = (perSecond: number) => tokensOf(input, input.batchSize ?? batchSize, perSecond);
  const tokens = tokensIn(tokensPerSecond);
  const column = FROM_SECONDS.findLastIndex((from) => tokens >= from * tokensPerSecond);
  const { hiddenSize, layers, dropout, ...size } = row.bySeconds[column] as Size;
  const asFast = kind === 'characters' ? Math.min(1, FAST_SIZE / (layers * hiddenSize ** 2)) : 1;
  const read = tokensIn(asFast * tokensPerSecond);
  // What others drop of characters is in their rows.
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
    tied: ofWords && input.fullSoftmax,
    residual: ofWords,
    weightDecay: byMuon ? Math.max(size.weightDecay, passes.leastDecay) : size.weightDecay,
    wordFeatures: kind !== 'characters' && usesFeatures(optimizer),
    outputBias:
      byMuon && ofWords && passes.from >= PASSES_WITHOUT_FREQUENCIES ? 'zero' : 'frequencies',
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
