/** Options that would change nothing beside others, which say so instead. */
import { UserError } from '../errors.ts';
import type { GivenTrainOptions, TrainOptions } from './train-options.ts';

/** What else was chosen; an optimizer that is not is left to the machine. */
type Chosen = Pick<TrainOptions, 'cell' | 'learningRateDecay' | 'valid' | 'test'> & {
  readonly optimizer?: TrainOptions['optimizer'] | undefined;
};

interface Use {
  readonly flag: string;
  readonly name: keyof GivenTrainOptions;
  /** A value that asks for nothing. */
  readonly nothing?: unknown;
  readonly isUsed: (chosen: Chosen) => boolean;
  /** With what it is of use, and what was found. */
  readonly expected: string;
  readonly found: (chosen: Chosen) => string;
}

const optimizerIn =
  (...names: readonly TrainOptions['optimizer'][]) =>
  ({ optimizer }: Chosen) =>
    optimizer !== undefined && names.includes(optimizer);
const optimizerOf = ({ optimizer }: Chosen) => optimizer ?? 'none';

const USES: readonly Use[] = [
  {
    ...{ flag: 'momentum', name: 'momentum', nothing: 0 },
    isUsed: optimizerIn('sgd', 'nt-asgd'),
    ...{ expected: '--optimizer sgd or nt-asgd', found: optimizerOf },
  },
  {
    ...{ flag: 'nonmono', name: 'nonMonotone' },
    isUsed: optimizerIn('nt-asgd'),
    ...{ expected: '--optimizer nt-asgd', found: optimizerOf },
  },
  {
    ...{ flag: 'weight-decay', name: 'weightDecay', nothing: 0 },
    isUsed: ({ optimizer = 'adamw' }) => optimizer === 'adamw' || optimizer === 'muon',
    ...{ expected: '--optimizer adamw or muon', found: optimizerOf },
  },
  {
    ...{ flag: 'gru-variant', name: 'gruVariant', nothing: 'reset-after' },
    isUsed: ({ cell }) => cell === 'gru',
    ...{ expected: '--cell gru', found: ({ cell }) => cell },
  },
  {
    ...{ flag: 'warmup', name: 'warmup', nothing: 0 },
    isUsed: ({ learningRateDecay }) => learningRateDecay !== 'one-cycle',
    ...{ expected: 'another --lr-decay than one-cycle', found: () => 'that, which has its own' },
  },
  {
    ...{ flag: 'valid-split', name: 'validSplit' },
    isUsed: ({ valid }) => valid === undefined,
    ...{ expected: 'at most one of it and --valid', found: () => 'both' },
  },
  {
    ...{ flag: 'test-split', name: 'testSplit', nothing: 0 },
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
  for (const { flag, name, nothing, isUsed, expected, found } of USES) {
    const value = given[name];
    if (value === undefined || value === nothing || isUsed(chosen)) continue;
    throw new UserError(
      'usage',
      `--${flag}: expected ${expected}, found ${found(chosen)}`,
      `It would change nothing: leave out --${flag}.`,
    );
  }
}
