/** What `gru-lm sample` takes. */
import type { OptionTable, OptionValues } from '../option-table.ts';
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
    type: 'text',
    placeholder: 'TEXT',
    help: 'end before this text',
    group: TEXT,
  },
  samples: {
    flag: 'num-samples',
    type: 'integer',
    min: 1,
    max: 100_000,
    default: 1,
    help: 'how many samples to make',
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
  greedy: {
    flag: 'greedy',
    type: 'switch',
    help: 'always take the likeliest token',
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
  raw: {
    flag: 'raw',
    type: 'switch',
    help: 'write control characters to a terminal as they are (default: visibly, as ␛)',
    group: OUTPUT,
  },
  ...jsonOption,
} as const satisfies OptionTable;

export type SampleOptions = OptionValues<typeof sampleOptions>;
