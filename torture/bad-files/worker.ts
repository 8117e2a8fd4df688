/**
 * A process that meets bad files and says, as lines of JSON, how it went: what it was at when it hung or
 * ended is the last line. `worker.ts <phase> <count> <run...>` changes files of the runs' last checkpoints;
 * `worker.ts hostile <file> <run> <bad run>` opens a bad run after a right one.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { MANIFEST_FILE, RUN_FILE, stepOfName } from '../../src/checkpoint/format.ts';
import { Random } from '../../src/random.ts';
import { attempt, type BadRun } from './attempt.ts';
import { anyMutation, mutate, putFile } from './mutations.ts';

const SEED = 1;
const BATCH = 500;

const [phase = '', count = '', ...runs] = process.argv.slice(2);
const counts = { loaded: 0, refused: 0, slowestMs: 0 };

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** A run as it is before anything is done to it. */
class Base {
  readonly directory: string;
  /** The last checkpoint and the one before. */
  readonly last: string;
  readonly before: string | undefined;
  readonly #files: ReadonlyMap<string, Buffer>;

  constructor(directory: string) {
    this.directory = directory;
    const steps = readdirSync(directory)
      .filter((name) => stepOfName(name))
      .sort();
    this.last = steps.at(-1) as string;
    this.before = steps.at(-2);
    const names = [RUN_FILE, ...readdirSync(join(directory, this.last))];
    this.#files = new Map(names.map((name) => [name, readFileSync(this.path(name))]));
  }

  get files(): string[] {
    return [...this.#files.keys()];
  }

  path(file: string): string {
    return file === RUN_FILE ? join(this.directory, file) : join(this.directory, this.last, file);
  }

  bytes(file: string): Buffer {
    return this.#files.get(file) as Buffer;
  }

  restore(file: string): void {
    writeFileSync(this.path(file), this.bytes(file));
  }

  /** With `file` changed in a way that only its hash shows. */
  damaged(file: string): BadRun {
    const fallback = file === RUN_FILE ? this.last : this.before;
    return { directory: this.directory, file, mayLoad: false, fallback };
  }
}

async function measure(bad: BadRun, what: object): Promise<void> {
  const startedMs = performance.now();
  try {
    counts[await attempt(bad)] += 1;
  } catch (error) {
    say({ broken: error instanceof Error ? error.stack : String(error), ...what });
    process.exit(1);
  }
  counts.slowestMs = Math.max(counts.slowestMs, performance.now() - startedMs);
}

async function truncations(base: Base, parts: number): Promise<void> {
  for (const file of base.files) {
    const bytes = base.bytes(file);
    const lengths = new Set(
      Array.from({ length: parts }, (_, i) => Math.floor((i * bytes.length) / parts)),
    );
    for (const length of lengths) {
      writeFileSync(base.path(file), bytes.subarray(0, length));
      await measure(base.damaged(file), { file, length });
    }
    base.restore(file);
    say({ at: file });
  }
}

async function bitFlips(base: Base, flips: number): Promise<void> {
  const random = new Random(SEED);
  for (let i = 0; i < flips; i += 1) {
    const file = base.files[random.integer(base.files.length)] as string;
    const bytes = Buffer.from(base.bytes(file));
    const bit = random.integer(bytes.length * 8);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    writeFileSync(base.path(file), bytes);
    await measure(base.damaged(file), { file, bit });
    base.restore(file);
    if (i % BATCH === 0) say({ at: i });
  }
}

async function mutations(bases: readonly Base[], number: number): Promise<void> {
  for (let done = 0; done < number; done += BATCH) {
    const numRuns = Math.min(BATCH, number - done);
    const samples = fc.sample(anyMutation(bases.length), { seed: SEED + done, numRuns });
    for (const mutation of samples) {
      const base = bases[mutation.base] as Base;
      const { file } = mutation;
      const bytes = mutate(base.bytes(file), mutation);
      if (file === RUN_FILE) writeFileSync(base.path(file), bytes);
      else putFile(join(base.directory, base.last), file, bytes);
      const { directory } = base;
      await measure(
        { directory, file, mayLoad: true },
        { run: directory, mutation: show(mutation) },
      );
      base.restore(file);
      base.restore(MANIFEST_FILE);
    }
    say({ at: done + numRuns });
  }
}

function show(value: object): string {
  return JSON.stringify(value, (_, inner) =>
    typeof inner === 'bigint'
      ? String(inner)
      : typeof inner === 'string'
        ? inner.slice(0, 80)
        : inner,
  ).slice(0, 4000);
}

/**
 * The peak of the process's memory from now on, and what it is now, in bytes. Where the system cannot
 * begin a peak anew (it is Linux that can), start-up may hide some of it.
 */
function watchMemory(): { nowBytes: number; peakBytes: () => number } {
  globalThis.gc?.();
  try {
    writeFileSync('/proc/self/clear_refs', '5');
    const peak = () => /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return { nowBytes: Number(peak()) * 1024, peakBytes: () => Number(peak()) * 1024 };
  } catch {
    const peakBytes = () => process.resourceUsage().maxRSS * 1024;
    return { nowBytes: peakBytes(), peakBytes };
  }
}

const [first = '', second = ''] = runs;
const bases = (phase === 'hostile' ? [first] : runs).map((directory) => new Base(directory));
for (const { directory } of bases) {
  // What loading takes in any case: code, and a checkpoint that is right.
  await attempt({ directory, file: '', mayLoad: true });
}
const { nowBytes, peakBytes } = watchMemory();
switch (phase) {
  case 'truncations':
    for (const base of bases) await truncations(base, Number(count));
    break;
  case 'bit-flips':
    for (const base of bases) await bitFlips(base, Number(count));
    break;
  case 'mutations':
    await mutations(bases, Number(count));
    break;
  case 'hostile':
    await measure({ directory: second, file: count, mayLoad: false }, {});
    break;
  default:
    throw new Error(`expected a phase, found ${phase}`);
}
say({ ...counts, grownBytes: peakBytes() - nowBytes });
