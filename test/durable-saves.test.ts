import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { canTrace, parseTrace } from '../torture/durable-saves/trace.ts';
import { checkSaves, countNoticed, traceSaves } from '../torture/durable-saves.ts';

// Needs Linux, strace, and the right to trace, which not every container gives.
describe.runIf(canTrace())('by its system calls, a save', () => {
  it('is on the disk before it is named, and no fsync could be left out', () => {
    const { calls, runDirectory } = traceSaves(4);
    // Each with nine files and run.json.
    expect(checkSaves(calls, runDirectory)).toMatchObject({ saves: 4, files: 40 });
    // One a file; of each save's own directory, and of the run's twice; and for two new directories.
    expect(countNoticed(calls, runDirectory)).toEqual({ noticed: 54, syncs: 54 });

    // What is older goes last: the second save removes the first checkpoint.
    const first = join(runDirectory, 'step-00000001');
    const removal = calls.find(({ name, paths }) => name === 'rename' && paths[0] === first)!;
    const published = calls.filter(({ paths }) => paths[1] === join(runDirectory, 'run.json'))[1]!;
    const at = published.ends + 0.5;
    const early = calls.map((call) =>
      call === removal ? { ...call, begins: at, ends: at } : call,
    );
    expect(() => checkSaves(early, runDirectory)).toThrow('nothing to be removed before');
  });
});

it('a trace is read with calls that another thread interrupted', () => {
  const trace = [
    '11 openat(AT_FDCWD</>, "/r/a", O_WRONLY|O_CREAT|O_EXCL, 0666) = 20</r/a>',
    '12 fsync(20</r/a> <unfinished ...>',
    '11 rename("/r/a", "/r/b") = -1 ENOENT (No such file or directory)',
    '13 write(1</dev/pts/0>, ""..., 5)     = 5',
    '12 <... fsync resumed>)               = 0',
    '12 rename("/r/a", "/elsewhere")       = 0',
    '13 +++ exited with 0 +++',
  ].join('\n');
  expect(parseTrace(trace, '/r')).toEqual([
    { name: 'openat', paths: ['/r/a'], creates: true, begins: 0, ends: 0 },
    { name: 'fsync', paths: ['/r/a'], creates: false, begins: 1, ends: 4 },
    { name: 'rename', paths: ['/r/a', '/elsewhere'], creates: false, begins: 5, ends: 5 },
  ]);
});
