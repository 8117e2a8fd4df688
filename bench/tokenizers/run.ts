/**
 * `npm run bench:tokenizers`: how fast, and in how much memory, a large text becomes tokens.
 *
 *     npm run bench:tokenizers -- [--megabytes 1074] [--rounds 3] [--text FILE] [--json]
 *
 * The text is made of the project's corpora (../large-corpus.ts) unless one is given. Each tokenizer
 * starts with an empty cache, and then again with what it left there. Python's tokenizers encode the
 * first 100 MB of the same text on one thread with the tokenizer that was learned here. The table goes to
 * standard output, progress to standard error.
 */
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runToEnd } from '../child.ts';
import { ensurePython, type PythonPeers } from '../environment.ts';
import { largeCorpus } from '../large-corpus.ts';
import { median } from '../statistics.ts';
import { columnsOf, type Table, textTable } from '../table.ts';
import type { Encoding } from './encode.ts';

const KINDS = ['byte', 'char', 'word', 'bpe'] as const;
type Kind = (typeof KINDS)[number];

const PYTHON_BYTES = 100e6;
const peers: PythonPeers = {
  requirements: fileURLToPath(new URL('requirements.txt', import.meta.url)),
  size: 'some 3 MB to fetch, 30 MB on disk',
};
const pathOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const say = (line: string) => process.stderr.write(`${line}\n`);

interface Round {
  first: Record<Kind, Encoding>;
  second: Record<Kind, Encoding>;
  /** Bytes a second of Python's tokenizers, and of bpe here in its pass that encodes. */
  python: { bytesPerSecond: number; version: string };
}

async function measureRound(
  text: string,
  bytes: number,
  directory: string,
  python: string,
  signal: AbortSignal,
): Promise<Round> {
  const [first, second] = [{}, {}] as [Record<Kind, Encoding>, Record<Kind, Encoding>];
  const tokenizer = join(directory, 'tokenizer.json');
  for (const kind of KINDS) {
    const cache = join(directory, 'cache');
    const args = ['--import', 'tsx', pathOf('encode.ts'), kind, text, cache];
    const encode = async (more: string[] = []) =>
      JSON.parse(await runToEnd(process.execPath, [...args, ...more], { signal })) as Encoding;
    say(kind);
    first[kind] = await encode(kind === 'bpe' ? [tokenizer] : []);
    second[kind] = await encode();
    await rm(cache, { recursive: true });
  }
  say('Python’s tokenizers');
  const taken = Math.min(bytes, PYTHON_BYTES);
  const output = await runToEnd(
    python,
    [pathOf('python-encode.py'), tokenizer, text, String(taken)],
    { signal },
  );
  const { seconds, version } = JSON.parse(output) as { seconds: number; version: string };
  return { first, second, python: { bytesPerSecond: taken / seconds, version } };
}

function tableOf(rounds: readonly Round[], bytes: number): Table {
  const middle = (figure: (round: Round) => number) => median(rounds.map(figure));
  const rows = KINDS.map((kind) => [
    kind,
    (bytes / 1e6 / middle(({ first }) => first[kind].seconds)).toFixed(0),
    (bytes / 1e6 / middle(({ first }) => first[kind].encodingSeconds)).toFixed(0),
    (middle(({ first }) => first[kind].peakBytes) / 1e6).toFixed(0),
    middle(({ second }) => second[kind].seconds).toFixed(2),
    (bytes / (rounds[0] as Round).first[kind].tokens).toFixed(2),
  ]);
  const [{ python }] = rounds as [Round];
  const pythonSpeed = middle((round) => round.python.bytesPerSecond);
  const ratios = rounds.map(
    (round) => bytes / round.first.bpe.encodingSeconds / round.python.bytesPerSecond,
  );
  return {
    title: 'From text to tokens',
    subtitle: `${(bytes / 1e6).toFixed(0)} MB; median of ${rounds.length} round${rounds.length === 1 ? '' : 's'}`,
    columns: columnsOf(
      'tokenizer',
      'MB/s, all passes',
      'MB/s, encoding',
      'peak MB',
      'second start, s',
      'bytes a token',
    ),
    rows,
    notes: [
      `Python's tokenizers ${python.version}, one thread, the same bpe: ` +
        `${(pythonSpeed / 1e6).toFixed(1)} MB/s; bpe here is ${median(ratios).toFixed(1)} times as fast ` +
        `(${ratios.map((ratio) => ratio.toFixed(1)).join(', ')} by round).`,
    ],
  };
}

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1074' },
    rounds: { type: 'string', default: '3' },
    text: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
const directory = await mkdtemp(join(tmpdir(), 'gru-lm-bench-tokenizers-'));
try {
  const python = await ensurePython(peers, say, stop.signal);
  const text = values.text ?? join(directory, 'text.txt');
  if (values.text === undefined) {
    say('making the text');
    await pipeline(largeCorpus(Number(values.megabytes) * 1e6), createWriteStream(text));
  }
  const bytes = (await stat(text)).size;
  const rounds: Round[] = [];
  for (let i = 0; i < Number(values.rounds); i += 1) {
    say(`round ${i + 1}`);
    rounds.push(await measureRound(text, bytes, directory, python, stop.signal));
  }
  const table = textTable(tableOf(rounds, bytes));
  process.stdout.write(`${values.json ? JSON.stringify({ bytes, rounds }) : table}\n`);
} finally {
  await rm(directory, { recursive: true, force: true });
}
