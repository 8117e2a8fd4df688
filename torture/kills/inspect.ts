/** What a killed run must be like on disk. */

import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import {
  CHECKPOINT_FILES,
  MANIFEST_FILE,
  PART_FILES,
  RUN_FILE,
  stepOfName,
} from '../../src/checkpoint/format.ts';
import type { ListedCheckpoint } from '../../src/checkpoint/list.ts';
import { isLockName } from '../../src/checkpoint/lock-file.ts';
import { openCheckpoint } from '../../src/checkpoint/model.ts';
import { ALL_PARTS } from '../../src/checkpoint/resumable.ts';
import { readRunRecord } from '../../src/checkpoint/run-record.ts';
import { isTemporaryName } from '../../src/durable-files.ts';
import { HISTORY_FILE } from '../../src/journal/places.ts';
import { PROGRAM } from '../program.ts';

/** What lies in a run's directory. */
export interface RunState {
  readonly hasRecord: boolean;
  /** The names of checkpoints. */
  readonly checkpoints: readonly string[];
  /** What a save, or a lock, left half done. */
  readonly leftovers: readonly string[];
  /** Those of `leftovers` that are directories: of saves, which write checkpoints aside. */
  readonly asides: readonly string[];
  /** Checkpoints later than the last that `run.json` names. */
  readonly unnamed: readonly string[];
}

/** Looks at a run's directory; throws if something is in it that no run has. */
export async function look(run: string): Promise<RunState> {
  const entries = await readdir(run, { withFileTypes: true });
  const names = entries.map(({ name }) => name).sort();
  const checkpoints = names.filter((name) => stepOfName(name) !== undefined);
  const leftovers = names.filter(isTemporaryName);
  const others = names.filter(
    (name) =>
      ![...checkpoints, ...leftovers, RUN_FILE, HISTORY_FILE].includes(name) && !isLockName(name),
  );
  expect(others.length === 0, 'nothing but a run in its directory', others.join(', '));
  const record = await readRunRecord(run);
  const last = stepOfName(record?.last ?? '')?.step ?? 0;
  const directories = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return {
    hasRecord: record !== undefined,
    checkpoints,
    leftovers,
    asides: leftovers.filter((name) => directories.includes(name)),
    unnamed: checkpoints.filter((name) => stepOfName(name)!.step > last),
  };
}

/** `history.csv` without what depends on how fast the machine was: its last two columns. */
export async function untimedHistory(run: string): Promise<string> {
  const text = await readFile(join(run, HISTORY_FILE), 'utf8');
  return text.replace(/,[^,]*,[^,]*(?=\r\n)/g, '');
}

/** `gru-lm info --json`: the checkpoints that it lists. */
export async function listByProgram(run: string): Promise<ListedCheckpoint[]> {
  const args = [PROGRAM, 'info', run, '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return (JSON.parse(stdout) as { checkpoints: ListedCheckpoint[] }).checkpoints;
}

/**
 * Loads a checkpoint whole, and compares it with that of the same step of `reference`, a run that was
 * never interrupted and kept all: byte for byte but for the times in it and the number kept.
 */
export async function loadAndCompare(path: string, reference: string): Promise<void> {
  const { checkpoint } = await openCheckpoint(path, ALL_PARTS);
  const name = stepOfName(basename(path))!;
  expect(checkpoint.step === name.step, `step ${name.step} in ${path}`, `${checkpoint.step}`);
  const twin = join(reference, basename(path).replace(/^(step-\d+)-\d+$/, '$1'));
  for (const file of CHECKPOINT_FILES) {
    if (file === MANIFEST_FILE || file === PART_FILES.clock) continue;
    const [found, wanted] = await Promise.all(
      [path, twin].map(async (directory) => {
        const bytes = await readFile(join(directory, file));
        return file === PART_FILES.config ? withoutKeep(bytes) : bytes;
      }),
    );
    expect(found!.equals(wanted!), `${join(path, file)} as in ${twin}`, 'other bytes');
  }
}

function withoutKeep(bytes: Buffer): Buffer {
  return Buffer.from(JSON.stringify({ ...JSON.parse(bytes.toString()), keep: undefined }));
}

export function expect(holds: boolean, what: string, found: string): void {
  if (!holds) throw new Error(`expected ${what}, found ${found}`);
}
