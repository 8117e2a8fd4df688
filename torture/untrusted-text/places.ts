/** Hostile text in every place from which the program reads or is told something. */

import { createHash } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../../src/checkpoint/json.ts';
import { encodeSealed } from '../../src/checkpoint/sealed-json.ts';

/** What terminals obey: CSI, OSC, DCS, in one byte and in two; BEL, BS, CR, DEL; directions of text. */
const HOSTILE =
  'x\u001b[2J\u001b]0;title\u0007\u001bP1$r\u001b\\\b\r\u007f\u0085\u009b31m\u009d0;t\u009c\u202eabc\u2066d\u2069\u200f';
/** The same over several lines. */
const HOSTILE_LINES = `${HOSTILE}\nerror: none\n\t${HOSTILE}`;
/** As long as a word of a command may be, about. */
const LONG_WORD = HOSTILE.repeat(1500);
const MEGABYTE = HOSTILE.repeat(20_000);

export interface Case {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** The file that is standard input. */
  readonly input?: string;
  /** Whether a live bar may be drawn. */
  readonly hasBar?: boolean;
  /** Whether the text that is shown is as long as what was given. */
  readonly isLong?: boolean;
}

const TINY = [
  ...['--hidden', '8', '--embedding', '4', '--layers', '1', '--batch-size', '4', '--bptt', '8'],
  ...['--max-steps', '4', '--backend', 'wasm'],
];
const TEXT = `${HOSTILE}.txt`;
const LINES = `${HOSTILE}\nlines.txt`;
const RUN = `run ${HOSTILE}`;
const SAMPLE = ['--backend', 'wasm', '--length', '60', '--seed', '1'];

/** Writes files with hostile names and contents into `directory`. */
export function writePlaces(directory: string): void {
  const write = (name: string | Buffer, content: string | Buffer) =>
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name)]), content);
  const text = `${HOSTILE} the fox\u0000 jumps\n`.repeat(60);
  write(TEXT, text);
  write(LINES, text);
  write('megabyte.txt', MEGABYTE);
  write('invalid.txt', Buffer.from(`${HOSTILE}\xff\xfe`, 'latin1'));
  write('fields.jsonl', `${JSON.stringify({ [HOSTILE]: HOSTILE })}\n`);
  write('broken.jsonl', `{"text": "a"}\n{"text": ${HOSTILE}\n`);
  mkdirSync(join(directory, 'bytes'));
  write(Buffer.from('bytes/\xff\xfe\x1b[2J\x9b.txt', 'latin1'), text);
  write('broken.json', HOSTILE_LINES);
  write('odd.json', JSON.stringify({ model: { type: HOSTILE_LINES } }));
  write('hostile.toml', `${JSON.stringify(`out\u0009${HOSTILE}`)} = 1\n`);
  write('hostile.json', JSON.stringify({ encoding: HOSTILE_LINES }));
  write('hostile.yaml', `out: "${HOSTILE_LINES}\n`);
  write('long.json', JSON.stringify({ model: { type: MEGABYTE } }));
  const compiler = join(directory, 'hostile-c++');
  writeFileSync(
    compiler,
    `#!/bin/sh\n[ "$1" = --version ] && { cat '${directory}/broken.json'; exit; }\ncat '${directory}/megabyte.txt' >&2\nexit 1\n`,
  );
  chmodSync(compiler, 0o755);
}

/** Makes runs whose checkpoints hold hostile text from the one of `trainCases` in `directory`. */
export function writeRuns(directory: string): void {
  const change = (name: string, file: string, content: (json: string) => string) => {
    const run = join(directory, name);
    cpSync(join(directory, RUN), run, { recursive: true });
    const { last } = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')) as { last: string };
    if (file === 'run.json') {
      writeFileSync(join(run, file), content(readFileSync(join(run, file), 'utf8')));
      return;
    }
    const path = join(run, last, file);
    const bytes = Buffer.from(content(readFileSync(path, 'utf8')));
    writeFileSync(path, bytes);
    reseal(join(run, last), file, bytes);
  };
  change('bad-run', 'run.json', () => HOSTILE_LINES);
  change('bad-name', 'run.json', (json) => sealed({ ...JSON.parse(json), last: HOSTILE }));
  change('bad-config', 'config.json', (json) =>
    JSON.stringify({ ...JSON.parse(json), optimizer: HOSTILE, [HOSTILE]: MEGABYTE }),
  );
  change('bad-json', 'config.json', () => `{"${HOSTILE}": ${HOSTILE_LINES}`);
  change('bad-data', 'training.json', (json) => {
    const training = JSON.parse(json);
    training.data.corpus[0].name = HOSTILE_LINES;
    training.data.corpus[0].fromRun = MEGABYTE.slice(0, 10_000);
    return JSON.stringify(training);
  });
  change('bad-tokenizer', 'tokenizer.json', () =>
    JSON.stringify({ format: HOSTILE, kind: HOSTILE }),
  );
}

/** Gives the manifest of a checkpoint the length and hash of what is now in `file`. */
function reseal(checkpoint: string, file: string, bytes: Buffer): void {
  const path = join(checkpoint, 'manifest.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8'));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  manifest.files[file] = { ...manifest.files[file], bytes: bytes.length, sha256 };
  writeFileSync(path, sealed(manifest));
}

function sealed({ sha256, ...json }: JsonObject): string {
  return Buffer.from(encodeSealed(json, 'a record')).toString();
}

/** Runs that train on hostile text; the first makes the run that others are about. */
export const trainCases: readonly Case[] = [
  {
    name: 'train on and into hostile names',
    args: ['train', TEXT, ...TINY, '--out', RUN, '--quiet'],
  },
  {
    name: 'train with its bar, on a name of two lines',
    args: ['train', LINES, ...TINY, '--out', 'lines', '--sample-every', '1', '--eval-every', '2'],
    hasBar: true,
  },
  {
    name: 'train --json',
    args: ['train', LINES, ...TINY, '--out', `json ${HOSTILE}`, '--sample-every', '1', '--json'],
  },
  {
    name: 'train on a name that is no UTF-8',
    args: ['train', 'bytes', ...TINY, '--out', 'bytes-run'],
  },
  {
    name: 'train --tokenizer word on a megabyte',
    args: ['train', 'megabyte.txt', ...TINY, '--tokenizer', 'word', '--out', 'words', '--json'],
  },
];

/** A name for people. */
function plain(name: string): string {
  return name.slice(0, 20).replace(/[^ -~]/g, '·');
}

/** Everything else, in a directory that has the places and runs. */
export function otherCases(directory: string): Case[] {
  const compiler = join(directory, 'hostile-c++');
  const empty = { GRU_LM_OFFLINE: '1', GRU_LM_TENSORFLOW: '' };
  const runs = [
    ...['bad-run', 'bad-name', 'bad-config', 'bad-json', 'bad-data', 'bad-tokenizer'],
    ...[RUN, `json ${HOSTILE}`, 'lines', 'bytes-run', 'words'],
  ];
  const both = (cases: Case[]) =>
    cases.flatMap((each) => [
      each,
      { ...each, name: `${each.name}, --json --debug`, args: [...each.args, '--json', '--debug'] },
    ]);
  return [
    ...both([
      ...runs.map((run) => ({ name: `info ${plain(run)}`, args: ['info', run] })),
      ...runs.map((run) => ({
        name: `info --verify ${plain(run)}`,
        args: ['info', run, '--verify'],
      })),
      ...runs.map((run) => ({
        name: `eval ${plain(run)}`,
        hasBar: true,
        args: ['eval', run, '--backend', 'wasm'],
      })),
      {
        name: 'sample',
        args: ['sample', RUN, ...SAMPLE, '--prompt', HOSTILE, '--stop', LONG_WORD],
      },
      {
        name: 'sample of prompts, with what is copied',
        args: ['sample', RUN, ...SAMPLE, '--prompts', LINES, '--copied'],
        isLong: true,
      },
      {
        name: 'sample --interactive',
        args: ['sample', RUN, ...SAMPLE, '--interactive'],
        input: 'broken.json',
      },
      {
        name: 'sample --continue of what is no state',
        args: ['sample', RUN, ...SAMPLE, '--continue', 'broken.json'],
      },
      {
        name: 'sample with a bias for what is no token',
        args: ['sample', RUN, ...SAMPLE, '--logit-bias', `${HOSTILE}=1`, '--ban', HOSTILE_LINES],
      },
      {
        name: 'sample of a prompt of a megabyte',
        args: ['sample', 'words', ...SAMPLE, '--prompt', '-'],
        input: 'megabyte.txt',
        isLong: true,
      },
      {
        name: 'sample with unknown characters',
        args: ['sample', RUN, ...SAMPLE, '--prompt', '\u0001é'],
      },
      {
        name: 'sample with unknown words',
        args: ['sample', 'words', ...SAMPLE, '--prompt', `${LONG_WORD}?`],
        isLong: true,
      },
      {
        name: 'eval of a hostile name',
        hasBar: true,
        args: ['eval', RUN, '--backend', 'wasm', '--text', LINES],
      },
      {
        name: 'eval of each token',
        args: ['eval', RUN, '--backend', 'wasm', '--text', LINES, TEXT, '--per-token'],
        isLong: true,
      },
      { name: 'score', args: ['score', RUN, '--backend', 'wasm', '--text', LINES] },
      {
        name: 'compare',
        hasBar: true,
        args: ['compare', RUN, RUN, '--backend', 'wasm', '--text', LINES, TEXT],
      },
      {
        name: 'inspect',
        args: ['inspect', RUN, '--backend', 'wasm', '--text', LINES, '--explain', '9'],
      },
      {
        name: 'inspect of a hostile prompt',
        args: ['inspect', 'words', '--backend', 'wasm', '--prompt', HOSTILE_LINES],
      },
      {
        name: 'a page over a file',
        args: ['inspect', RUN, '--backend', 'wasm', '--prompt', 'x', '--html', LINES],
      },
      { name: 'serve to a site', args: ['serve', RUN, '--allow-origin', HOSTILE_LINES] },
      { name: 'serve at a host', args: ['serve', RUN, '--backend', 'wasm', '--host', HOSTILE] },
      { name: 'neighbors', args: ['neighbors', '\\u{1b}', RUN] },
      { name: 'neighbors of nothing known', args: ['neighbors', HOSTILE_LINES, 'words'] },
      { name: 'runs', args: ['runs', '.'] },
      {
        name: 'printed options',
        args: ['tokenize', TEXT, '--config', 'hostile.json', '--print-config'],
      },
      ...['hostile.toml', 'hostile.yaml', 'broken.json', LINES].map((file) => ({
        name: `the config ${plain(file)}`,
        args: ['train', TEXT, '--config', file],
      })),
      { name: 'tokenize', args: ['tokenize', LINES, '--top', '1000'] },
      {
        name: 'tokenize words',
        args: ['tokenize', 'megabyte.txt', '--tokenizer', 'word', '--top', '1000'],
      },
      {
        name: 'tokenize bytes',
        args: ['tokenize', 'bytes', '--tokenizer', 'byte', '--top', '300'],
      },
      { name: 'no text', args: ['tokenize', 'invalid.txt'] },
      { name: 'fields', args: ['tokenize', 'fields.jsonl', '--text-field', LONG_WORD] },
      { name: 'other fields', args: ['tokenize', 'fields.jsonl'] },
      { name: 'broken JSON lines', args: ['tokenize', 'broken.jsonl'] },
      { name: 'an encoding', args: ['tokenize', TEXT, '--encoding', HOSTILE_LINES] },
      { name: 'a save over a file', args: ['tokenize', TEXT, '--save', LINES] },
      ...['broken.json', 'odd.json', 'long.json', HOSTILE, LONG_WORD].map((file) => ({
        name: `the tokenizer file ${plain(file)}`,
        args: ['tokenize', TEXT, '--tokenizer-file', file],
      })),
      ...['train', 'sample', 'info'].flatMap((command) =>
        [HOSTILE_LINES, LONG_WORD, HOSTILE.repeat(6)].map((operand) => ({
          name: `${command} of nothing, ${operand.length} characters`,
          args: [command, operand],
        })),
      ),
      { name: 'an out that is a file', args: ['train', TEXT, ...TINY, '--out', LINES] },
      { name: 'a run that is there', args: ['train', TEXT, ...TINY, '--out', RUN] },
      { name: 'another text to resume', args: ['train', 'bytes', '--out', RUN, '--resume'] },
      { name: 'a number', args: ['train', TEXT, '--lr', HOSTILE_LINES] },
      { name: 'a choice', args: ['train', TEXT, '--optimizer', LONG_WORD] },
      { name: 'an option', args: ['train', TEXT, `--${HOSTILE_LINES}`] },
      { name: 'a long option', args: ['train', TEXT, `--${LONG_WORD}`] },
      { name: 'an operand too many', args: ['doctor', HOSTILE_LINES] },
      {
        name: 'the cache, Python and the compiler',
        args: ['doctor'],
        env: { ...empty, GRU_LM_CACHE: `${directory}/${HOSTILE_LINES}`, GRU_LM_PYTHON: HOSTILE },
      },
      {
        name: 'TensorFlow',
        args: ['doctor'],
        env: { GRU_LM_TENSORFLOW: `${directory}/${LONG_WORD}` },
      },
      {
        name: 'setup',
        args: ['setup', '--dry-run'],
        env: { ...empty, GRU_LM_CACHE: `${directory}/${HOSTILE}`, CXX: `${compiler} ${HOSTILE}` },
      },
      {
        name: 'a cache that cannot be',
        args: ['train', TEXT, ...TINY, '--out', 'no-cache', '--overwrite', '--quiet'],
        env: { GRU_LM_CACHE: `${directory}/${TEXT}/cache` },
      },
    ]),
    { name: 'a command', args: [HOSTILE_LINES] },
    { name: 'a long command', args: [LONG_WORD] },
  ];
}
