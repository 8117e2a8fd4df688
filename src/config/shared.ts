/** Options that several commands take, and the headings of `--help` under which options stand. */
import type { OptionTable } from '../option-table.ts';

export const DATA = 'Data:';
export const MODEL = 'Model:';
export const TRAINING = 'Training:';
export const RUN = 'Run:';
export const MACHINE = 'Machine:';
export const OUTPUT = 'Output:';
const CONFIG = 'Config:';

/** How files become text. */
export const textOptions = {
  encoding: {
    flag: 'encoding',
    type: 'text',
    placeholder: 'NAME',
    help: 'what files are in, such as windows-1252 or shift_jis (default: UTF-8, or UTF-16 by its mark)',
    group: DATA,
  },
  newlines: {
    flag: 'newlines',
    type: 'choice',
    choices: ['keep', 'lf'],
    default: 'keep',
    help: 'lf: turn the line ends of other systems (CRLF, CR) into LF',
    group: DATA,
  },
  textField: {
    flag: 'text-field',
    type: 'text',
    placeholder: 'NAME',
    default: 'text',
    help: 'the field of each line of a .jsonl file that holds its text',
    group: DATA,
  },
} as const satisfies OptionTable;

/** How text becomes tokens. */
export const tokenizerOptions = {
  tokenizer: {
    flag: 'tokenizer',
    type: 'choice',
    choices: ['char', 'word', 'bpe', 'byte'],
    default: 'char',
    help: 'what a token is: a character, a word, a frequent sequence of bytes, or a byte',
    group: DATA,
  },
  tokenizerFile: {
    flag: 'tokenizer-file',
    type: 'text',
    placeholder: 'FILE',
    help: 'a tokenizer.json to use, as Hugging Face’s tokenizers and gru-lm write it',
    group: DATA,
  },
  vocabularySize: {
    flag: 'vocab-size',
    type: 'integer',
    min: 2,
    max: 10_000_000,
    help: 'at most this many tokens, the most frequent (default: char all, word 100000, bpe by the text’s size, at most 8192)',
    group: DATA,
  },
  minCount: {
    flag: 'min-count',
    type: 'integer',
    min: 1,
    help: 'leave rarer tokens out of the vocabulary (default: 1; bpe 2)',
    group: DATA,
  },
  lowercase: { flag: 'lowercase', type: 'switch', help: 'lowercase all text', group: DATA },
  wordSplit: {
    flag: 'word-split',
    type: 'choice',
    choices: ['whitespace', 'unicode'],
    default: 'whitespace',
    help: 'where words end: at white space, or by Unicode’s rules, for any language',
    group: DATA,
  },
} as const satisfies OptionTable;

/** For commands that run a model. */
export const machineOptions = {
  backend: {
    flag: 'backend',
    type: 'choice',
    choices: ['auto', 'cuda', 'cpu', 'wasm'],
    default: 'auto',
    help: 'what computes: the first that works of cuda, cpu (TensorFlow) and wasm, or the one named',
    group: MACHINE,
  },
  threads: {
    flag: 'threads',
    type: 'integer',
    min: 1,
    max: 1024,
    help: 'threads to compute with (default: one a core)',
    group: MACHINE,
  },
  gpuMemory: {
    flag: 'gpu-memory',
    type: 'number',
    above: 0,
    help: 'on cuda: take at most N GB of the GPU’s memory (default: as much as is needed)',
    group: MACHINE,
  },
  tf32: {
    flag: 'tf32',
    type: 'switch',
    help: 'on cuda: multiply in TF32, faster and with 10 bits after the point in place of 23',
    group: MACHINE,
  },
} as const satisfies OptionTable;

export const precisionOption = {
  precision: {
    flag: 'precision',
    type: 'choice',
    choices: ['float32', 'bfloat16', 'float16'],
    default: 'float32',
    help: 'what matrix products multiply, float16 on cuda only; states and weights are always float32',
    group: MACHINE,
  },
} as const satisfies OptionTable;

export const jsonOption = {
  json: {
    flag: 'json',
    type: 'switch',
    help: 'print one JSON object a line, and nothing else',
    group: OUTPUT,
  },
} as const satisfies OptionTable;

/** For commands whose options may stand in a file. */
export const configOptions = {
  config: {
    flag: 'config',
    type: 'text',
    placeholder: 'FILE',
    help: 'options from a .toml, .yaml or .json file; those that are typed stand over them',
    group: CONFIG,
  },
  printConfig: {
    flag: 'print-config',
    type: 'switch',
    help: 'only print all options, with where each comes from, as a file for --config',
    group: CONFIG,
  },
} as const satisfies OptionTable;
