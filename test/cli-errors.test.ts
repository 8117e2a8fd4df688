import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { commands } from '../src/command-list.ts';
import {
  lastCheckpoint,
  listTree,
  runCli,
  TINY,
  temporaryDirectory,
  trainTiny,
  writeCorpus,
} from './cli-process.ts';

const cwd = temporaryDirectory();
const tiny = [...TINY, '--max-steps', '20', '--backend', 'wasm'];

beforeAll(async () => {
  writeCorpus(cwd);
  writeFileSync(join(cwd, 'empty.txt'), '');
  writeFileSync(join(cwd, 'short.txt'), 'too short');
  writeFileSync(join(cwd, 'other.txt'), 'another text\n'.repeat(20));
  writeFileSync(join(cwd, 'latin.txt'), Buffer.from('caf\xe9 au lait\n', 'latin1'));
  mkdirSync(join(cwd, 'texts'));
  writeFileSync(join(cwd, 'texts', 'a.doc'), 'not ours');
  mkdirSync(join(cwd, 'hidden'));
  writeFileSync(join(cwd, 'hidden', '.text'), 'not ours');
  writeFileSync(join(cwd, 'lines.jsonl'), '{"text":"a"}\n{"body":"b","title":"c"}\n');
  writeFileSync(join(cwd, 'odd.json'), '{"model":{"type":"Magic"}}');
  await trainTiny(cwd);
  cpSync(join(cwd, 'checkpoints/corpus'), join(cwd, 'weightless'), { recursive: true });
  rmSync(join(lastCheckpoint(join(cwd, 'weightless')), 'weights.safetensors'));
  cpSync(join(cwd, 'checkpoints/corpus'), join(cwd, 'damaged'), { recursive: true });
  const weights = join(lastCheckpoint(join(cwd, 'damaged')), 'weights.safetensors');
  const bytes = readFileSync(weights);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(weights, bytes);
});

/** What each command line should be told: the exit code, the error and the hint. */
const wrong: [claim: string, args: string[], exitCode: 1 | 2, error: RegExp, hint: RegExp][] = [
  [
    'a corpus that is not there',
    ['train', 'missing.txt'],
    1,
    /expected a text file, found nothing at missing\.txt/,
    /Check the path/,
  ],
  [
    'an empty corpus',
    ['train', 'empty.txt'],
    1,
    /empty\.txt: expected text, found nothing/,
    /Name a file that has text/,
  ],
  [
    'a corpus shorter than one window',
    ['train', 'short.txt', ...tiny],
    1,
    /expected at least 33 tokens of training text \(batch size 4 × 8 steps \+ 1\), found 8/,
    /--batch-size or --bptt a smaller number/,
  ],
  [
    'a directory without texts',
    ['train', 'hidden'],
    1,
    /expected text files in the directory hidden, found none \(1 hidden entry is left out\)/,
    /Name a directory that has text files/,
  ],
  [
    'a glob that matches nothing',
    ['train', 'texts/*.txt'],
    1,
    /expected a text file, found nothing that matches texts\/\*\.txt/,
    /Check the pattern/,
  ],
  [
    'a JSON line without the field',
    ['train', 'lines.jsonl'],
    1,
    /lines\.jsonl, line 2: expected the field text, found none of that name/,
    /--text-field.*body.*title/,
  ],
  [
    'an encoding that nobody knows',
    ['train', 'latin.txt', '--encoding', 'klingon'],
    2,
    /--encoding: expected the name of an encoding, found klingon/,
    /windows-1252/,
  ],
  [
    'a tokenizer file that is not there',
    ['train', 'corpus.txt', '--tokenizer-file', 'missing.json', '--out', 'new'],
    1,
    /expected a tokenizer\.json at missing\.json, could not read it/,
    /Check the path/,
  ],
  [
    'a tokenizer file that is another thing',
    ['train', 'corpus.txt', '--tokenizer-file', 'odd.json', '--out', 'new'],
    1,
    /odd\.json: .*Magic/,
    /tokenizer\.json/,
  ],
  [
    'an option that the tokenizer has no use for',
    ['train', 'corpus.txt', '--tokenizer', 'byte', '--vocab-size', '300'],
    2,
    /expected no --vocab-size with --tokenizer byte/,
    /Leave out --vocab-size/,
  ],
  [
    'attention without a layer below',
    ['train', 'corpus.txt', '--layers', '1', '--attention'],
    2,
    /--attention: expected at least 2 layers, found 1/,
    /give --layers 2 or more, or leave out --attention/,
  ],
  [
    'a corpus that is not UTF-8',
    ['train', 'latin.txt'],
    1,
    /latin\.txt: expected UTF-8 text, found an invalid sequence at byte 3 \(0xe9, line 1\)/,
    /--encoding windows-1252.*--tokenizer byte/,
  ],
  [
    'a number out of range',
    ['train', 'corpus.txt', '--hidden', '0'],
    2,
    /--hidden: expected a whole number at least 1 and at most 65536, found 0/,
    /Give --hidden/,
  ],
  [
    'no number',
    ['train', 'corpus.txt', '--lr', 'nan'],
    2,
    /--lr: expected a number above 0, found nan/,
    /Give --lr/,
  ],
  [
    'a misspelt option',
    ['train', 'corpus.txt', '--optimiser', 'adam'],
    2,
    /unknown option '--optimiser'/,
    /Did you mean --optimizer\?/,
  ],
  [
    'a misspelt choice',
    ['train', 'corpus.txt', '--cell', 'ltsm'],
    2,
    /--cell: expected one of gru, lstm, rnn, mingru, found ltsm/,
    /Did you mean --cell lstm\?/,
  ],
  [
    'a misspelt shell',
    ['completion', 'bahs'],
    2,
    /expected one of bash, zsh, fish, found bahs/,
    /Did you mean bash\?/,
  ],
  ['a misspelt command', ['trian'], 2, /unknown command 'trian'/, /Did you mean train\?/],
  ['a missing operand', ['train'], 2, /missing required argument 'corpus'/, /--help/],
  [
    'an operand that a flag took',
    ['train', '--tensorboard', 'corpus.txt'],
    2,
    /missing required argument 'corpus'/,
    /--tensorboard took "corpus\.txt" as a value of its own; write .*corpus.* before --tensorboard/,
  ],
  ['an operand too many', ['doctor', 'now'], 2, /too many arguments/, /--help/],
  [
    '--json with --quiet',
    ['train', 'corpus.txt', '--json', '--quiet'],
    2,
    /at most one of --json and --quiet, found both/,
    /Leave out --quiet/,
  ],
  [
    'nothing to resume',
    ['train', 'corpus.txt', '--out', 'nothing', '--resume'],
    1,
    /expected a run to resume in nothing, found none/,
    /Leave out --resume/,
  ],
  [
    'another model on --resume',
    ['train', 'corpus.txt', '--resume', '--hidden', '9'],
    2,
    /--hidden: expected 8, as the run to resume has it, found 9/,
    /Leave out --hidden/,
  ],
  [
    'another corpus on --resume',
    ['train', 'other.txt', '--out', 'checkpoints/corpus', '--resume'],
    1,
    /expected the text that the run began with, corpus\.txt \(\d+ bytes, SHA-256 .*\), found other\.txt/,
    /Give the same files/,
  ],
  [
    'a run directory in use',
    ['train', 'corpus.txt', ...tiny],
    1,
    /expected a new directory for the run, found a run in checkpoints\/corpus/,
    /--resume .* or --overwrite/,
  ],
  [
    '--resume with --overwrite',
    ['train', 'corpus.txt', '--resume', '--overwrite'],
    2,
    /at most one of --resume and --overwrite, found both/,
    /Keep --resume/,
  ],
  [
    'a directory that holds something else',
    ['train', 'corpus.txt', ...tiny, '--out', 'texts', '--overwrite'],
    1,
    /expected an empty directory or a run of gru-lm, found other files in texts: a\.doc/,
    /does not write over what it did not make/,
  ],
  [
    'no checkpoint by that name',
    ['sample', 'nowhere'],
    1,
    /expected a run or a checkpoint, found no directory at nowhere/,
    /gru-lm train/,
  ],
  [
    'sample without weights',
    ['sample', 'weightless', '--backend', 'wasm'],
    1,
    /weightless.*expected the file weights\.safetensors, found none/,
    /gru-lm info --verify weightless says what is damaged; weightless\/step-\d+ looks whole/,
  ],
  [
    'eval without weights',
    ['eval', 'weightless', '--backend', 'wasm'],
    1,
    /weightless.*expected the file weights\.safetensors, found none/,
    /gru-lm info --verify weightless says what is damaged; weightless\/step-\d+ looks whole/,
  ],
  [
    'damaged weights',
    ['sample', 'damaged', '--backend', 'wasm'],
    1,
    /damaged.*weights\.safetensors: expected SHA-256/,
    /gru-lm info --verify damaged says what is damaged; damaged\/step-\d+ looks whole/,
  ],
  [
    '--text with --split',
    ['eval', '--text', 'corpus.txt', '--split', 'valid'],
    2,
    /at most one of --text and --split, found both/,
    /--text for other text/,
  ],
  [
    'a baseline that there is not',
    ['eval', '--baseline', 'ngram:11'],
    2,
    /--baseline: expected ngram, or ngram:N with N from 1 to 10, found ngram:11/,
    /--baseline ngram for order 5/,
  ],
  [
    '--baseline with --perplexity',
    ['eval', '--baseline', 'ngram', '--perplexity'],
    2,
    /at most one of --perplexity and --baseline, found both/,
    /--json gives /,
  ],
  [
    'a split that the run has not',
    ['eval', '--split', 'test', '--backend', 'wasm'],
    1,
    /expected a run with a test split, found none/,
    /--test-split/,
  ],
  [
    'a prompt with a character that the model does not know',
    ['sample', '--prompt', 'the\ndog Z', '--backend', 'wasm'],
    1,
    /expected characters that the model knows, found "Z" \(U\+005A\) at line 2, column 5/,
    /train on text that has it/,
  ],
  [
    'a prompt with a control character, which is not shown as it is',
    ['sample', '--prompt', 'fox\u001b[31m', '--backend', 'wasm'],
    1,
    /expected characters that the model knows, found "␛" \(U\+001B\) at line 1, column 4/,
    /Leave it out/,
  ],
  [
    'a file name with a control character, which is not shown as it is',
    ['train', 'no\u001b[31m.txt'],
    1,
    /found nothing at no␛\[31m\.txt/,
    /Check the path/,
  ],
];

describe('one message, the right exit code and nothing written for', () => {
  test.concurrent.for(wrong)('%s', async ([, args, exitCode, error, hint]) => {
    const before = listTree(cwd);
    const result = await runCli(args, { cwd });
    const [first, second, ...rest] = result.stderr.trimEnd().split('\n');
    expect(first).toMatch(/^error: /);
    expect(first).toMatch(error);
    expect(second).toMatch(/^ {2}\S/);
    expect(second).toMatch(hint);
    expect(rest).toEqual([]);
    expect(result).toMatchObject({ exitCode, stdout: '' });
    expect(listTree(cwd)).toEqual(before);
  });
});

test('--debug adds the stack and the cause', async () => {
  const { stderr, exitCode } = await runCli(['train', 'missing.txt', '--debug'], { cwd });
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^error: expected a text file/);
  expect(stderr).toMatch(/^ {4}at /m);
  expect(stderr).toContain('ENOENT');
});

test('no command at all shows the help, as wrong usage', async () => {
  const { stdout, stderr, exitCode } = await runCli([], { cwd });
  expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 2 });
  expect(stderr).toMatch(/^Usage: gru-lm/);
});

test.concurrent.for(commands.map(({ name }) => name))(
  '%s --help shows its options and an example, and is no error',
  async (command) => {
    const { stdout, stderr, exitCode } = await runCli([command, '--help'], { cwd });
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(stdout).toContain(`Usage: gru-lm ${command}`);
    expect(stdout).toContain('--debug');
    expect(stdout).toMatch(/Examples:\n {2}gru-lm/);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  },
);
