/** What `gru-lm export` takes. */
import type { GivenOptions, OptionTable, OptionValues } from '../option-table.ts';
import { jsonOption, OUTPUT } from './shared.ts';

export const exportOptions = {
  format: {
    flag: 'format',
    type: 'choice',
    choices: ['tfjs'],
    help: 'what is to read the model: TensorFlow.js (tfjs), in a browser or anywhere',
    group: OUTPUT,
  },
  out: {
    flag: 'out',
    type: 'text',
    placeholder: 'DIR',
    defaultNote: 'the run’s name and the format, such as corpus-tfjs',
    help: 'the directory to write, which must be new or empty',
    group: OUTPUT,
  },
  overwrite: {
    flag: 'overwrite',
    type: 'switch',
    help: 'write into a directory that has files, replacing those of the same names',
    group: OUTPUT,
  },
  ...jsonOption,
} as const satisfies OptionTable;

export type GivenExportOptions = GivenOptions<typeof exportOptions>;
export type ExportOptions = OptionValues<typeof exportOptions>;
export type ExportFormat = NonNullable<ExportOptions['format']>;
