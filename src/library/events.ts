/** What a program is told of its calls: the objects that `--json` prints, a line each. */
import type { TrainOptions } from './options.ts';

/** Training is about to begin. */
export interface StartEvent {
  event: 'start';
  vocabularySize: number;
  trainTokens: number;
  validTokens: number;
  parameters: number;
  /** Tokens to train on for each parameter. */
  tokensPerParameter: number;
  /** The share of the validation tokens that is unknown, in [0, 1]. */
  unknownShare: number;
  /** Steps that are still to be made. */
  expectedSteps: number;
  /** Passes over the training text in them. */
  expectedEpochs: number;
  /** What they will take. */
  expectedSeconds: number;
  /** Of memory, at the most. */
  expectedBytes: number;
  backend: 'cuda' | 'cpu' | 'wasm';
  backendDescription: string;
  /** The directory of the run. */
  path: string;
  resumedAtStep: number | null;
  /** What looks wrong, and what would help. */
  warnings: string[];
  /** All that the run goes by. */
  options: TrainOptions;
  /** Those of the options that nobody gave, and the rule chose. */
  byRule: TrainOptions;
}

export interface StepEvent {
  event: 'step';
  step: number;
  /** Passes over the training text so far. */
  epoch: number;
  /** Nats a token. */
  loss: number;
  learningRate: number;
  /** Before it is clipped. */
  gradientNorm: number;
  tokensPerSecond: number;
  elapsedSeconds: number;
}

/** A validation. */
export interface EvalEvent {
  event: 'eval';
  step: number;
  split: 'valid';
  natsPerToken: number;
  perplexity: number;
  isBest: boolean;
}

/** A checkpoint is saved, and whole. */
export interface CheckpointEvent {
  event: 'checkpoint';
  path: string;
  step: number;
}

/** A text of the model as it is. */
export interface SampleEvent {
  event: 'sample';
  step: number;
  text: string;
}

/** From the next step on, the mean of the weights is kept and evaluated. */
export interface AveragingEvent {
  event: 'averaging';
  step: number;
}

/** A loss far above those before it. */
export interface SpikeEvent {
  event: 'spike';
  step: number;
  loss: number;
  usualLoss: number;
}

/** A step that changed nothing, as `found` is no finite number. */
export interface SkipEvent {
  event: 'skip';
  step: number;
  found: string;
}

/** `found` is no finite number: the run goes on from `toStep` with that share of the learning rate. */
export interface RollbackEvent {
  event: 'rollback';
  step: number;
  toStep: number;
  found: string;
  rateShare: number;
}

/** Something went wrong, and the run goes on. */
export interface WarningEvent {
  event: 'warning';
  message: string;
}

/** The run was stopped before its end, and saved if it had begun. */
export interface StoppedEvent {
  event: 'stopped';
  step: number;
  path: string;
}

/** The run has come to its end, and is saved. */
export interface EndEvent {
  event: 'end';
  step: number;
  elapsedSeconds: number;
  bestNatsPerToken: number;
  bestStep: number;
  path: string;
}

export type TrainEvent =
  | StartEvent
  | StepEvent
  | EvalEvent
  | CheckpointEvent
  | SampleEvent
  | AveragingEvent
  | SpikeEvent
  | SkipEvent
  | RollbackEvent
  | WarningEvent
  | StoppedEvent
  | EndEvent;

/** What of a text stands in the training text word for word. */
export interface CopyReport {
  longest: {
    tokens: number;
    characters: number;
    text: string;
    /** A line of the training text in which it begins, from 1. */
    line: number;
    document?: number;
  } | null;
  /** The share of tokens in copied spans of at least `spanTokens`. */
  share: number;
  spanTokens: number;
}

/** A text that a model made. */
export interface Sample {
  prompt: string;
  text: string;
  tokens: number;
  /** null: it has no tokens. */
  natsPerToken: number | null;
  /** null: chance had no part in it. */
  seed: number | null;
  tokensPerSecond: number | null;
  /** Of all its tokens, by beam search. */
  nats?: number;
  /** The number of its prompt in a file of them. */
  index?: number;
  copied?: CopyReport;
}

/** A text begins. */
export interface SampleStartEvent {
  event: 'start';
  prompt: string;
  /** The number of its prompt in a file of them. */
  index?: number;
}

/** A piece of a text as it is made. */
export interface PieceEvent {
  event: 'piece';
  /** What is certain of the text, in whole characters: nothing while they may begin one of `stop`. */
  text: string;
  /** The token that brought it, and its −log p; absent for text that was only held back. */
  id?: number;
  nats?: number;
}

/** A text is made, and this is all of it. */
export interface SampleEndEvent extends Sample {
  event: 'end';
}

export type SampleStreamEvent = SampleStartEvent | PieceEvent | SampleEndEvent;

/**
 * How well a model tells what comes next; null: there is nothing to measure that on, or it is too large for a
 * number.
 */
export interface EvaluationFigures {
  /** Tokens scored. */
  tokens: number;
  /** Out-of-vocabulary tokens among them, which are scored as `<unk>`. */
  oovTokens: number;
  natsPerToken: number | null;
  /** exp(natsPerToken). */
  perplexity: number | null;
  perplexityWithoutOov: number | null;
  /** exp(total nats / words), which does not depend on what a token is. */
  perplexityPerWord: number | null;
  words: number;
  bitsPerCharacter: number | null;
  bitsPerByte: number | null;
}

export interface EvaluationResult extends EvaluationFigures {
  /** The part of the run's text, or the names of the texts. */
  split: string;
  streams: number;
  /** How it was measured, in words. */
  convention: string;
  /** The same for the same text: its files, how they are read, and which part of them it is. */
  textId: string;
  /** The same for the same tokenizer, without which figures a token are not comparable. */
  tokenizerId: string;
  /** The directory of the checkpoint, and its step. */
  checkpoint: string;
  step: number;
  /** Of several texts, the figures of each. */
  texts?: (EvaluationFigures & { text: string; textId: string })[];
  /** What else was asked for: `baseline`, `interpolated`, `cache`, `dynamic`. */
  [row: string]: unknown;
}
