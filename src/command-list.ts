/** All commands, in the order of `--help`. Each is loaded when it is run. */
import type { CommandSpec } from './command-spec.ts';
import {
  compareOptions,
  doctorOptions,
  evalOptions,
  infoOptions,
  runsOptions,
  scoreOptions,
  setupOptions,
  tokenizeOptions,
} from './config/commands.ts';
import { exportOptions } from './config/export.ts';
import { importOptions } from './config/import.ts';
import { inspectOptions, neighborsOptions } from './config/inspection-options.ts';
import { presetHelp } from './config/preset-help.ts';
import { reportOptions } from './config/report-options.ts';
import { sampleNotes, sampleOptions } from './config/sample.ts';
import { serveOptions } from './config/serve.ts';
import { LIMITS } from './config/train.ts';
import { trainOptions } from './config/train-options.ts';

export const commands: readonly CommandSpec[] = [
  {
    name: 'train',
    operands: '<corpus...>',
    summary: 'train a model on text files (- is standard input)',
    examples: [
      'gru-lm train corpus.txt',
      'gru-lm train corpus.txt --tokenizer word --vocab-size 10000 --max-time 10m',
      'gru-lm train corpus.txt --resume --max-time 20m',
      'gru-lm train corpus.txt --config run.toml',
    ],
    options: trainOptions,
    notes: presetHelp(),
    load: () => import('./commands/train.ts'),
    takesConfig: true,
    together: LIMITS,
    resolve: async (...args) => (await import('./commands/train-config.ts')).resolveConfig(...args),
  },
  {
    name: 'sample',
    operands: '[checkpoint]',
    summary: 'make text with a model (default: the newest run under ./checkpoints)',
    examples: [
      'gru-lm sample --prompt "ROMEO:" --length 300 --seed 1',
      'gru-lm sample checkpoints/corpus --temperature 0.5 --num-samples 3',
      'gru-lm sample --prompts prompts.txt --num-samples 10 --json > samples.jsonl',
      'gru-lm sample --interactive',
    ],
    options: sampleOptions,
    notes: sampleNotes,
    load: () => import('./commands/sample.ts'),
    takesConfig: true,
  },
  {
    name: 'eval',
    operands: '[checkpoint]',
    summary: 'measure a model on its held-out text, or on other text',
    examples: [
      'gru-lm eval --perplexity',
      'gru-lm eval checkpoints/corpus --text other.txt --json',
      'gru-lm eval checkpoints/words --streams 10 # as PyTorch’s example does',
      'gru-lm eval checkpoints/words --reset-per-line # as KenLM does',
    ],
    options: evalOptions,
    load: () => import('./commands/eval.ts'),
    takesConfig: true,
  },
  {
    name: 'score',
    operands: '[checkpoint]',
    summary: 'print how likely each line of a text is',
    examples: [
      'gru-lm score checkpoints/corpus --text candidates.txt --json',
      'echo "To be, or not to be" | gru-lm score',
    ],
    options: scoreOptions,
    load: () => import('./commands/score.ts'),
    takesConfig: true,
  },
  {
    name: 'compare',
    operands: '<checkpoint...>',
    summary: 'measure models side by side on the same text, whatever their tokens',
    examples: [
      'gru-lm compare checkpoints/a checkpoints/b',
      'gru-lm compare checkpoints/chars checkpoints/words --text other.txt --json',
    ],
    options: compareOptions,
    load: () => import('./commands/compare.ts'),
    takesConfig: true,
  },
  {
    name: 'serve',
    operands: '[checkpoint]',
    summary: 'open a page to try a model, and an API in the form of OpenAI’s',
    examples: [
      'gru-lm serve',
      'gru-lm serve checkpoints/corpus --port 0',
      'GRU_LM_API_KEY=… gru-lm serve --host 0.0.0.0 --allow-host box.example',
    ],
    options: serveOptions,
    load: () => import('./commands/serve.ts'),
  },
  {
    name: 'tokenize',
    operands: '<corpus...>',
    summary: 'show how text becomes tokens: the pieces, how often, how long',
    examples: [
      'gru-lm tokenize corpus.txt --tokenizer bpe --vocab-size 4096',
      'gru-lm tokenize corpus.txt --tokenizer bpe --save tokenizer.json',
      'echo "To be" | gru-lm tokenize - --checkpoint checkpoints/corpus',
    ],
    options: tokenizeOptions,
    load: () => import('./commands/tokenize.ts'),
    takesConfig: true,
  },
  {
    name: 'info',
    operands: '[checkpoint]',
    summary: 'show what a checkpoint holds',
    examples: [
      'gru-lm info',
      'gru-lm info checkpoints/corpus/last',
      'gru-lm info --verify checkpoints/corpus',
    ],
    options: infoOptions,
    load: () => import('./commands/info.ts'),
  },
  {
    name: 'inspect',
    operands: '[checkpoint]',
    summary: 'look into a model as it reads a text: what surprises it, why, and what its units do',
    examples: [
      'gru-lm inspect --prompt "First Citizen: speak"',
      'gru-lm inspect checkpoints/corpus --text page.txt --html page.html',
      'gru-lm inspect --text page.txt --explain 17 --json',
    ],
    options: inspectOptions,
    load: () => import('./commands/inspect.ts'),
    takesConfig: true,
  },
  {
    name: 'neighbors',
    operands: '<token> [checkpoint]',
    summary: 'list the tokens that a model takes to be most like one',
    examples: [
      'gru-lm neighbors king',
      'gru-lm neighbors king checkpoints/corpus --of output --count 20',
      'gru-lm neighbors "<eol>" --json',
    ],
    options: neighborsOptions,
    load: () => import('./commands/neighbors.ts'),
  },
  {
    name: 'export',
    operands: '[checkpoint]',
    summary: 'write a model as other programs read it, with a demo page for a browser',
    examples: [
      'gru-lm export --format tfjs --out demo',
      'gru-lm export checkpoints/corpus --format pytorch',
      'gru-lm export --format onnx --quantize int8',
    ],
    options: exportOptions,
    load: () => import('./commands/export.ts'),
  },
  {
    name: 'import',
    operands: '<file>',
    summary: 'make a run of a model of PyTorch (safetensors) or TensorFlow.js (model.json)',
    examples: [
      'gru-lm import model.safetensors --vocab vocab.json --out checkpoints/theirs',
      'gru-lm import keras-model/ --vocab words.txt',
    ],
    options: importOptions,
    load: () => import('./commands/import.ts'),
  },
  {
    name: 'runs',
    operands: '[directory]',
    summary: 'list the runs under ./checkpoints, or another directory',
    examples: ['gru-lm runs', 'gru-lm runs ../experiments --json'],
    options: runsOptions,
    load: () => import('./commands/runs.ts'),
  },
  {
    name: 'report',
    operands: '[run...]',
    summary: 'write a page about runs: curves, evaluations, samples, settings',
    examples: [
      'gru-lm report',
      'gru-lm report checkpoints/a checkpoints/b --out compare.html',
      'gru-lm report --eval valid.json # of gru-lm eval --json > valid.json',
    ],
    options: reportOptions,
    load: () => import('./commands/report.ts'),
  },
  {
    name: 'doctor',
    summary: 'show which backends work here, and what would mend the others',
    examples: ['gru-lm doctor'],
    options: doctorOptions,
    load: () => import('./commands/doctor.ts'),
  },
  {
    name: 'setup',
    summary: 'fetch and build the native runtime now',
    examples: ['gru-lm setup --dry-run', 'gru-lm setup --device cpu'],
    options: setupOptions,
    load: () => import('./commands/setup.ts'),
  },
  {
    name: 'completion',
    operands: '<shell>',
    summary: 'print a script that makes bash, zsh or fish complete commands and options',
    examples: [
      'gru-lm completion bash > ~/.local/share/bash-completion/completions/gru-lm',
      'gru-lm completion zsh > "$fpath[1]/_gru-lm"',
      'gru-lm completion fish > ~/.config/fish/completions/gru-lm.fish',
      'source <(gru-lm completion bash) # in ~/.bashrc, without bash-completion',
    ],
    options: {},
    load: () => import('./commands/completion.ts'),
  },
];
