/** What `gru-lm import` takes. */
import type { GivenOptions, OptionTable } from '../option-table.ts';
import { DATA, jsonOption, MODEL, OUTPUT } from './shared.ts';

export const importOptions = {
  vocab: {
    flag: 'vocab',
    type: 'text',
    placeholder: 'FILE',
    help: 'the model’s tokens: a JSON array, a JSON object from token to id, one a line, or a tokenizer.json (default: that beside FILE)',
    group: DATA,
  },
  tokenizer: {
    flag: 'tokenizer',
    type: 'choice',
    choices: ['char', 'word'],
    defaultNote: 'char if all tokens are single characters, else word',
    help: 'what the tokens of --vocab are',
    group: DATA,
  },
  lowercase: {
    flag: 'lowercase',
    type: 'switch',
    help: 'text is to be lowercased first, as it was for the model',
    group: DATA,
  },
  activation: {
    flag: 'activation',
    type: 'choice',
    choices: ['tanh', 'relu'],
    default: 'tanh',
    help: 'of PyTorch’s nn.RNN, whose file does not say it',
    group: MODEL,
  },
  out: {
    flag: 'out',
    type: 'text',
    placeholder: 'DIR',
    defaultNote: 'checkpoints and the name of the file or its directory',
    help: 'where to write the run',
    group: OUTPUT,
  },
  overwrite: {
    flag: 'overwrite',
    type: 'switch',
    help: 'replace the run that is there',
    group: OUTPUT,
  },
  ...jsonOption,
} as const satisfies OptionTable;

export type GivenImportOptions = GivenOptions<typeof importOptions>;
