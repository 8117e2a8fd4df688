/** The options of `gru-lm train`. */
import { TENSORBOARD_IN_RUN } from '../journal/places.ts';
import type { GivenOptions, OptionTable, OptionValues } from '../option-table.ts';
import { learningOptions } from './learning-options.ts';
import { modelOptions } from './model-options.ts';
import { PRESET_NAMES } from './presets.ts';
import {
  DATA,
  jsonOption,
  MODEL,
  machineOptions,
  OUTPUT,
  precisionOption,
  RUN,
  textOptions,
  tokenizerOptions,
} from './shared.ts';

/**
 * What `gru-lm train` takes; a checkpoint stores these values. Of those with a `defaultNote` the default
 * is what a stored config means that lacks them; a new run's is that of `defaultsByRule`.
 */
export const trainOptions = {
  ...tokenizerOptions,
  ...textOptions,
  valid: {
    flag: 'valid',
    type: 'text',
    placeholder: 'FILE',
    help: 'validate on this text, not on the end of the corpus',
    group: DATA,
  },
  test: {
    flag: 'test',
    type: 'text',
    placeholder: 'FILE',
    help: 'keep this text for gru-lm eval --split test',
    group: DATA,
  },
  validSplit: {
    flag: 'valid-split',
    type: 'number',
    above: 0,
    below: 1,
    help: 'share of the corpus to validate on (default: 0.1, at most a million characters)',
    group: DATA,
  },
  testSplit: {
    flag: 'test-split',
    type: 'number',
    min: 0,
    below: 1,
    default: 0,
    help: 'share of the corpus, at its end, to keep for testing',
    group: DATA,
  },
  preset: {
    flag: 'preset',
    type: 'choice',
    choices: PRESET_NAMES,
    help: 'a named set of options, over which those that are given count',
    group: MODEL,
  },
  ...modelOptions,
  ...learningOptions,
  out: {
    flag: 'out',
    type: 'text',
    placeholder: 'DIR',
    help: 'where the run is kept (default: checkpoints/<corpus name>)',
    group: RUN,
  },
  resume: { flag: 'resume', type: 'switch', help: 'go on with the run there', group: RUN },
  overwrite: { flag: 'overwrite', type: 'switch', help: 'replace the run there', group: RUN },
  initFrom: {
    flag: 'init-from',
    type: 'text',
    placeholder: 'CHECKPOINT',
    help: 'begin with the weights, the tokens and the model of another run, on this text',
    group: RUN,
  },
  evalEvery: {
    flag: 'eval-every',
    type: 'integer',
    min: 1,
    help: 'validate every N steps (default: eight times a run, or fewer where it is slow)',
    group: RUN,
  },
  saveEvery: {
    flag: 'save-every',
    type: 'integer',
    min: 1,
    help: 'save every N steps (default: after each validation, and every minute)',
    group: RUN,
  },
  keep: {
    flag: 'keep',
    type: 'integer',
    min: 1,
    default: 2,
    help: 'keep the last N checkpoints, beside the best',
    group: RUN,
  },
  onNan: {
    flag: 'on-nan',
    type: 'choice',
    choices: ['rollback', 'skip', 'stop'],
    default: 'rollback',
    help:
      'what to do about a loss or gradient that is no finite number: go back to the last ' +
      'checkpoint with half the learning rate, leave the step out, or stop',
    group: RUN,
  },
  sampleEvery: {
    flag: 'sample-every',
    type: 'integer',
    min: 0,
    default: 1,
    help: 'show a sample at every Nth validation; 0: never',
    group: RUN,
  },
  ...machineOptions,
  precision: { ...precisionOption.precision, defaultNote: 'by the machine' },
  ...jsonOption,
  tensorboard: {
    flag: 'tensorboard',
    type: 'text',
    placeholder: 'DIR',
    bare: TENSORBOARD_IN_RUN,
    help: `write events for TensorBoard (alone: to ${TENSORBOARD_IN_RUN})`,
    group: OUTPUT,
  },
  plot: {
    flag: 'plot',
    type: 'switch',
    help: 'draw the losses under the bar, on a terminal that has room',
    group: OUTPUT,
  },
  quiet: { flag: 'quiet', type: 'switch', help: 'no progress, only the result', group: OUTPUT },
} as const satisfies OptionTable;

export type TrainOptions = OptionValues<typeof trainOptions>;
/** Those of them that were given. */
export type GivenTrainOptions = GivenOptions<typeof trainOptions>;
