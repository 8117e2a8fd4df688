/** Which options of `gru-lm sample` do not go together. */
import { UserError } from '../errors.ts';
import type { OptionSpec } from '../option-table.ts';
import { type GivenSampleOptions, sampleOptions } from './sample.ts';

type Name = keyof typeof sampleOptions;

/** Options that say how chance chooses, or make tokens likelier than they are. */
const CHANCE: readonly Name[] = [
  ...(['temperature', 'topK', 'topP', 'minP', 'typical', 'repetitionPenalty'] as const),
  ...(['repetitionWindow', 'logitBias', 'greedy', 'seed'] as const),
];

/** For an option those that do not go with it, and why. */
const CONFLICTS: readonly [Name, readonly Name[], string][] = [
  [
    'beam',
    CHANCE,
    'Beam search leaves nothing to chance, and compares texts by the model’s own probabilities.',
  ],
  ['prompts', ['prompt', 'continue'], 'A file of prompts says all of what to go on from.'],
  [
    'saveState',
    ['prompts', 'beam', 'interactive'],
    'The state is that of one sample; type :save-state FILE where samples are interactive.',
  ],
  [
    'interactive',
    ['prompt', 'prompts', 'samples', 'beam', 'copied'],
    'What to go on from is typed, and each line gives one text.',
  ],
];

/**
 * Makes sure that the options that were given go together.
 *
 * @throws UserError `usage`
 */
export function assertSampleOptions(given: GivenSampleOptions): void {
  for (const [name, others, reason] of CONFLICTS) {
    const other = others.find((each) => isGiven(given[each]));
    if (!isGiven(given[name]) || other === undefined) continue;
    throw new UserError(
      'usage',
      `expected at most one of --${flagOf(name)} and --${flagOf(other)}, found both`,
      `Leave one of them out. ${reason}`,
    );
  }
  const { samples = 1, beam } = given;
  if (beam !== undefined && samples > beam) {
    throw new UserError(
      'usage',
      `--num-samples: expected at most as many as --beam ${beam}, found ${samples}`,
      `Give --beam ${samples}, or fewer samples.`,
    );
  }
  const largestSeed = Number.MAX_SAFE_INTEGER - (samples - 1);
  if (given.seed !== undefined && given.seed > largestSeed) {
    throw new UserError(
      'usage',
      `--seed: expected at most ${largestSeed} for --num-samples ${samples}, found ${given.seed}`,
      'Each sample has the seed after that of the one before. Give a smaller one, or fewer samples.',
    );
  }
  if (samples > 1 && given.saveState !== undefined) {
    throw new UserError(
      'usage',
      `--save-state: expected one sample, whose end it keeps, found --num-samples ${samples}`,
      'Leave out --num-samples.',
    );
  }
  if (samples > 1 && given.continue !== undefined && given.seed === undefined && !beam) {
    throw new UserError(
      'usage',
      `--continue: expected --seed beside --num-samples ${samples}, found none`,
      'Without a seed the one text goes on that would have come. Give --seed N for several.',
    );
  }
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== false;
}

function flagOf(name: Name): string {
  return (sampleOptions[name] as OptionSpec).flag;
}
