/** What can go wrong around a run while it is saved; the older checkpoints must come through all of it. */

import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isTemporaryName } from '../src/durable-files.ts';
import { fillAtOffsets, fillWithFiles, remountReadOnly } from './faults/full-disk.ts';
import { removeAndRename, renameDuringSaves } from './faults/lost-directories.ts';
import { canMount, SmallDisk } from './faults/small-disk.ts';
import { jumpClocks, recoverLocks, refuseSecondWriter } from './faults/writers-and-clocks.ts';
import { PROGRAM } from './program.ts';
import type { FigureRow, Scenario } from './scenario.ts';

/** `gru-lm train` on a disk that fills up on the way, and again when there is room. */
function trainOnFullDisk(): FigureRow[] {
  const disk = new SmallDisk(2 ** 20);
  try {
    const corpus = join(disk.path, 'corpus.txt');
    writeFileSync(corpus, 'the quick brown fox jumps over the lazy dog\n'.repeat(60));
    const run = join(disk.path, 'run');
    const size = '--hidden 8 --embedding 4 --layers 1 --batch-size 4 --bptt 8 --sample-every 0';
    const options = `${size} --backend wasm --eval-every 10 --quiet`.split(' ');
    const train = (...more: string[]) => {
      const args = [PROGRAM, 'train', corpus, '--out', run, ...options, ...more];
      return spawnSync(process.execPath, args, { encoding: 'utf8' });
    };
    assert.equal(train('--max-steps', '20').status, 0);
    const before = readdirSync(run).sort();
    disk.fill(3);
    const { status, stderr } = train('--max-steps', '40', '--resume');
    assert.equal(status, 1, stderr);
    assert.match(stderr, /expected to save [\d.]+ kB in .*run, found: no space left on device/);
    assert.deepEqual(readdirSync(run).sort(), before);
    disk.empty();
    const again = train('--max-steps', '40', '--resume');
    assert.equal(again.status, 0, again.stderr);
    assert.deepEqual(readdirSync(run).filter(isTemporaryName), []);
    return [
      ['gru-lm train on a disk that is full', 'exit 1, the message; --resume works with room'],
    ];
  } finally {
    disk.unmount();
  }
}

export const scenario: Scenario = {
  name: 'faults',
  async run(log) {
    if (!canMount()) {
      throw new Error(
        'expected the right to mount a tmpfs, found none: run this on Linux as root, or with ' +
          'unshare --user --map-root-user --mount before it',
      );
    }
    const rows: FigureRow[] = [];
    for (const [what, act] of Object.entries({
      'a full disk': () => fillAtOffsets(100),
      'a disk without room for files': fillWithFiles,
      'a read-only disk': remountReadOnly,
      'training on a full disk': trainOnFullDisk,
      'lost directories': removeAndRename,
      'directories lost in the middle of a save': () => renameDuringSaves(40),
      'a second writer': refuseSecondWriter,
      'jumping clocks': jumpClocks,
      'locks of processes that are gone': () => recoverLocks(10),
    })) {
      log(what);
      rows.push(...(await act()));
    }
    return rows;
  },
};
