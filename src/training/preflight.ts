/** What can be said of a run before it begins: what it will take, and what looks wrong. */
import { elementCount, type ModelConfig, parameterSpecs } from '../model/parameters.ts';
import { spacing, TRAINING_A_VALIDATION, VALIDATIONS, validationInSteps } from './cadence.ts';
import { type Budget, type Spent, stepsOfEpochs } from './schedule.ts';
import type { Trial } from './trial.ts';
import { type BpttSchedule, meanWindowShare, readAfter } from './window-lengths.ts';

/** What is known of a part of the text once it is tokens. */
export interface PartFigures {
  readonly tokens: number;
  /** Tokens that are the unknown one. */
  readonly unknown: number;
}

/** How many passages of held-out text were looked for in the training text, and found there. */
export interface OverlapFigures {
  readonly probed: number;
  readonly found: number;
}

export interface PreflightInput {
  readonly model: ModelConfig;
  readonly train: PartFigures;
  readonly valid: PartFigures;
  readonly overlap: OverlapFigures;
  readonly budget: Budget;
  /** What of the budget is used already, by a run that goes on. */
  readonly spent?: Pick<Spent, 'steps' | 'elapsedSeconds'> | undefined;
  /** Steps from one validation to the next; undefined: by the run's length. */
  readonly evalEvery?: number | undefined;
  /** Default constant. */
  readonly bpttSchedule?: BpttSchedule | undefined;
  /**
   * Whether the vocabulary has all of the training text, or why not: it was cut to a size, or by what is rare; or it
   * was there before, another model's or this run's own.
   */
  readonly vocabulary: 'complete' | 'sized' | 'counted' | 'given' | 'own';
  /** B · T. */
  readonly tokensPerStep: number;
  readonly trial: Trial;
  /** Numbers that are kept beside the parameters. */
  readonly optimizerNumbers: number;
}

export interface Preflight {
  readonly parameters: number;
  /** Tokens to train on for each parameter. */
  readonly tokensPerParameter: number;
  /** The share of the validation tokens that is unknown, in [0, 1]. */
  readonly unknownShare: number;
  /** Steps that are still to be made, and what these will take. */
  readonly expectedSteps: number;
  /** Passes over the training text. */
  readonly expectedEpochs: number;
  readonly expectedSeconds: number;
  /** Of memory, at the most. */
  readonly expectedBytes: number;
  /** What looks wrong, each with what would help; the worst first. */
  readonly warnings: readonly string[];
}

const FLOAT_BYTES = 4;

/** A run's figures. */
export function preflight(input: PreflightInput): Preflight {
  const { model, train, valid, trial, optimizerNumbers } = input;
  const sizes = parameterSpecs(model).map(({ shape }) => elementCount(shape));
  const parameters = sizes.reduce((sum, size) => sum + size, 0);
  const { steps, windows } = lengthOf(input);
  const expectedSteps = Math.max(1, Math.round(steps));
  // A checkpoint is copied out of the backend, with what the optimizer keeps, and made into files.
  const figures = {
    parameters,
    tokensPerParameter: train.tokens / parameters,
    unknownShare: valid.tokens === 0 ? 0 : valid.unknown / valid.tokens,
    expectedSteps,
    expectedEpochs: Math.max(1, windows) / trial.stepsPerEpoch,
    expectedSeconds: Math.min(
      Math.max(1, windows) * trial.stepSeconds + validationSeconds(input, steps),
      timeLeft(input),
    ),
    expectedBytes: trial.peakBytes + (2 * parameters + optimizerNumbers) * FLOAT_BYTES,
  };
  return { ...figures, warnings: warningsOf(input, figures) };
}

/** What is left of a run, by whichever of its limits comes first. */
interface Length {
  steps: number;
  /** As many tokens as so many windows of T have. */
  windows: number;
}

function lengthOf(input: PreflightInput): Length {
  const { budget, trial, spent = { steps: 0, elapsedSeconds: 0 } } = input;
  const { bpttSchedule = 'constant' } = input;
  const lengths: Length[] = [];
  if (budget.maxSteps !== undefined) {
    const steps = Math.max(0, budget.maxSteps - spent.steps);
    const share = meanWindowShare(bpttSchedule, 'steps', spent.steps / budget.maxSteps);
    lengths.push({ steps, windows: steps * share });
  }
  const ofWindows = (windows: number, from: number) => {
    lengths.push({ steps: windows / meanWindowShare(bpttSchedule, 'text', from), windows });
  };
  if (budget.epochs !== undefined) {
    const all = stepsOfEpochs(budget.epochs, trial.stepsPerEpoch);
    const read = readAfter(bpttSchedule, spent.steps / all);
    ofWindows(all * (1 - read), read);
  }
  if (budget.maxTime !== undefined) {
    ofWindows(windowsIn(timeLeft(input), input), spent.elapsedSeconds / budget.maxTime);
  }
  return lengths.reduce((least, length) => (length.windows < least.windows ? length : least));
}

/** Seconds; infinitely many without a limit. */
function timeLeft({ budget, spent }: PreflightInput): number {
  const { maxTime = Number.POSITIVE_INFINITY } = budget;
  return Math.max(0, maxTime - (spent?.elapsedSeconds ?? 0));
}

/** Windows of training for which there is time. */
function windowsIn(seconds: number, input: PreflightInput): number {
  const { trial, evalEvery } = input;
  const one = oneValidation(input);
  if (evalEvery !== undefined) return seconds / (trial.stepSeconds + one / evalEvery);
  // Validations keep to their share of a run that is limited by time, but for one at its end.
  const all = Math.max(one, Math.min(VALIDATIONS * one, seconds / (1 + TRAINING_A_VALIDATION)));
  return Math.max(0, seconds - all) / trial.stepSeconds;
}

/** Seconds of all validations beside so many steps; the last step is followed by one. */
function validationSeconds(input: PreflightInput, steps: number): number {
  const { valid, tokensPerStep, evalEvery } = input;
  const every = evalEvery ?? spacing(steps, validationInSteps(valid.tokens, tokensPerStep));
  return oneValidation(input) * Math.max(1, Math.ceil(steps / every));
}

/** Seconds. */
function oneValidation({ valid, tokensPerStep, trial }: PreflightInput): number {
  return validationInSteps(valid.tokens, tokensPerStep) * trial.stepSeconds;
}

type Figures = Omit<Preflight, 'warnings'>;

/** Shares of held-out text from which on something is wrong with it. */
const MANY_UNKNOWN = 0.2;
const MUCH_OVERLAP = 0.05;
/** Each token of a vocabulary should be seen this often, on average, to be learned. */
const FEW_OCCURRENCES = 20;
/** Passes over so little text for its model that it will be known by heart. */
const MANY_PASSES = 20;
const FEW_TOKENS_A_PARAMETER = 0.2;

function warningsOf(
  { model, train, valid, overlap, vocabulary }: PreflightInput,
  figures: Figures,
): string[] {
  const warnings: string[] = [];
  const { vocabularySize } = model;
  const isUnknown = figures.unknownShare >= MANY_UNKNOWN;
  const isForeign = train.unknown / train.tokens >= MANY_UNKNOWN;
  if (isUnknown && isForeign && vocabulary === 'given') {
    warnings.push(
      `${percent(figures.unknownShare)} of the validation tokens are <unk>, and ` +
        `${percent(train.unknown / train.tokens)} of the training tokens: the model's vocabulary is ` +
        'of other text. A new run without --init-from and --tokenizer-file has its own.',
    );
  } else if (valid.tokens > 0 && valid.unknown === valid.tokens) {
    warnings.push(
      'Every validation token is <unk>: the validation text has nothing in common with the ' +
        'training text. Check --valid, or take --tokenizer bpe or byte, which know all text.',
    );
  } else if (isUnknown) {
    const advice: Partial<Record<PreflightInput['vocabulary'], string>> = {
      complete: ' Take --tokenizer bpe, which knows all text.',
      sized: ' Give --vocab-size a larger number, or take --tokenizer bpe, which knows all text.',
      counted: ' Give --min-count a smaller number, or take --tokenizer bpe, which knows all text.',
    };
    warnings.push(
      `${percent(figures.unknownShare)} of the validation tokens are <unk>, so the model is ` +
        `judged by how well it predicts that alone.${advice[vocabulary] ?? ''}`,
    );
  }
  if (overlap.probed > 0 && overlap.found / overlap.probed >= MUCH_OVERLAP) {
    warnings.push(
      `${overlap.found === overlap.probed ? 'All' : `At least ${percent(overlap.found / overlap.probed)}`} of the held-out passages also stand in the ` +
        'training text: validation will look better than it is. Remove what is repeated, or ' +
        'validate on other text with --valid.',
    );
  }
  // A larger one and a smaller one would not help at once.
  const mayShrink = vocabulary !== 'given' && vocabulary !== 'own' && !isUnknown;
  if (mayShrink && vocabularySize > 1000 && train.tokens / vocabularySize < FEW_OCCURRENCES) {
    warnings.push(
      `The vocabulary of ${vocabularySize.toLocaleString('en-US')} is large for this text: a ` +
        `token occurs ${(train.tokens / vocabularySize).toFixed(1)} times on average. Give ` +
        `--vocab-size ${suggestedSize(train.tokens)}, or more text.`,
    );
  }
  if (
    figures.tokensPerParameter < FEW_TOKENS_A_PARAMETER &&
    figures.expectedEpochs >= MANY_PASSES
  ) {
    warnings.push(
      `${figures.expectedEpochs.toFixed(0)} passes over ${train.tokens.toLocaleString('en-US')} ` +
        `tokens with ${figures.parameters.toLocaleString('en-US')} parameters: the model will ` +
        'learn the text by heart. Give it more text, a smaller --hidden or --dropout 0.3.',
    );
  }
  return warnings;
}

/** A vocabulary of which each token occurs often enough, in two digits. */
function suggestedSize(tokens: number): number {
  const size = Math.max(256, tokens / (2 * FEW_OCCURRENCES));
  return Number(Math.floor(size).toPrecision(2));
}

function percent(share: number): string {
  return `${share >= 0.1 ? Math.round(share * 100) : (share * 100).toFixed(1)} %`;
}
