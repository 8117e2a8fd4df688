/**
 * Trains with many settings for an equal time, or equally many steps, and says how well each predicts the
 * validation text.
 *
 *     npm run bench:quality -- --list
 *     npm run bench:quality -- --only minute
 *     npm run bench:quality -- --only words10 --python /a/python/that/has/pytorch
 *     npm run bench:quality -- --only character-techniques --seeds 1,2 --parallel 2
 *     npm run bench:quality -- --only word-techniques/lstm,word-techniques/base --parallel 2
 *     npm run bench:quality -- --write-docs --processor 'AMD EPYC'
 *
 * Every result is added to docs/experiments.jsonl (or `results.jsonl` in `--dir`), and what is there is not
 * measured again, of runs by time if it is of a processor like this one: it can be interrupted at any time. For
 * runs by time the machine should do nothing else. Those by the base's steps do not mind once their paces are
 * known, which are measured first and kept in docs/experiments-paces.jsonl; they have one thread each, and
 * `--parallel` has several of them at once.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage } from '../../src/errors.ts';
import { root } from '../child.ts';
import { showFailure } from '../command-line.ts';
import { withBlock } from '../docs.ts';
import { ensurePython, frameworks } from '../environment.ts';
import { thisProcessor } from '../machine.ts';
import { markdownTable, textTable } from '../table.ts';
import { type Experiment, isPaced, rowsOf } from './experiment.ts';
import { Ledger } from './ledger.ts';
import { nameOf, type Options, parseOptions } from './options.ts';
import type { Outcome } from './outcome.ts';
import { countedOn, type Pace, type Result, resultOf, runsOf, tableOf } from './results.ts';
import { type Job, Runner } from './runner.ts';
import { experiments } from './settings.ts';

const DOCUMENT = join(root, 'docs/experiments.md');

const options = optionsOrEnd();
const machine = thisProcessor();
const directory = options.dir ?? join(root, 'checkpoints/quality');
const ledger = new Ledger<Result>(
  options.dir ? join(options.dir, 'results.jsonl') : join(root, 'docs/experiments.jsonl'),
);
const paces = new Ledger<Pace>(
  options.dir ? join(options.dir, 'paces.jsonl') : join(root, 'docs/experiments-paces.jsonl'),
);
const controller = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort());

const { signal } = controller;
let python: Promise<string> | undefined;
const runner = new Runner({
  directory,
  threads: machine.cores,
  python: () => {
    python ??= options.python
      ? Promise.resolve(options.python)
      : ensurePython(frameworks, (line) => console.error(line), signal);
    return python;
  },
  signal,
});

type Wanted = Omit<Job, 'pace'>;

function optionsOrEnd(): Options {
  try {
    return parseOptions(process.argv.slice(2), experiments);
  } catch (error) {
    showFailure(error);
    process.exit();
  }
}

/** All that is wanted with the first seed, then all with the second, without what is there already. */
async function wantedRuns(): Promise<Wanted[]> {
  const results = await ledger.read();
  const isDone = ({ experiment, row, seed }: Wanted) =>
    runsOf(experiment, row, countedOn(machine, experiment, results)).some(
      (run) => run.seed === seed,
    );
  return options.seeds
    .flatMap((seed) => options.rows.map((each) => ({ ...each, seed })))
    .filter((each) => !isDone(each));
}

/** Does `work` with all that is left, with so many at once; `slot` numbers those at work from 0. */
async function forAll<Item>(
  items: readonly Item[],
  work: (item: Item, slot: number) => Promise<void>,
): Promise<void> {
  const left = items.values();
  const goOn = async (slot: number) => {
    for (const item of left) {
      if (signal.aborted) return;
      await work(item, slot);
    }
  };
  await Promise.all(Array.from({ length: options.parallel }, (_, slot) => goOn(slot)));
}

/**
 * With the paces that are there, of whatever machine, so that all runs of a row have equally many steps; what is
 * missing is measured now.
 */
async function withPaces(runs: readonly Wanted[]): Promise<Job[]> {
  const rows = new Map(runs.filter(({ row }) => isPaced(row)).map((run) => [nameOf(run), run]));
  const found = new Map<string, number>();
  await forAll([...rows], async ([name, run], slot) => {
    const pace = await paceOf(run, slot);
    if (pace !== undefined) found.set(name, pace);
  });
  return runs.flatMap((run) => {
    const pace = isPaced(run.row) ? found.get(nameOf(run)) : 1;
    return pace === undefined ? [] : [{ ...run, pace }];
  });
}

async function paceOf({ experiment, row }: Wanted, processor: number): Promise<number | undefined> {
  const known = runsOf(experiment, row, await paces.read()).at(-1);
  if (known) return known.pace;
  const name = nameOf({ experiment, row });
  try {
    const pace = await runner.pace(experiment, row, processor % machine.cores);
    const told = { experiment: experiment.name, row: row.name, ...machine };
    const date = new Date().toISOString();
    await paces.add({ ...told, date, pace, flags: row.flags.join(' ') });
    console.error(`${name}: ${pace.toFixed(3)} steps for one of the base`);
    return pace;
  } catch (error) {
    fail(name, error);
    return undefined;
  }
}

async function measureOne(job: Job): Promise<void> {
  const name = `${nameOf(job)}, seed ${job.seed}`;
  try {
    const outcome = await outcomeOf(job);
    await keep(job, outcome);
    console.error(`${name}: ${outcome.natsPerToken.toFixed(4)} nats, ${outcome.steps} steps`);
  } catch (error) {
    fail(name, error);
  }
}

/** Says what did not come to a result; what is left goes on. */
function fail(name: string, error: unknown): void {
  if (signal.aborted) return;
  console.error(`${name}: ${errorMessage(error)}`);
  process.exitCode = 1;
}

function outcomeOf(job: Job): Promise<Outcome> {
  if (job.row.kind === 'recipe') return runner.trainRecipe(job, job.row);
  return runner.train(job, async (run) => {
    if (job.row.name === 'base') await countNgrams(job, run);
  });
}

const counted = new Set<Experiment>();

/** The n-gram models that are not there yet, of the tokens that a run was trained on. */
async function countNgrams({ experiment, seed }: Job, run: string): Promise<void> {
  if (counted.has(experiment)) return;
  counted.add(experiment);
  const found = countedOn(machine, experiment, await ledger.read());
  for (const row of rowsOf(experiment)) {
    if (row.kind !== 'ngram' || runsOf(experiment, row, found).length > 0) continue;
    try {
      const outcome = await runner.countNgrams(run, row.order);
      await keep({ experiment, row, seed, pace: 1 }, outcome);
    } catch (error) {
      if (signal.aborted) throw error;
      fail(nameOf({ experiment, row }), error);
    }
  }
}

function keep(job: Job, outcome: Outcome): Promise<void> {
  return ledger.add(resultOf(job, outcome, machine, new Date()));
}

async function show(): Promise<void> {
  const results = await ledger.read();
  for (const experiment of experiments) {
    const table = tableOf(experiment, results, options.processor);
    if (table === undefined) continue;
    console.log(`${textTable(table)}\n`);
    if (!options.writeDocs) continue;
    const text = await readFile(DOCUMENT, 'utf8');
    await writeFile(DOCUMENT, withBlock(text, `quality:${experiment.name}`, markdownTable(table)));
  }
}

if (options.list) {
  for (const each of options.rows) console.log(nameOf(each));
} else {
  if (!options.writeDocs && options.processor === undefined) {
    await forAll(await withPaces(await wantedRuns()), measureOne);
  }
  await show();
}
