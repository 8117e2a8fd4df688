/**
 * Checkpoints that are cut, have a bit flipped, say what they should not, or are made to cost a reader
 * much: each is refused in words that name the file, or loads because what it says is right; soon, in
 * little memory, and without any change elsewhere in the program. What has a whole checkpoint before it
 * falls back to that.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, lstatSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { saveSmallRun } from '../src/commands/testing/small-run.ts';
import type { TokenizerKind } from '../src/data/tokenizer.ts';
import { type HostileFile, hostileFiles } from './bad-files/hostile.ts';
import type { FigureRow, Scenario } from './scenario.ts';

export interface BadFileCounts {
  /** Into how many parts each file is divided, to be cut there. */
  readonly cuts: number;
  readonly bitFlips: number;
  readonly mutations: number;
  /** Of the hostile files, one of so many. */
  readonly everyHostile: number;
}

/** What a process found. */
interface Findings {
  readonly loaded: number;
  readonly refused: number;
  readonly slowestMs: number;
  /** By how much the process's memory grew at most. */
  readonly grownBytes: number;
}

const KINDS: readonly TokenizerKind[] = ['char', 'word', 'bpe', 'byte', 'file'];
const STEPS = [10, 20];
const LAST = 'step-00000020';
/** Memory that reading may take, beyond the file's own size. */
const ALLOWED_BYTES = 64 * 2 ** 20;
/** Nothing takes a hundredth of it. */
const HUNG_MS = 120_000;
const WORKER = fileURLToPath(new URL('bad-files/worker.ts', import.meta.url));

/** Throws where a bad file is met with anything but what is promised. */
export async function meetBadFiles(
  counts: BadFileCounts,
  log: (line: string) => void,
): Promise<{
  truncations: Findings;
  bitFlips: Findings;
  mutations: Findings;
  hostile: Findings & { files: number };
}> {
  const directory = mkdtempSync(join(tmpdir(), 'gru-lm-bad-files-'));
  try {
    const runs = KINDS.map((kind) => join(directory, kind));
    for (const [i, kind] of KINDS.entries()) {
      await saveSmallRun(runs[i] as string, { kind, steps: STEPS });
    }
    const [run = ''] = runs;
    const work = async (phase: string, count: number, ...on: string[]) => {
      const findings = await runWorker([phase, String(count), ...on]);
      assertModest(phase, findings);
      log(`${phase}: ${findings.refused} refused, ${findings.loaded} loaded`);
      return findings;
    };
    return {
      truncations: await work('truncations', counts.cuts, run),
      bitFlips: await work('bit-flips', counts.bitFlips, run),
      mutations: await work('mutations', counts.mutations, ...runs),
      hostile: await meetHostileFiles(run, counts.everyHostile, log),
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Each in a process of its own, whose memory it alone takes. */
async function meetHostileFiles(
  run: string,
  every: number,
  log: (line: string) => void,
): Promise<Findings & { files: number }> {
  const files = hostileFiles().filter((_, i) => i % every === 0);
  const sum = { loaded: 0, refused: 0, slowestMs: 0, grownBytes: 0, files: files.length };
  for (const hostile of files) {
    const bad = `${run}-hostile`;
    cpSync(run, bad, { recursive: true });
    try {
      hostile.make(join(bad, LAST));
      const findings = await runWorker(['hostile', hostile.file, run, bad]);
      const grownBytes = findings.grownBytes - ownBytes(hostile, bad);
      assertModest(hostile.name, { ...findings, grownBytes });
      log(`${hostile.name}: ${Math.round(findings.slowestMs)} ms, ${grownBytes} bytes`);
      sum.refused += findings.refused;
      sum.slowestMs = Math.max(sum.slowestMs, findings.slowestMs);
      sum.grownBytes = Math.max(sum.grownBytes, grownBytes);
    } finally {
      rmSync(bad, { recursive: true });
    }
  }
  return sum;
}

/** What the file takes of the disk. */
function ownBytes({ file }: HostileFile, run: string): number {
  const stats = lstatSync(join(run, LAST, file), { throwIfNoEntry: false });
  return stats?.isFile() ? Math.min(stats.size, stats.blocks * 512) : 0;
}

function assertModest(what: string, { grownBytes, slowestMs }: Findings): void {
  if (grownBytes > ALLOWED_BYTES) {
    throw new Error(`${what}: took ${grownBytes} bytes beyond the file's own`);
  }
  if (slowestMs > HUNG_MS) throw new Error(`${what}: took ${slowestMs} ms`);
}

/** Runs the worker to its end; throws where it says that a promise is broken, dies, or hangs. */
async function runWorker(args: readonly string[]): Promise<Findings> {
  const child = spawn(process.execPath, ['--expose-gc', '--import', 'tsx', WORKER, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let last = '';
  let watch: NodeJS.Timeout | undefined;
  for await (const line of createInterface(child.stdout)) {
    last = line;
    clearTimeout(watch);
    watch = setTimeout(() => child.kill('SIGKILL'), HUNG_MS);
  }
  clearTimeout(watch);
  const [code, signal] = await closed;
  if (code !== 0) {
    throw new Error(`${args.join(' ')}: ended with ${code ?? signal} after ${last.slice(0, 4000)}`);
  }
  return JSON.parse(last) as Findings;
}

const FULL: BadFileCounts = { cuts: 1000, bitFlips: 2000, mutations: 100_000, everyHostile: 1 };

export const scenario: Scenario = {
  name: 'bad-files',
  async run(log) {
    const { truncations, bitFlips, mutations, hostile } = await meetBadFiles(FULL, log);
    return [
      ...rows('files cut at each thousandth', truncations),
      ...rows('files with one bit flipped', bitFlips),
      ...rows('mutated files with right hashes', mutations),
      ...rows('files made to cost much', hostile),
    ];
  },
};

function rows(what: string, { loaded, refused, slowestMs, grownBytes }: Findings): FigureRow[] {
  return [
    [`${what}: refused, naming the file`, refused.toLocaleString('en-US')],
    [`${what}: loaded`, loaded.toLocaleString('en-US')],
    [`${what}: slowest`, `${slowestMs.toFixed(0)} ms`],
    [`${what}: memory grew by at most`, `${(grownBytes / 2 ** 20).toFixed(1)} MiB`],
  ];
}
