/**
 * Trains with many settings for equal time, and says how well each predicts the validation text.
 *
 *     npm run bench:quality -- --list
 *     npm run bench:quality -- --only minute
 *     npm run bench:quality -- --only characters/muon,characters/base --seeds 1
 *     npm run bench:quality -- --write-docs
 *
 * Every result is added to a file, and what is there is not measured again: it can be interrupted at
 * any time. The machine should do nothing else, since the runs get an equal time and not equal steps.
 */
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { errorMessage } from '../../src/errors.ts';
import { root, runToEnd } from '../child.ts';
import { withBlock } from '../docs.ts';
import { markdownTable, textTable } from '../table.ts';
import { flagsOf, ngramName, type Result, resultOf, runsOf, tableOf } from './results.ts';
import { type Experiment, experiments } from './settings.ts';

const DOCUMENT = join(root, 'docs/experiments.md');

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    seeds: { type: 'string', default: '3' },
    dir: { type: 'string', default: join(root, 'checkpoints/quality') },
    list: { type: 'boolean', default: false },
    'write-docs': { type: 'boolean', default: false },
  },
});

const seeds = Array.from({ length: Number(options.seeds) }, (_, i) => i + 1);
const wanted = options.only?.split(',');
const resultsFile = join(options.dir, 'results.jsonl');
const controller = new AbortController();
process.once('SIGINT', () => controller.abort());

function isWanted({ name }: Experiment, setting: string): boolean {
  return wanted?.some((each) => each === name || each === `${name}/${setting}`) ?? true;
}

async function readResults(): Promise<Result[]> {
  const text = await readFile(resultsFile, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Result);
}

async function train(experiment: Experiment, setting: string, seed: number): Promise<Result> {
  const flags = flagsOf(experiment, setting);
  const out = join(options.dir, `${experiment.name}-${setting.replace(/\W+/g, '-')}-${seed}`);
  const output = await runToEnd(
    process.execPath,
    [
      ...['--import', 'tsx', 'bin/gru-lm.js', 'train', join('corpora', experiment.text), ...flags],
      ...['--max-time', `${experiment.seconds}s`, '--seed', `${seed}`],
      ...['--out', out, '--overwrite', '--json'],
    ],
    { signal: controller.signal },
  );
  if (setting === 'base' && seed === 1) await countNgrams(experiment, out);
  await rm(out, { recursive: true });
  return resultOf({ experiment: experiment.name, setting, flags, seed }, output);
}

/** Adds the results of n-gram models of the tokens that the run in `out` was trained on. */
async function countNgrams(experiment: Experiment, out: string): Promise<void> {
  for (const order of experiment.ngrams) {
    const printed = await runToEnd(
      process.execPath,
      [
        ...['--import', 'tsx', 'bin/gru-lm.js', 'eval', out],
        ...['--baseline', `ngram:${order}`, '--json'],
      ],
      { signal: controller.signal },
    );
    const { baseline } = JSON.parse(printed) as { baseline: { natsPerToken: number } };
    const { natsPerToken } = baseline;
    const run = { experiment: experiment.name, setting: ngramName(order), flags: experiment.base };
    await add({ ...run, seed: 1, steps: 0, tokensPerSecond: 0, natsPerToken });
  }
}

function add(result: Result): Promise<void> {
  return appendFile(resultsFile, `${JSON.stringify(result)}\n`);
}

/** All settings with the first seed, then all with the second. */
async function measure(): Promise<void> {
  await mkdir(options.dir, { recursive: true });
  for (const seed of seeds) {
    for (const experiment of experiments) {
      for (const setting of Object.keys(experiment.settings)) {
        const done = runsOf(experiment, setting, await readResults());
        if (!isWanted(experiment, setting) || done.some((run) => run.seed === seed)) continue;
        const name = `${experiment.name}/${setting}`;
        try {
          const result = await train(experiment, setting, seed);
          await add(result);
          const { natsPerToken, steps } = result;
          console.error(`${name}, seed ${seed}: ${natsPerToken.toFixed(4)} nats, ${steps} steps`);
        } catch (error) {
          if (controller.signal.aborted) return;
          console.error(`${name}, seed ${seed}: ${errorMessage(error)}`);
        }
      }
    }
  }
}

async function show(): Promise<void> {
  const results = await readResults();
  for (const experiment of experiments) {
    const table = tableOf(experiment, results);
    if (table.rows.length === 0) continue;
    console.log(`${textTable(table)}\n`);
    if (!options['write-docs']) continue;
    const text = await readFile(DOCUMENT, 'utf8');
    await writeFile(DOCUMENT, withBlock(text, `quality:${experiment.name}`, markdownTable(table)));
  }
}

if (options.list) {
  for (const { name, settings } of experiments) {
    for (const setting of Object.keys(settings)) console.log(`${name}/${setting}`);
  }
} else {
  if (!options['write-docs']) await measure();
  await show();
}
