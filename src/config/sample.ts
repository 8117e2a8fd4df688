/** What `gru-lm sample` takes. */
import type { GivenOptions, OptionTable, OptionValues } from '../option-table.ts';
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
    help: 'choose among the tokens whose surprise is closest to the expected one, until they add up to this probability',
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
    oneAFlag: true,
    placeholder: 'TOKEN=F',
    help: 'add nats to the score of a token; may be given several times',
    group: CHOICE,
  },
  ban: {
    flag: 'ban',
    type: 'texts',
    oneAFlag: true,
    placeholder: 'TOKEN',
    help: 'never choose this token; may be given several times',
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
