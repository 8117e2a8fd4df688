/** What `gru-lm sample` takes. */
import { UserError } from '../errors.ts';
import type { GivenOptions, OptionSpec, OptionTable, OptionValues } from '../option-table.ts';
import { jsonOption, machineOptions, OUTPUT } from './shared.ts';

const TEXT = 'Text:';
const CHOICE = 'Choice:';

export const sampleOptions = {
  prompt: {
    flag: 'prompt',
    type: 'text',
    placeholder: 'TEXT',
    help: 'the text to go on from; - reads it from standard input (default: a line start)',
    group: TEXT,
  },
  prompts: {
    flag: 'prompts',
    type: 'text',
    placeholder: 'FILE',
    help: 'go on from each line of a file, or from the field "prompt" of each line of a .jsonl file',
    group: TEXT,
  },
  interactive: {
    flag: 'interactive',
    letter: 'i',
    type: 'switch',
    help: 'go on from what is typed, line by line; :help says what else can be typed',
    group: TEXT,
  },
  length: {
    flag: 'length',
    type: 'integer',
    min: 1,
    default: 500,
    help: 'tokens to make',
    group: TEXT,
  },
  stop: {
    flag: 'stop',
    type: 'texts',
    oneAFlag: true,
    placeholder: 'TEXT',
    help: 'end before this text; may be given several times',
    group: TEXT,
  },
  samples: {
    flag: 'num-samples',
    type: 'integer',
    min: 1,
    max: 100_000,
    default: 1,
    help: 'how many samples to make of each prompt',
    group: TEXT,
  },
  continue: {
    flag: 'continue',
    type: 'text',
    placeholder: 'FILE',
    help: 'go on where the sample ended whose state is in this file',
    group: TEXT,
  },
  saveState: {
    flag: 'save-state',
    type: 'text',
    placeholder: 'FILE',
    help: 'write where the sample ends, for --continue; a new file, or the one of --continue',
    group: TEXT,
  },
  temperature: {
    flag: 'temperature',
    type: 'number',
    above: 0,
    default: 0.8,
    help: 'below 1: more likely text; above 1: more surprising',
    group: CHOICE,
  },
  topK: {
    flag: 'top-k',
    type: 'integer',
    min: 0,
    default: 0,
    help: 'choose among the K likeliest tokens; 0: among all',
    group: CHOICE,
  },
  topP: {
    flag: 'top-p',
    type: 'number',
    above: 0,
    max: 1,
    default: 1,
    help: 'choose among the likeliest tokens that add up to this probability',
    group: CHOICE,
  },
  minP: {
    flag: 'min-p',
    type: 'number',
    min: 0,
    max: 1,
    default: 0,
    help: 'choose among tokens at least this share as likely as the likeliest',
    group: CHOICE,
  },
  typical: {
    flag: 'typical',
    type: 'number',
    above: 0,
    max: 1,
    default: 1,
    help: 'choose among tokens about as surprising as is to be expected, that add up to this probability',
    group: CHOICE,
  },
  repetitionPenalty: {
    flag: 'repetition-penalty',
    type: 'number',
    above: 0,
    default: 1,
    help: 'raise the probabilities of recent tokens to this power; 1: do not',
    group: CHOICE,
  },
  repetitionWindow: {
    flag: 'repetition-window',
    type: 'integer',
    min: 1,
    max: 4096,
    default: 64,
    help: 'how many tokens are recent',
    group: CHOICE,
  },
  logitBias: {
    flag: 'logit-bias',
    type: 'texts',
    placeholder: 'TOKEN=F',
    help: 'add nats to the score of a token',
    group: CHOICE,
  },
  ban: {
    flag: 'ban',
    type: 'texts',
    placeholder: 'TOKEN',
    help: 'never choose this token',
    group: CHOICE,
  },
  greedy: {
    flag: 'greedy',
    type: 'switch',
    help: 'always take the likeliest token',
    group: CHOICE,
  },
  beam: {
    flag: 'beam',
    type: 'integer',
    min: 1,
    max: 1024,
    help: 'look for the likeliest texts with so many beams, without chance',
    group: CHOICE,
  },
  seed: {
    flag: 'seed',
    type: 'integer',
    min: 0,
    help: 'the same seed gives the same text (default: a new one each time)',
    group: CHOICE,
  },
  ...machineOptions,
  copied: {
    flag: 'copied',
    type: 'switch',
    help: 'say what of each sample stands in the training text word for word',
    group: OUTPUT,
  },
  raw: {
    flag: 'raw',
    type: 'switch',
    help: 'write control characters to a terminal as they are (default: visibly, as ␛)',
    group: OUTPUT,
  },
  ...jsonOption,
} as const satisfies OptionTable;

export type SampleOptions = OptionValues<typeof sampleOptions>;
export type GivenSampleOptions = GivenOptions<typeof sampleOptions>;

/** What is said after the options. */
export const sampleNotes = [
  'A choice is made in this order: repetition penalty, biases, bans, temperature,',
  'top-k, top-p, min-p, typical. A TOKEN is a text that is one token, or a token as',
  'gru-lm tokenize shows it, such as \\n. docs/sampling.md has the formulas.',
];

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
