import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { UserError } from '../errors.ts';
import type { CheckpointContents } from './format.ts';
import { loadCheckpoint } from './load.ts';
import { resolveCheckpoint } from './run-directory.ts';
import { type SaveOptions, saveCheckpoint } from './save.ts';

/** File operations that still work; after them one fails, or all, as if the process had died. */
const disk = vi.hoisted(() => ({ operationsLeft: Number.POSITIVE_INFINITY, failsOnce: false }));

vi.mock('node:fs/promises', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:fs/promises')>();
  const spend = () => {
    disk.operationsLeft -= 1;
    if (disk.failsOnce ? disk.operationsLeft === -1 : disk.operationsLeft < 0) {
      throw new Error('killed');
    }
  };
  const open: typeof original.open = async (...args) => {
    spend();
    const handle = await original.open(...args);
    // Nothing is lost here between the cache and the disk, so that waiting for it proves nothing.
    handle.sync = async () => spend();
    const write = handle.write.bind(handle) as (
      bytes: Uint8Array,
      start: number,
    ) => Promise<unknown>;
    handle.write = (async (bytes: Uint8Array, start: number) => {
      // A write that is cut short leaves what it had written.
      if (disk.operationsLeft === 0) {
        await write(bytes.subarray(0, bytes.length / 2), start);
      }
      spend();
      return write(bytes, start);
    }) as typeof handle.write;
    return handle;
  };
  const mortal = <T extends (...args: never[]) => Promise<unknown>>(operation: T) =>
    (async (...args: Parameters<T>) => {
      spend();
      return operation(...args);
    }) as T;
  const { lstat, mkdir, readdir, readFile, rename, rm, rmdir, stat, unlink } = original;
  const operations = { lstat, mkdir, readdir, readFile, rename, rm, rmdir, stat, unlink };
  return {
    ...original,
    ...Object.fromEntries(
      Object.entries(operations).map(([name, operation]) => [name, mortal(operation as never)]),
    ),
    open,
  };
});

function contents(value: number): CheckpointContents {
  const weights = new Map([['w', { shape: [2], data: Float32Array.of(value, value) }]]);
  return {
    weights,
    optimizer: new Map(),
    state: new Map(),
    config: {},
    tokenizer: {},
    training: { value },
    history: [],
    clock: {},
  };
}

/** A run of a best checkpoint 10 and a last one 20. */
async function makeRun(): Promise<string> {
  const run = await mkdtemp(join(tmpdir(), 'gru-lm-interrupted-'));
  await saveCheckpoint(run, 10, contents(10), { best: true });
  await saveCheckpoint(run, 20, contents(20), { best: false });
  return run;
}

/** Saves step 30, on a disk that fails after `operations`; returns whether it has not come to that. */
async function saveOnBadDisk(run: string, operations: number, options: SaveOptions) {
  disk.operationsLeft = operations;
  const error = await saveCheckpoint(run, 30, contents(30), options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  const survived = disk.operationsLeft >= 0;
  disk.operationsLeft = Number.POSITIVE_INFINITY;
  return { survived, error };
}

async function assertWhole(run: string): Promise<{ best: number; last: number }> {
  const best = await loadCheckpoint(await resolveCheckpoint(run));
  const last = await loadCheckpoint(await resolveCheckpoint(run, { prefer: 'last' }));
  for (const { step, weights, training } of [best, last]) {
    expect(weights).toEqual(contents(step).weights);
    expect(training).toEqual({ value: step });
  }
  return { best: best.step, last: last.step };
}

it.each<[SaveOptions, string[]]>([
  [{ best: false }, ['10,20', '10,30']],
  [{ best: true }, ['10,20', '30,30']],
  [{ best: false, startsRun: true }, ['10,20', '30,30']],
])(
  'a save %j that dies after any file operation leaves the run before or after it',
  async (options, outcomes) => {
    const seen = new Set<string>();
    let survived = false;
    for (let operations = 0; !survived; operations += 1) {
      const run = await makeRun();
      ({ survived } = await saveOnBadDisk(run, operations, options));
      const { best, last } = await assertWhole(run);
      seen.add(`${best},${last}`);

      // The next save works and clears up.
      await saveCheckpoint(run, 30, contents(30), { best: true });
      const names = await readdir(run);
      expect(names.filter((name) => !/^step-00000030(-2)?$/.test(name))).toEqual(['run.json']);
      expect(names.length).toBe(2);
      await rm(run, { recursive: true });
    }
    expect([...seen]).toEqual(outcomes);
  },
);

it('a save in which any one file operation fails leaves the run as it was', async () => {
  disk.failsOnce = true;
  try {
    const failedAfter: string[] = [];
    let survived = false;
    for (let operations = 0; !survived; operations += 1) {
      const run = await makeRun();
      const before = await stateOf(run);
      const outcome = await saveOnBadDisk(run, operations, { best: false });
      survived = outcome.survived;
      const { last } = await assertWhole(run);
      if (outcome.error === undefined) {
        expect(last).toBe(30);
      } else {
        expect(outcome.error).toBeInstanceOf(UserError);
        expect(String(outcome.error)).toContain(run);
        if (last === 20) expect(await stateOf(run)).toEqual(before);
        else failedAfter.push((await readdir(run)).sort().join(' '));
      }
      await rm(run, { recursive: true });
    }
    // The run named the new checkpoint already, which could not be made durable.
    const names = 'run.json step-00000010 step-00000020 step-00000030';
    expect(failedAfter).toEqual([names, names]);
  } finally {
    disk.failsOnce = false;
  }
});

async function stateOf(run: string): Promise<unknown> {
  return [(await readdir(run)).sort(), await readFile(join(run, 'run.json'), 'utf8')];
}
