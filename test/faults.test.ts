import { describe, expect, it } from 'vitest';
import { fillAtOffsets, fillWithFiles, remountReadOnly } from '../torture/faults/full-disk.ts';
import { removeAndRename, renameDuringSaves } from '../torture/faults/lost-directories.ts';
import { canMount } from '../torture/faults/small-disk.ts';
import {
  jumpClocks,
  recoverLocks,
  refuseSecondWriter,
} from '../torture/faults/writers-and-clocks.ts';

// `npm run torture` does the same at full length.

// Needs Linux and the right to mount a small disk.
describe.runIf(canMount())('a save', () => {
  it('on a full disk changes nothing, says so, and works when there is room', async () => {
    const [[, places] = []] = await fillAtOffsets(8);
    expect(places).toMatch(/^8 of 1\d\d blocks$/);
  });

  it('on a disk that takes no more files likewise', async () => {
    expect(await fillWithFiles()).toEqual([[expect.any(String), '11 of 11']]);
  });

  it('on a read-only disk likewise', async () => {
    const [[, message] = []] = await remountReadOnly();
    expect(message).toMatch(/^expected to save \d+\.\d kB in run, found: read-only file system$/);
  });
});

describe('a run', () => {
  it('whose directory is removed or renamed is saved in a new one', async () => {
    await removeAndRename();
    await renameDuringSaves(3);
  });

  it('has one writer, whatever the clock says', async () => {
    await refuseSecondWriter();
    await jumpClocks();
  });

  it('is free again when its writer was killed or its system has restarted', async () => {
    await recoverLocks(1);
  });
});
