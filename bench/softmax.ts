/**
 * What the adaptive softmax is worth: its speed beside that of the full one, in rounds, and how well each
 * predicts after equally many steps.
 *
 *     npm run bench:softmax
 *     npm run bench:softmax -- --rounds 5 --steps 800 --precision bfloat16
 *     npm run bench:softmax -- --precision float32,bfloat16 --write-docs
 *
 * Every run is a process of `gru-lm train` with the same flags but `--softmax`; a round trains all of
 * them with its own seed, every second one in the other order. The table goes to standard output, and
 * into docs/performance.md with `--write-docs`.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, runToEnd } from './child.ts';
import { withBlock } from './docs.ts';
import { plural } from './figures.ts';
import { describeProcessor, thisProcessor } from './machine.ts';
import { outcomeOf } from './quality/outcome.ts';
import {
  type Measured,
  PRECISIONS,
  SOFTMAXES,
  type Subject,
  softmaxTable,
} from './softmax-table.ts';
import { markdownTable, textTable } from './table.ts';

const DOCUMENT = join(root, 'docs/performance.md');
const VOCABULARY = 30_000;
const FLAGS = [
  ...['--tokenizer', 'word', '--vocab-size', `${VOCABULARY}`],
  ...['--embedding', '256', '--hidden', '256', '--layers', '2', '--gru-variant', 'reset-before'],
  // A full softmax alone can have the embeddings for weights: it would be another model. And its weights alone learn
  // by what words share.
  ...['--no-tied', '--no-residual', '--no-word-features'],
  ...['--batch-size', '32', '--bptt', '35', '--dropout', '0.3'],
  ...['--optimizer', 'muon', '--lr', '1.6e-2', '--weight-decay', '0.4', '--ema', '0'],
];

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '400' },
    precision: { type: 'string', default: 'float32' },
    'write-docs': { type: 'boolean', default: false },
  },
});
const steps = Number(options.steps);
const precisions = PRECISIONS.filter((name) => options.precision.split(',').includes(name));
if (precisions.length === 0) throw new Error(`expected --precision ${PRECISIONS.join(' or ')}`);
const machine = thisProcessor();
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());

async function train(subject: Subject, round: number, directory: string): Promise<Measured> {
  const output = await runToEnd(
    process.execPath,
    [
      ...['--import', 'tsx', 'bin/gru-lm.js', 'train', 'corpora/presidential-addresses.txt'],
      ...[...FLAGS, '--softmax', subject.softmax, '--precision', subject.precision],
      // One validation, at the end.
      ...['--max-steps', `${steps}`, '--eval-every', `${steps}`, '--sample-every', '0'],
      ...['--seed', `${round}`, '--threads', `${machine.cores}`],
      ...['--out', join(directory, 'run'), '--overwrite', '--json'],
    ],
    { threads: machine.cores, signal: stop.signal },
  );
  return { ...subject, round, ...outcomeOf(output) };
}

const subjects = precisions.flatMap((precision) =>
  SOFTMAXES.map((softmax): Subject => ({ softmax, precision })),
);
const directory = await mkdtemp(join(tmpdir(), 'gru-lm-bench-softmax-'));
try {
  const measured: Measured[] = [];
  for (let round = 1; round <= Number(options.rounds); round += 1) {
    for (const subject of round % 2 === 1 ? subjects : subjects.toReversed()) {
      const found = await train(subject, round, directory);
      measured.push(found);
      const { softmax, precision, tokensPerSecond, natsPerToken } = found;
      const figures = `${Math.round(tokensPerSecond)} tokens/s, ${natsPerToken.toFixed(4)} nats`;
      process.stderr.write(`round ${round}  ${softmax}, ${precision}  ${figures}\n`);
    }
  }
  const table = softmaxTable(measured, {
    title: `The softmax of ${VOCABULARY} words`,
    subtitle:
      `${FLAGS.join(' ')}; ${plural(steps, 'step')}, ${plural(Number(options.rounds), 'round')}; ` +
      `${new Date().toISOString().slice(0, 10)}, ${describeProcessor(machine)}`,
  });
  process.stdout.write(`${textTable(table)}\n`);
  if (options['write-docs']) {
    const text = await readFile(DOCUMENT, 'utf8');
    await writeFile(DOCUMENT, withBlock(text, 'bench:softmax', markdownTable(table)));
  }
} finally {
  await rm(directory, { recursive: true });
}
