/** Options that would change nothing beside others, which say so instead. */
import { UserError } from '../errors.ts';
import { decaysWeights, isSgd, usesFeatures } from '../training/optimizer-tensors.ts';
import { type GivenTrainOptions, type TrainOptions, trainOptions } from './train-options.ts';

/** What else was chosen; an optimizer that is not is left to the machine. */
type Chosen = Pick<TrainOptions, 'cell' | 'learningRateDecay' | 'valid' | 'test'> & {
  readonly optimizer?: TrainOptions['optimizer'] | undefined;
};

interface Use {
  readonly name: keyof GivenTrainOptions;
  /** A value that asks for nothing. */
  readonly nothing?: unknown;
  readonly isUsed: (chosen: Chosen) => boolean;
  /** With what it is of use, and what was found. */
  readonly expected: string;
  readonly found: (chosen: Chosen) => string;
}

const optimizerOf = ({ optimizer }: Chosen) => optimizer ?? 'none';

const USES: readonly Use[] = [
  {
    ...{ name: 'momentum', nothing: 0 },
    isUsed: ({ optimizer }) => isSgd(optimizer),
    ...{ expected: '--optimizer sgd or nt-asgd', found: optimizerOf },
  },
  {
    name: 'nonMonotone',
    isUsed: ({ optimizer }) => optimizer === 'nt-asgd',
    ...{ expected: '--optimizer nt-asgd', found: optimizerOf },
  },
  {
    ...{ name: 'weightDecay', nothing: 0 },
    // The machine chooses one that does so.
    isUsed: ({ optimizer }) => optimizer === undefined || decaysWeights(optimizer),
    ...{ expected: '--optimizer adamw or muon', found: optimizerOf },
  },
  {
    ...{ name: 'wordFeatures', nothing: false },
    isUsed: ({ optimizer }) => optimizer === undefined || usesFeatures(optimizer),
    ...{ expected: '--optimizer adam, adamw or muon', found: optimizerOf },
  },
  {
    ...{ name: 'gruVariant', nothing: 'reset-after' },
    isUsed: ({ cell }) => cell === 'gru',
    ...{ expected: '--cell gru', found: ({ cell }) => cell },
  },
  {
    ...{ name: 'warmup', nothing: 0 },
    isUsed: ({ learningRateDecay }) => learningRateDecay !== 'one-cycle',
    ...{ expected: 'another --lr-decay than one-cycle', found: () => 'that, which has its own' },
  },
  {
    name: 'validSplit',
    isUsed: ({ valid }) => valid === undefined,
    ...{ expected: 'at most one of it and --valid', found: () => 'both' },
  },
  {
    ...{ name: 'testSplit', nothing: 0 },
    isUsed: ({ test }) => test === undefined,
    ...{ expected: 'at most one of it and --test', found: () => 'both' },
  },
];

/**
 * Makes sure that nothing is given that would change nothing.
 *
 * @throws UserError `usage` naming the option, and what it is of use with
 */
export function assertUseful(given: GivenTrainOptions, chosen: Chosen): void {
  for (const { name, nothing, isUsed, expected, found } of USES) {
    const value = given[name];
    if (value === undefined || value === nothing || isUsed(chosen)) continue;
    const { flag } = trainOptions[name];
    throw new UserError(
      'usage',
      `--${flag}: expected ${expected}, found ${found(chosen)}`,
      `It would change nothing: leave out --${flag}.`,
    );
  }
}
