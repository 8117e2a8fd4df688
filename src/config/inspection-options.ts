/** What the commands take that look into a model. */
import type { OptionTable, OptionValues } from '../option-table.ts';
import { DATA, jsonOption, machineOptions, OUTPUT, textOptions } from './shared.ts';

/** A heading of `--help`. */
const WHAT = 'What to look at:';

/** What `gru-lm inspect` takes. */
export const inspectOptions = {
  prompt: {
    flag: 'prompt',
    type: 'text',
    placeholder: 'TEXT',
    help: 'the text to look at; - reads it from standard input',
    group: DATA,
  },
  text: {
    flag: 'text',
    type: 'text',
    placeholder: 'FILE',
    help: 'look at the text of this file; - is standard input',
    group: DATA,
  },
  ...textOptions,
  tokens: {
    flag: 'tokens',
    type: 'integer',
    min: 1,
    max: 20_000,
    default: 2000,
    help: 'look at no more than the first N tokens',
    group: DATA,
  },
  topK: {
    flag: 'top-k',
    type: 'integer',
    min: 1,
    max: 100,
    default: 5,
    help: 'how many of the likeliest tokens to name at each place',
    group: WHAT,
  },
  surprising: {
    flag: 'surprising',
    type: 'integer',
    min: 0,
    max: 20_000,
    default: 10,
    help: 'how many of the most surprising tokens to list',
    group: WHAT,
  },
  explain: {
    flag: 'explain',
    type: 'integer',
    min: 1,
    help: 'say what the prediction of the token at this place rests on; the first token has place 0',
    group: WHAT,
  },
  span: {
    flag: 'span',
    type: 'integer',
    min: 1,
    max: 512,
    defaultNote: '32, with --html 16',
    help: 'how many tokens before a prediction --explain and --html weigh',
    group: WHAT,
  },
  units: {
    flag: 'units',
    type: 'integer',
    min: 1,
    max: 4096,
    defaultNote: '64 with --html, none with --json',
    help: 'how many units of each layer to give the activity of, those that vary most',
    group: WHAT,
  },
  html: {
    flag: 'html',
    type: 'text',
    placeholder: 'FILE',
    help: 'write all of it to this file, as a page for a browser that needs nothing else',
    group: OUTPUT,
  },
  overwrite: {
    flag: 'overwrite',
    type: 'switch',
    help: 'replace the file that --html names',
    group: OUTPUT,
  },
  ...machineOptions,
  ...jsonOption,
} as const satisfies OptionTable;

export type InspectOptions = OptionValues<typeof inspectOptions>;

/** What `gru-lm neighbors` takes. */
export const neighborsOptions = {
  count: {
    flag: 'count',
    type: 'integer',
    min: 1,
    max: 1_000_000,
    default: 10,
    help: 'how many neighbours to list',
    group: OUTPUT,
  },
  of: {
    flag: 'of',
    type: 'choice',
    choices: ['embedding', 'output'],
    default: 'embedding',
    help: 'what to compare: how tokens are read, or how they are scored',
    group: WHAT,
  },
  ...jsonOption,
} as const satisfies OptionTable;
