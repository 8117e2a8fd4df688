/** A disk that is full, or refuses to be written, at any place of a save. */

import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { byteCount } from '../../src/byte-count.ts';
import { CHECKPOINT_FILES, RUN_FILE } from '../../src/checkpoint/format.ts';
import { openRun, type RunWriter } from '../../src/checkpoint/run.ts';
import type { UserError } from '../../src/errors.ts';
import type { FigureRow } from '../scenario.ts';
import { assertCheckpoint, assertLast, contentsOf, refusal, stateOf } from './sample-run.ts';
import { SmallDisk } from './small-disk.ts';

/** A run of two checkpoints on a small disk, and what a further save takes there. */
interface SavedRun {
  readonly disk: SmallDisk;
  readonly run: string;
  readonly writer: RunWriter;
  readonly blocks: number;
  readonly files: number;
}

async function withSavedRun<T>(use: (saved: SavedRun) => Promise<T>): Promise<T> {
  const disk = new SmallDisk(3 * 2 ** 20);
  try {
    const run = join(disk.path, 'run');
    const writer = await openRun(run, { keep: 2 });
    await writer.save(1, contentsOf(1), { best: false });
    const { freeBlocks, freeFiles } = disk;
    await writer.save(2, contentsOf(2), { best: false });
    // And run.json, whose successor is written beside it.
    const blocks = freeBlocks - disk.freeBlocks + 1;
    const files = freeFiles - disk.freeFiles + 1;
    const result = await use({ disk, run, writer, blocks, files });
    await writer.close();
    return result;
  } finally {
    disk.unmount();
  }
}

/** Saves while the disk has room for some of a checkpoint's blocks only, at `offsets` different places. */
export function fillAtOffsets(offsets: number): Promise<FigureRow[]> {
  return withSavedRun(async ({ disk, run, writer, blocks }) => {
    assert.ok(blocks - 2 >= offsets - 2, `${offsets} offsets in ${blocks} blocks`);
    // Those of the manifest and run.json are the last two; the others are spread over the rest.
    const spread = Array.from({ length: offsets - 2 }, (_, i) =>
      Math.floor((i * (blocks - 2)) / (offsets - 2)),
    );
    const failedAt = new Map<string, number>();
    let step = 2;
    for (const left of [...spread, blocks - 2, blocks - 1]) {
      disk.fill(left);
      const error = await assertRefused({ run, writer, step });
      const file = assertFullDisk(error, run, left * disk.blockBytes);
      failedAt.set(file, (failedAt.get(file) ?? 0) + 1);
      disk.empty();
      step += 1;
      await writer.save(step, contentsOf(step), { best: false });
      await assertLast(run, step);
    }
    disk.fill(blocks);
    await writer.save(step + 1, contentsOf(step + 1), { best: false });
    await assertLast(run, step + 1);
    const isEveryFile = failedAt.size === CHECKPOINT_FILES.size + 1;
    if (offsets >= 100) assert.ok(isEveryFile, `every file to fail, found ${[...failedAt.keys()]}`);
    return [
      ['places in a save at which the disk was full', `${offsets} of ${blocks} blocks`],
      [
        'the file at work then',
        [...failedAt].map(([file, count]) => `${file} ${count}`).join(', '),
      ],
      ['older checkpoints not as they were, leftovers, or later saves that failed', '0'],
    ];
  });
}

/** The same on a disk that has room, but takes no more files. */
export function fillWithFiles(): Promise<FigureRow[]> {
  return withSavedRun(async ({ disk, run, writer, files }) => {
    for (let left = 0; left < files; left += 1) {
      disk.fillWithFiles(left);
      const error = await assertRefused({ run, writer, step: 2 });
      assert.match(error.message, /found: no space left on device/);
    }
    disk.fillWithFiles(files);
    await writer.save(3, contentsOf(3), { best: false });
    await assertLast(run, 3);
    return [['places in a save at which the disk took no more files', `${files} of ${files}`]];
  });
}

/** A file system that becomes read-only between two saves. */
export function remountReadOnly(): Promise<FigureRow[]> {
  return withSavedRun(async ({ disk, run, writer }) => {
    disk.remount('ro');
    const error = await assertRefused({ run, writer, step: 2 });
    assert.match(error.message, /found: read-only file system$/);
    disk.remount('rw');
    await writer.save(3, contentsOf(3), { best: false });
    await assertLast(run, 3);
    return [
      [
        'read-only file system: older checkpoints load, the next save works',
        error.message.replace(run, 'run'),
      ],
    ];
  });
}

/** Saves after `step`, which must be refused and change nothing. */
async function assertRefused({
  run,
  writer,
  step,
}: {
  run: string;
  writer: RunWriter;
  step: number;
}): Promise<UserError> {
  const before = stateOf(run);
  const error = await refusal(writer.save(step + 1, contentsOf(step + 1), { best: true }));
  assert.equal(error.code, 'checkpoint-write');
  assert.ok(error.message.includes(` in ${run}, found: `), error.message);
  assert.deepEqual(stateOf(run), before);
  for (const name of before.names.filter((name) => name !== RUN_FILE)) {
    await assertCheckpoint(join(run, name), Number(name.slice('step-'.length)));
  }
  await assertLast(run, step);
  return error;
}

/** Throws unless the message says what was needed, free and at work; returns the last. */
function assertFullDisk({ message }: UserError, run: string, freeBytes: number): string {
  const pattern =
    /^expected to save \d+\.\d kB in (.*), found: (.*) while writing (.*) \((.*) free\)$/;
  const [, where, reason, file, free] = pattern.exec(message) ?? assert.fail(message);
  assert.deepEqual([where, reason, free], [run, 'no space left on device', byteCount(freeBytes)]);
  return file!;
}
