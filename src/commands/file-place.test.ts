import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { placeOf } from './file-place.ts';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'gru-lm-place-')));
const at = (...names: string[]) => join(directory, ...names);
afterAll(() => rmSync(directory, { recursive: true }));

describe('the place of a file', () => {
  it('is its own name where no link is', async () => {
    writeFileSync(at('file'), 'text');
    const { file, stats } = await placeOf(at('file'));
    expect([file, stats?.isFile(), stats?.size]).toEqual([at('file'), true, 4]);
    expect(await placeOf(at('none'))).toEqual({ file: at('none'), stats: undefined });
    expect(await placeOf(at('no', 'none'))).toEqual({ file: at('no', 'none'), stats: undefined });
  });

  it('is where links lead, to a file or to nothing yet', async () => {
    mkdirSync(at('deep', 'er'), { recursive: true });
    symlinkSync('deep/er', at('short'));
    symlinkSync('../target', at('deep', 'er', 'link'));
    symlinkSync('short/link', at('link'));
    // Through a directory that is a link itself, from which .. is another one than its name has it.
    for (const name of [at('link'), at('short', 'link')]) {
      expect(await placeOf(name)).toEqual({ file: at('deep', 'target'), stats: undefined });
    }
    writeFileSync(at('deep', 'target'), 'text');
    for (const name of [at('link'), at('short', 'link')]) {
      const { file, stats } = await placeOf(name);
      expect([file, stats?.isFile()]).toEqual([at('deep', 'target'), true]);
    }
  });

  it('may have something else than a file', async () => {
    expect((await placeOf(directory)).stats?.isDirectory()).toBe(true);
    expect((await placeOf('/dev/null')).stats?.isCharacterDevice()).toBe(true);
  });
});
