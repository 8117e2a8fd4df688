/**
 * Training speed beside PyTorch on the same model, in turns, so that a machine whose speed drifts
 * does not decide: `npm run bench`. PyTorch is taken from the Python that BENCH_PYTHON names
 * (default python3); without it our own figures are printed alone.
 *
 * BENCH_STEPS (default 20) steps are timed in each of BENCH_ROUNDS (default 3) rounds; the figure of
 * a round is its median step's.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

interface Model {
  name: string;
  corpus: string;
  options: string[];
  /** vocabulary, embedding, hidden, layers, batch, steps */
  sizes: number[];
}

const models: Model[] = [
  {
    name: 'seed: words, 10000 / 300 / 512 × 2, batch 32 × 35',
    corpus: 'presidential-addresses.txt',
    options: ['--preset', 'seed', '--dropout', '0'],
    sizes: [10_000, 300, 512, 2, 32, 35],
  },
  {
    name: 'default: characters, 66 / 64 / 256 × 2, batch 32 × 64',
    corpus: 'tinyshakespeare.txt',
    options: [],
    sizes: [66, 64, 256, 2, 32, 64],
  },
];

const steps = Number(process.env.BENCH_STEPS ?? 20);
const rounds = Number(process.env.BENCH_ROUNDS ?? 3);
const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

for (const model of models) {
  const ours: number[] = [];
  const theirs: number[] = [];
  let peer = 'PyTorch';
  for (let round = 0; round < rounds; round++) {
    ours.push(await measureOurs(model));
    const pytorch = await measurePyTorch(model);
    if (pytorch) {
      theirs.push(pytorch.tokensPerSecond);
      peer = `PyTorch ${pytorch.version}`;
    }
  }
  console.log(model.name);
  console.log(`  gru-lm ${figures(ours)} tokens/s`);
  if (theirs.length === 0) {
    console.log('  PyTorch is not there to compare with');
    continue;
  }
  console.log(`  ${peer} ${figures(theirs)} tokens/s`);
  const ratios = ours.map((value, i) => value / (theirs[i] as number));
  console.log(
    `  ratio ${median(ratios).toFixed(2)} (${ratios.map((r) => r.toFixed(2)).join(', ')})`,
  );
}

async function measureOurs({ corpus, options }: Model): Promise<number> {
  const out = await mkdtemp(join(tmpdir(), 'gru-lm-bench-'));
  try {
    const args = [join(root, 'bin/gru-lm.js'), 'train', join(root, 'corpora', corpus), ...options];
    const limits = ['--max-steps', `${steps + 2}`, '--eval-every', '1000000'];
    // What is validated at the end is not timed: a short text will do.
    const valid = ['--valid', join(root, 'corpora', 'SHA256SUMS'), '--out', out, '--json'];
    const { stdout } = await run(process.execPath, [...args, ...limits, ...valid], {
      maxBuffer: 1e8,
    });
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const speeds = events.filter(({ event }) => event === 'step').map((e) => e.tokensPerSecond);
    return median(speeds.slice(2));
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

async function measurePyTorch({
  sizes,
}: Model): Promise<{ tokensPerSecond: number; version: string } | undefined> {
  const script = fileURLToPath(new URL('pytorch_gru.py', import.meta.url));
  const python = process.env.BENCH_PYTHON ?? 'python3';
  const args = [script, ...sizes.map(String), `${steps}`];
  try {
    return JSON.parse((await run(python, args)).stdout);
  } catch {
    return undefined;
  }
}

function figures(values: number[]): string {
  return `${median(values).toFixed(0)} (${values.map((value) => value.toFixed(0)).join(', ')})`;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}
