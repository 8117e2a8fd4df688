/** Checkpoints of which each has values of its own, and what is left of them. */

import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckpointContents } from '../../src/checkpoint/format.ts';
import { loadCheckpoint } from '../../src/checkpoint/load.ts';
import { isLockName } from '../../src/checkpoint/lock-file.ts';
import { resolveCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { UserError } from '../../src/errors.ts';

/** A checkpoint each file of which but the manifest takes several blocks of a disk. */
export function contentsOf(step: number): CheckpointContents {
  const tensors = (kilobytes: number) => {
    const data = Float32Array.from({ length: kilobytes * 250 }, (_, i) => step + i / 1000);
    return new Map([['tensor', { shape: [data.length], data }]]);
  };
  const text = (kilobytes: number) => ({ step, text: 'x'.repeat(kilobytes * 1000) });
  return {
    weights: tensors(90),
    optimizer: tensors(180),
    state: tensors(20),
    config: text(15),
    tokenizer: text(50),
    training: text(25),
    history: [text(35)],
    clock: text(15),
  };
}

/** The names in a run's directory but those of its lock, and the bytes of its `run.json`. */
export function stateOf(run: string): { names: string[]; record: string } {
  const names = readdirSync(run).filter((name) => !isLockName(name));
  return { names: names.sort(), record: readFileSync(join(run, 'run.json'), 'hex') };
}

/** Throws unless the run's last checkpoint is that of `step`, bit for bit, and nothing is left over. */
export async function assertLast(run: string, step: number): Promise<void> {
  const path = await resolveCheckpoint(run, { prefer: 'last' });
  await assertCheckpoint(path, step);
  const others = stateOf(run).names.filter((name) => !/^(run\.json|step-\d{8}(-\d+)?)$/.test(name));
  assert.deepEqual(others, [], 'leftovers');
}

/** Throws unless the checkpoint at `path` holds `contentsOf(step)`, bit for bit. */
export async function assertCheckpoint(path: string, step: number): Promise<void> {
  const { path: _, step: found, created: __, ...contents } = await loadCheckpoint(path);
  assert.equal(found, step);
  assert.deepEqual(contents, contentsOf(step));
}

/** The UserError that `promise` rejects with. */
export async function refusal(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => assert.fail('expected a refusal, found none'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof UserError) return error;
  throw error;
}
