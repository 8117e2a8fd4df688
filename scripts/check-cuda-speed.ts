/** Tokens a second at the benchmark's sizes, beside PyTorch on the same device. */
import { ask, runToEnd } from '../bench/child.ts';
import { count, ratio } from '../bench/figures.ts';
import { peerOf } from '../bench/peers.ts';
import { namedSizes, sizeOf } from '../bench/sizes.ts';
import { median } from '../bench/statistics.ts';
import { type Answer, workOf } from '../bench/work.ts';
import { errorMessage } from '../src/errors.ts';
import type { CheckRow } from './check-cuda-table.ts';

interface Circumstances {
  backend: 'cuda' | 'cpu';
  /** One that may have PyTorch. */
  python: string;
  signal: AbortSignal;
  say: (line: string) => void;
}

/** The three sizes of the benchmark's tables, and two layers of 2048. */
export const measuredSizes = [...Object.keys(namedSizes), 'h2048'];

const timing = { warmUpSteps: 3, warmUpSeconds: 1, minSteps: 5, minSeconds: 3, maxSteps: 2000 };

/** A row for each size; what fails is a row that says why. */
export async function measureSizes(
  sizes: readonly string[],
  circumstances: Circumstances,
): Promise<CheckRow[]> {
  const { backend, say } = circumstances;
  const hasPyTorch = await findPyTorch(circumstances);
  const rows: CheckRow[] = [];
  for (const name of sizes) {
    say(`speed at ${name}`);
    const what = `${name}, tokens a second`;
    try {
      const ours = await tokensPerSecond('gru-lm', name, circumstances);
      const theirs = hasPyTorch ? await tokensPerSecond('pytorch', name, circumstances) : undefined;
      rows.push({ part: 'speed', what, found: describeSpeed(ours, theirs) });
    } catch (error) {
      rows.push({ part: 'speed', what, found: errorMessage(error), isRight: false });
    }
  }
  if (!hasPyTorch) say(`no PyTorch that computes on ${backend} beside it: see --python`);
  return rows;
}

/** `12 000; PyTorch 10 000; ratio 1.20` */
export function describeSpeed(ours: number, theirs: number | undefined): string {
  if (theirs === undefined) return `${count(ours)}; PyTorch is not there`;
  return `${count(ours)}; PyTorch ${count(theirs)}; ratio ${ratio(ours / theirs)}`;
}

async function tokensPerSecond(
  peer: 'gru-lm' | 'pytorch',
  name: string,
  { backend, python, signal }: Circumstances,
): Promise<number> {
  const size = sizeOf(name);
  const threads = 1;
  const work = { ...workOf(size, timing, threads), backend };
  const script = peerOf(peer).scripts.training!;
  const { stepSeconds } = await ask<Answer>(peerOf(peer), script, work, { python, signal });
  return (size.batch * size.steps) / median(stepSeconds);
}

/** Whether that Python has a PyTorch that computes on the device. */
async function findPyTorch({ backend, python, signal }: Circumstances): Promise<boolean> {
  const script = `import torch; print(${backend === 'cpu' ? 'True' : 'torch.cuda.is_available()'})`;
  try {
    return (await runToEnd(python, ['-c', script], { signal })).trim() === 'True';
  } catch {
    return false;
  }
}
