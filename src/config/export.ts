/** What `gru-lm export` takes. */
import type { GivenOptions, OptionTable, OptionValues } from '../option-table.ts';
import { jsonOption, machineOptions, OUTPUT } from './shared.ts';

export const exportOptions = {
  format: {
    flag: 'format',
    type: 'choice',
    choices: ['tfjs', 'pytorch', 'onnx'],
    help: 'what is to read the model: TensorFlow.js (tfjs), in a browser or anywhere, PyTorch or ONNX',
    group: OUTPUT,
  },
  quantize: {
    flag: 'quantize',
    type: 'choice',
    choices: ['none', 'int8', 'float16'],
    default: 'none',
    help: 'keep weights in fewer bits, and say what it costs on the run’s validation part',
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
  ...machineOptions,
  ...jsonOption,
} as const satisfies OptionTable;

export type GivenExportOptions = GivenOptions<typeof exportOptions>;
export type ExportOptions = OptionValues<typeof exportOptions>;
export type ExportFormat = NonNullable<ExportOptions['format']>;
