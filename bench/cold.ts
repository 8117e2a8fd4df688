/**
 * The cold start: whole processes, from nothing to one sampled token. Ours is the package as it is
 * published: packed, installed elsewhere, and run on a checkpoint.
 */
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { root, runToEnd } from './child.ts';
import { scriptPath } from './peers.ts';
import type { Size } from './sizes.ts';
import type { Work } from './work.ts';

/** What is trained on the corpus that comes with the product, and made by the peer. */
export const coldSize: Size = {
  vocabulary: 66,
  embedding: 64,
  hidden: 256,
  layers: 2,
  batch: 32,
  steps: 64,
};
const CORPUS = 'tinyshakespeare.txt';
const TRAINING_STEPS = 20;

/** A program's whole process that is to be timed. */
export interface ColdStart {
  /** Runs it once; seconds from its start to its end. */
  time: () => Promise<number>;
  dispose: () => Promise<void>;
}

/** The installed package, with a checkpoint that it has trained. */
export async function prepareGruLm(threads: number, signal: AbortSignal): Promise<ColdStart> {
  const scratch = await mkdtemp(join(tmpdir(), 'gru-lm-bench-'));
  const dispose = () => rm(scratch, { recursive: true, force: true });
  try {
    const home = join(scratch, 'home');
    await mkdir(home);
    const tarball = await pack(scratch, signal);
    const quietly = [
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
      '--loglevel=error',
      '--prefix',
      home,
    ];
    await runToEnd('npm', ['install', ...quietly, tarball], { cwd: home, signal });
    const program = join(home, 'node_modules', 'gru-lm', 'bin', 'gru-lm.js');
    const machine = ['--backend', 'cpu', '--threads', `${threads}`, '--json'];
    const run = (args: string[]) =>
      runToEnd(process.execPath, [program, ...args, ...machine], { cwd: home, signal });
    const { embedding, hidden, layers, batch, steps } = coldSize;
    const size = {
      ...{ embedding, hidden, layers, 'batch-size': batch, bptt: steps },
      ...{ 'gru-variant': 'reset-after', 'max-steps': TRAINING_STEPS, 'valid-split': 0.001 },
    };
    const flags = Object.entries(size).flatMap(([flag, value]) => [`--${flag}`, `${value}`]);
    await run(['train', join(root, 'corpora', CORPUS), ...flags, '--out', 'run']);
    return { time: () => secondsOf(() => run(['sample', 'run', '--length', '1'])), dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** A Python script that does the same. */
export async function preparePyTorch(
  python: string,
  work: Work,
  signal: AbortSignal,
): Promise<ColdStart> {
  const args = [scriptPath('pytorch_cold.py'), JSON.stringify(work)];
  const run = () => runToEnd(python, args, { threads: work.threads, signal });
  // Once untimed, as ours has run to train: what follows is read from memory, not from the disk.
  await run();
  return { time: () => secondsOf(run), dispose: async () => {} };
}

/** Packs a copy of the checkout, whose own dist/ is left alone; the path of the package. */
async function pack(scratch: string, signal: AbortSignal): Promise<string> {
  const checkout = join(scratch, 'checkout');
  const left = new Set(['.git', 'node_modules', 'dist', 'checkpoints', 'coverage']);
  await cp(root, checkout, {
    recursive: true,
    filter: (path) => path === root || !left.has(basename(path)),
  });
  await symlink(join(root, 'node_modules'), join(checkout, 'node_modules'));
  const options = ['--ignore-scripts=false', '--json', '--pack-destination', scratch];
  const output = await runToEnd('npm', ['pack', ...options], { cwd: checkout, signal });
  const name = /"filename":\s*"([^"]+)"/.exec(output)?.[1];
  if (name === undefined) throw new Error(`npm pack named no file: ${output}`);
  return join(scratch, basename(name));
}

async function secondsOf(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return (performance.now() - started) / 1000;
}
