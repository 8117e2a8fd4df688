/**
 * Shows by the system calls of a process that its saves survive a power cut: whatever `run.json` names
 * is on the disk, bytes and names, before it is named, and nothing older goes before that.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CHECKPOINT_FILES, MANIFEST_FILE, RUN_FILE, stepOfName } from '../src/checkpoint/format.ts';
import { type Call, canTrace, traceNode } from './durable-saves/trace.ts';
import { PROGRAM } from './program.ts';
import type { Scenario } from './scenario.ts';

export interface TracedSaves {
  readonly saves: number;
  /** Files whose bytes were on the disk in time. */
  readonly files: number;
  /** The calls of fsync without which the saves would not be durable. */
  readonly syncs: readonly Call[];
}

/** Throws unless the saves to `runDirectory` in the trace were durable. */
export function checkSaves(calls: readonly Call[], runDirectory: string): TracedSaves {
  const check = new Check(calls, runDirectory);
  check.directories();
  const renames = calls.filter(
    ({ name, paths }) => /^rename/.test(name) && isCheckpointOf(runDirectory, paths[1]),
  );
  for (const [i, rename] of renames.entries()) check.save(rename, renames[i + 1]);
  return { saves: renames.length, files: check.files, syncs: [...check.syncs] };
}

/** Goes through the calls of one process. */
class Check {
  readonly #calls: readonly Call[];
  readonly #runDirectory: string;
  readonly syncs = new Set<Call>();
  files = 0;

  constructor(calls: readonly Call[], runDirectory: string) {
    this.#calls = calls;
    this.#runDirectory = runDirectory;
  }

  /** A new directory's name is on the disk before anything in it is named. */
  directories(): void {
    const published = this.#first('a rename to run.json', (call) => this.#isPublication(call));
    for (const call of this.#calls.filter(({ name }) => /^mkdir/.test(name))) {
      const path = call.paths[0]!;
      if (path !== this.#runDirectory && !this.#runDirectory.startsWith(`${path}/`)) continue;
      this.#sync(dirname(path), [call], published);
    }
  }

  /**
   * @param rename what gave the checkpoint its name
   * @param nextRename the same of the next save, which begins when this one has ended
   */
  save(rename: Call, nextRename?: Call): void {
    const aside = rename.paths[0]!;
    const created = this.#created(aside);
    const names = created.map(({ paths }) => paths[0]!.slice(aside.length + 1));
    assert(
      names.sort().join() === [...CHECKPOINT_FILES].sort().join(),
      `the files of a checkpoint in ${aside}`,
    );
    const [manifest] = created.filter(({ paths }) => paths[0] === join(aside, MANIFEST_FILE));
    for (const open of created) this.#file(open, open === manifest ? rename : manifest!);
    this.#sync(aside, created, rename);

    const published = this.#first(
      'a rename to run.json',
      (call) => this.#isPublication(call) && follows(rename, call),
    );
    this.#sync(this.#runDirectory, [rename], published);
    const record = published.paths[0]!;
    const opened = this.#first(`${record} to be made`, (c) => c.creates && c.paths[0] === record);
    this.#file(opened, published);
    const next = nextRename && this.#created(nextRename.paths[0]!)[0];
    const end = this.#sync(this.#runDirectory, [published], next);
    for (const call of this.#calls) {
      const isDuring = call.ends > created[0]!.begins && call.begins < end.ends;
      assert(!isDuring || !this.#removes(call), `nothing to be removed before ${end.ends}`);
    }
  }

  /** The calls that made files in a directory. */
  #created(directory: string): Call[] {
    return this.#calls.filter(({ creates, paths }) => creates && inside(directory, paths[0]!));
  }

  /** All that was written to a file is on the disk before `next`. */
  #file(opened: Call, next: Call): void {
    const path = opened.paths[0]!;
    const writes = this.#calls.filter(
      ({ name, paths }) => /write|truncate|fallocate|send|copy/.test(name) && paths[0] === path,
    );
    assert(writes.length > 0, `something to be written to ${path}`);
    this.#sync(path, [opened, ...writes], next);
    this.files += 1;
  }

  /** The fsync of `path` that begins after all of `calls` and ends before `next`. */
  #sync(path: string, calls: readonly Call[], next?: Call): Call {
    const sync = this.#first(
      `fsync of ${path}`,
      (call) =>
        /^f(data)?sync$/.test(call.name) &&
        call.paths[0] === path &&
        calls.every((earlier) => follows(earlier, call)) &&
        (next === undefined || follows(call, next)),
    );
    this.syncs.add(sync);
    return sync;
  }

  #first(what: string, accepts: (call: Call) => boolean): Call {
    const call = this.#calls.find(accepts);
    assert(call !== undefined, what);
    return call;
  }

  #isPublication({ name, paths }: Call): boolean {
    return /^rename/.test(name) && paths[1] === join(this.#runDirectory, RUN_FILE);
  }

  /** Whether a call takes something of a checkpoint away. */
  #removes({ name, paths }: Call): boolean {
    if (/^rename/.test(name)) return isCheckpointOf(this.#runDirectory, paths[0]);
    const path = paths[0]!;
    return (
      /^(unlink|rmdir)/.test(name) &&
      (path === join(this.#runDirectory, RUN_FILE) ||
        isCheckpointOf(this.#runDirectory, path) ||
        inside(this.#runDirectory, dirname(path)))
    );
  }
}

function inside(directory: string, path: string): boolean {
  return path.startsWith(`${directory}/`);
}

function isCheckpointOf(runDirectory: string, path = ''): boolean {
  const name = path.slice(runDirectory.length + 1);
  return inside(runDirectory, path) && stepOfName(name) !== undefined;
}

function follows(earlier: Call, later: Call): boolean {
  return earlier.ends < later.begins;
}

function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`expected ${what} in the trace, found none`);
}

/** Saves checkpoints of a run in a new directory. */
const SAVE = `
  const [, module, directory, saves] = process.argv;
  const { openRun } = await import(module);
  const run = await openRun(directory);
  const weights = new Map([['w', { shape: [30000], data: new Float32Array(30000).fill(1) }]]);
  const contents = {
    weights, optimizer: weights, state: new Map(), config: {}, tokenizer: {}, training: {}, history: [],
    clock: {},
  };
  for (let step = 1; step <= Number(saves); step += 1) {
    await run.save(step, contents, { best: step % 3 === 0 });
  }
  await run.close();
`;

/** Traces a process that saves `saves` checkpoints. */
export function traceSaves(saves: number): { calls: Call[]; runDirectory: string } {
  const root = mkdtempSync(join(tmpdir(), 'gru-lm-durable-'));
  try {
    const runDirectory = join(root, 'checkpoints', 'run');
    const module = new URL('../src/checkpoint/run.ts', import.meta.url).href;
    const program = ['--import', 'tsx', '--input-type=module', '-e', SAVE, module];
    return { calls: traceNode([...program, runDirectory, `${saves}`], root), runDirectory };
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** Traces `gru-lm train`, and once more as it goes on with the run. */
function traceTraining(): TracedSaves[] {
  const root = mkdtempSync(join(tmpdir(), 'gru-lm-durable-'));
  try {
    const corpus = join(root, 'corpus.txt');
    writeFileSync(corpus, 'the quick brown fox jumps over the lazy dog\n'.repeat(60));
    const runDirectory = join(root, 'checkpoints', 'run');
    const size = '--hidden 8 --embedding 4 --layers 1 --batch-size 4 --bptt 8 --sample-every 0';
    const options = `${size} --backend wasm --eval-every 10 --save-every 5 --quiet`.split(' ');
    const train = [PROGRAM, 'train', corpus, '--out', runDirectory, ...options];
    return [
      traceNode([...train, '--max-steps', '40'], root),
      traceNode([...train, '--max-steps', '80', '--resume'], root),
    ].map((calls) => checkSaves(calls, runDirectory));
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** How many of the calls of fsync that `checkSaves` counts it misses where they are left out. */
export function countNoticed(
  calls: readonly Call[],
  runDirectory: string,
): { noticed: number; syncs: number } {
  const { syncs } = checkSaves(calls, runDirectory);
  const noticed = syncs.filter((sync) => {
    try {
      checkSaves(
        calls.filter((call) => call !== sync),
        runDirectory,
      );
      return false;
    } catch {
      return true;
    }
  });
  return { noticed: noticed.length, syncs: syncs.length };
}

export const scenario: Scenario = {
  name: 'durable-saves',
  async run(log) {
    if (!canTrace()) {
      throw new Error('expected strace, which may trace, found none: this runs on Linux with it');
    }
    log('tracing 30 saves');
    const { calls, runDirectory } = traceSaves(30);
    const traced = checkSaves(calls, runDirectory);
    assert(traced.saves === 30, '30 saves');
    const { noticed, syncs } = countNoticed(calls, runDirectory);
    assert(noticed === syncs, 'every fsync that is left out to be noticed');
    log('tracing gru-lm train, and train --resume');
    const training = traceTraining();
    const saves = training.map((run) => run.saves);
    assert(
      saves.every((count) => count >= 8),
      '8 saves of each training',
    );
    const files = [traced, ...training].reduce((sum, run) => sum + run.files, 0);
    return [
      [
        'saves traced: 30 in a row, and those of gru-lm train and train --resume',
        `30 + ${saves.join(' + ')}`,
      ],
      ['files written, each synchronised before what names it is written', `${files}`],
      ['calls of fsync left out of the trace one at a time, and noticed', `${noticed} of ${syncs}`],
      ['something older removed before run.json was on the disk', 'never'],
    ];
  },
};
