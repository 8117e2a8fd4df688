import { UserError } from '../errors.ts';
import { type GivenTrainOptions, type TrainOptions, trainOptions } from './train-options.ts';

/** Whose stored options are, by the flag that names them, and what else a user may do. */
const OWNERS = {
  resume: ['the run to resume', 'begin a new run with another --out'],
  'init-from': ['the model of --init-from', 'begin with a new model, without --init-from'],
} as const;

/**
 * Makes sure that an option is not given, or as it is stored with a model.
 *
 * @throws UserError `usage`
 */
export function assertAsStored(
  name: keyof TrainOptions,
  stored: Readonly<Partial<TrainOptions>>,
  given: GivenTrainOptions,
  owner: keyof typeof OWNERS,
): void {
  const [value, expected] = [given[name], stored[name]];
  if (value === undefined || (value === false && expected === undefined)) return;
  // As texts: some values are lists.
  if (String(expected) === String(value)) return;
  const { flag } = trainOptions[name];
  const [model, otherwise] = OWNERS[owner];
  throw new UserError(
    'usage',
    `--${flag}: expected ${expected ?? 'none'}, as ${model} has it, found ${value}`,
    `Leave out --${flag}, or ${otherwise}.`,
  );
}
