import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import type { CheckpointContents } from './format.ts';
import { loadCheckpoint } from './load.ts';
import { resolveCheckpoint } from './run-directory.ts';
import { type SaveOptions, saveCheckpoint } from './save.ts';

/** File operations that still work; after them every one fails, as if the process had died. */
const disk = vi.hoisted(() => ({ operationsLeft: Number.POSITIVE_INFINITY }));

vi.mock('node:fs/promises', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:fs/promises')>();
  const spend = () => {
    disk.operationsLeft -= 1;
    if (disk.operationsLeft < 0) {
      throw new Error('killed');
    }
  };
  const open: typeof original.open = async (...args) => {
    spend();
    const handle = await original.open(...args);
    const { writeFile } = handle;
    // Nothing is lost here between the cache and the disk, so that waiting for it proves nothing.
    handle.sync = async () => spend();
    handle.writeFile = async (data) => {
      const bytes = data as Uint8Array;
      // A write that is cut short leaves what it had written.
      if (disk.operationsLeft < 1) {
        await writeFile.call(handle, bytes.subarray(0, bytes.length / 2));
      }
      spend();
      await writeFile.call(handle, bytes);
    };
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

/** Saves step 30 to a run of a best checkpoint 10 and a last one 20, but dies on the way. */
async function saveAndDie(run: string, operations: number, options: SaveOptions) {
  await saveCheckpoint(run, 10, contents(10), { best: true });
  await saveCheckpoint(run, 20, contents(20), { best: false });
  disk.operationsLeft = operations;
  const survived = await saveCheckpoint(run, 30, contents(30), options).then(
    () => disk.operationsLeft >= 0,
    () => false,
  );
  disk.operationsLeft = Number.POSITIVE_INFINITY;
  return survived;
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
      const run = await mkdtemp(join(tmpdir(), 'gru-lm-interrupted-'));
      survived = await saveAndDie(run, operations, options);

      const best = await loadCheckpoint(await resolveCheckpoint(run));
      const last = await loadCheckpoint(await resolveCheckpoint(run, { prefer: 'last' }));
      for (const { step, weights, training } of [best, last]) {
        expect(weights).toEqual(contents(step).weights);
        expect(training).toEqual({ value: step });
      }
      seen.add(`${best.step},${last.step}`);

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
