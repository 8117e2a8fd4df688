/**
 * Whether the cuda backend works on this machine, in one command:
 *
 *     npm run check:cuda -- [--seconds 60] [--sizes seed,char,small,h2048] [--python <python with torch>] [--backend cpu]
 *
 * Sets it up, holds values and gradients against the reference, trains on Tiny Shakespeare, goes on with that checkpoint
 * on the processor, and measures tokens a second beside PyTorch on the same GPU, where there is one. Without a GPU it says
 * at once what is missing. `--backend cpu` runs the same on the processor, to try the check itself.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runToEnd } from '../bench/child.ts';
import { showFailure } from '../bench/command-line.ts';
import { textTable } from '../bench/table.ts';
import { UserError } from '../src/errors.ts';
import { setUpRuntime } from '../src/runtime/backend.ts';
import { compareValues, type Values } from './agreement.ts';
import { measuredSizes, measureSizes } from './check-cuda-speed.ts';
import { type CheckRow, checkTable, isWhole, rowsOfAgreement } from './check-cuda-table.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    sizes: { type: 'string', default: measuredSizes.join() },
    python: { type: 'string', default: 'python3' },
    backend: { type: 'string', default: 'cuda' },
  },
});
const seconds = Number(options.seconds);
const backend = options.backend === 'cpu' ? 'cpu' : 'cuda';
const { signal } = new AbortController();
const say = (line: string) => process.stderr.write(`${line}\n`);

/** Runs a program in TypeScript of this checkout, and gives back what it printed last. */
async function start(script: string, args: string[]): Promise<string> {
  const all = ['--import', 'tsx', join(root, script), ...args];
  return (await runToEnd(process.execPath, all, { signal })).trim().split('\n').at(-1) ?? '';
}

async function gruLm<Answer>(...args: string[]): Promise<Answer> {
  return JSON.parse(await start('bin/gru-lm.js', [...args, '--json'])) as Answer;
}

async function setUp(): Promise<CheckRow[]> {
  const onEvent = (event: { type: string; message?: string }) => {
    if (event.message) say(event.message);
  };
  const plan = await setUpRuntime({ device: backend, signal, onEvent });
  const { version, directory } = plan.tensorflow;
  return [{ part: 'set up', what: `TensorFlow ${version}`, found: directory, isRight: true }];
}

/** They are many: the programs write them into files. */
async function compare(directory: string): Promise<CheckRow[]> {
  say('values and gradients');
  const valuesOn = async (on: string) => {
    const file = join(directory, `${on}.json`);
    await start('scripts/backend-values.ts', [on, file]);
    return JSON.parse(readFileSync(file, 'utf8')) as Values;
  };
  return rowsOfAgreement(compareValues(await valuesOn('reference'), await valuesOn(backend)));
}

/** Trains, scores the checkpoint on both, and goes on with it on the processor. */
async function train(directory: string): Promise<CheckRow[]> {
  say(`training for ${seconds} s`);
  const run = join(directory, 'run');
  const corpus = join(root, 'corpora', 'tinyshakespeare.txt');
  const started = performance.now();
  const end = await gruLm<{ step: number; bestNatsPerToken: number }>(
    ...['train', corpus, '--backend', backend, '--max-time', `${seconds}s`, '--out', run],
  );
  const took = Math.round((performance.now() - started) / 1000);
  const evaluate = async (on: string) =>
    (await gruLm<{ natsPerToken: number }>('eval', run, '--backend', on)).natsPerToken;
  const [here, onCpu] = [await evaluate(backend), await evaluate('cpu')];
  const next = await gruLm<{ step: number }>(
    ...['train', corpus, '--out', run, '--resume', '--backend', 'cpu'],
    ...['--max-steps', String(end.step + 5)],
  );
  const difference = Math.abs(here - onCpu);
  return [
    {
      part: 'training',
      what: `Tiny Shakespeare, ${seconds} s (${took} s with the start)`,
      found: `${end.step} steps, ${end.bestNatsPerToken.toFixed(4)} nats a character`,
      isRight: Number.isFinite(end.bestNatsPerToken),
    },
    {
      part: 'training',
      what: 'the checkpoint’s loss on cpu, less that here',
      found: difference.toExponential(1),
      isRight: difference <= 1e-4,
    },
    {
      part: 'training',
      what: 'goes on on cpu',
      found: `to step ${next.step}`,
      isRight: next.step === end.step + 5,
    },
  ];
}

async function main(): Promise<void> {
  if (!(seconds > 0)) {
    throw new UserError('usage', `--seconds: expected a number above 0, found ${options.seconds}`);
  }
  const directory = mkdtempSync(join(tmpdir(), 'gru-lm-cuda-'));
  const rows = await setUp();
  try {
    rows.push(...(await compare(directory)));
    rows.push(...(await train(directory)));
    const sizes = measuredSizes.filter((size) => options.sizes.split(',').includes(size));
    const { python } = options;
    rows.push(...(await measureSizes(sizes, { backend, python, signal, say })));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  process.stdout.write(`${textTable(checkTable(backend, rows))}\n`);
  if (!isWhole(rows)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  showFailure(error);
}
