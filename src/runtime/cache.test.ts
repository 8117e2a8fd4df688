import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import {
  explainWriteError,
  formatBytes,
  installDirectory,
  type Manifest,
  makeTemporary,
  readManifest,
  removeDebris,
} from './cache.ts';
import { Workshop } from './testing/fake-machine.ts';

const shop = new Workshop();
afterAll(() => shop.remove());

/** Fills a directory of the cache with one file. */
const fill =
  (text: string) =>
  async (directory: string): Promise<Manifest> => {
    writeFileSync(join(directory, 'file'), text);
    return {
      format: 1,
      what: 'a test',
      version: '1',
      files: [{ path: 'file', bytes: text.length }],
      details: {},
    };
  };

describe('a directory of the cache', () => {
  it('appears whole, or not at all', async () => {
    const cache = shop.directory('whole');
    const target = join(cache, 'thing');
    await installDirectory(cache, target, fill('one'));
    expect(await readManifest(target)).toMatchObject({ version: '1' });
    const broken = installDirectory(cache, join(cache, 'other'), async (directory) => {
      writeFileSync(join(directory, 'half'), '');
      throw new Error('cut short');
    });
    await expect(broken).rejects.toThrow('cut short');
    expect(readdirSync(cache)).toEqual(['thing']);
  });

  it('is replaced only by a whole one', async () => {
    const cache = shop.directory('replaced');
    const target = join(cache, 'thing');
    await installDirectory(cache, target, fill('one'));
    await expect(
      installDirectory(cache, target, () => Promise.reject(new Error('no'))),
    ).rejects.toThrow('no');
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe('one');
    await installDirectory(cache, target, fill('two'));
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe('two');
    expect(readdirSync(cache)).toEqual(['thing']);
  });

  it.skipIf(process.getuid?.() === 0)(
    'needs no cache whose names can be synchronised',
    async () => {
      const cache = shop.directory('unreadable');
      const target = join(cache, 'thing');
      chmodSync(cache, 0o300);
      await installDirectory(cache, target, fill('one'));
      chmodSync(cache, 0o700);
      expect(await readManifest(target)).toMatchObject({ version: '1' });
      expect(readdirSync(cache)).toEqual(['thing']);
    },
  );

  it('counts as absent if a file of it is missing, cut, or its manifest unreadable', async () => {
    const cache = shop.directory('damaged');
    const target = join(cache, 'thing');
    await installDirectory(cache, target, fill('one'));
    writeFileSync(join(target, 'file'), 'o');
    expect(await readManifest(target)).toBeUndefined();
    writeFileSync(join(target, 'manifest.json'), '{');
    expect(await readManifest(target)).toBeUndefined();
    expect(await readManifest(join(cache, 'nothing'))).toBeUndefined();
  });

  it('is spared when debris is removed', async () => {
    const cache = shop.directory('debris');
    await installDirectory(cache, join(cache, 'thing'), fill('one'));
    const debris = await makeTemporary(cache);
    await removeDebris(cache);
    expect(existsSync(debris)).toBe(false);
    expect(readdirSync(cache)).toEqual(['thing']);
  });
});

describe('a refusal of the file system', () => {
  const refusals: [string, string, RegExp][] = [
    ['EACCES', 'runtime-cache', /kept under \/cache; it is not writable \(EACCES\)/],
    ['EPERM', 'runtime-cache', /not writable \(EPERM\)/],
    ['EROFS', 'runtime-cache', /not writable \(EROFS\)/],
    ['ENOTDIR', 'runtime-cache', /cannot be a directory \(ENOTDIR\)/],
    ['ENOSPC', 'runtime-disk-full', /disk filled up while TensorFlow was set up under \/cache/],
    ['EDQUOT', 'runtime-disk-full', /disk filled up/],
  ];
  it.each(refusals)('%s becomes an error that says what to do', (code, kind, message) => {
    const error = explainWriteError(Object.assign(new Error(code), { code }), '/cache');
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({ code: kind, message: expect.stringMatching(message) as string });
    expect((error as UserError).hint).toContain('GRU_LM_CACHE');
  });

  it('of another kind stays as it is', () => {
    const bug = new TypeError('a bug');
    expect(explainWriteError(bug, '/cache')).toBe(bug);
  });
});

it('writes bytes for people', () => {
  expect([0, 999, 1500, 274_000_871, 1_240_677_302].map(formatBytes)).toEqual([
    '0 bytes',
    '999 bytes',
    '2 kB',
    '274 MB',
    '1.2 GB',
  ]);
});
