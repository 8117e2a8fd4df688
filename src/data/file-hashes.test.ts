import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { assertUnchanged, hashFile, withFile } from './file-hashes.ts';

const MIB = 2 ** 20;
let directory: string;
let hashDirectory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gru-lm-hashes-'));
  hashDirectory = join(directory, 'remembered', 'hashes');
  path = join(directory, 'large.txt');
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(directory, { recursive: true });
});

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Moves the clock on, so that what was just written is old. */
function settle(ms = 10_000): void {
  const now = Date.now() + ms;
  vi.spyOn(Date, 'now').mockReturnValue(now);
}

/** The hash, and in how many blocks the file was read for it. */
async function hash(file = path, blockSize?: number): Promise<{ sha256: string; blocks: number }> {
  let blocks = 0;
  const options = { hashDirectory, blockSize, onPosition: () => (blocks += 1) };
  return { sha256: (await hashFile(file, options)).sha256, blocks };
}

const records = () => readdir(hashDirectory).catch(() => []);

describe('hashFile', () => {
  it('is the SHA-256 of the bytes, and tells which file they are of', async () => {
    const bytes = Buffer.from('some text');
    await writeFile(path, bytes);
    for (const blockSize of [1, 4, undefined]) {
      const { sha256: found, stamp } = await hashFile(path, { blockSize });
      expect(found).toBe(sha256(bytes));
      expect(stamp.size).toBe(9n);
      await withFile(path, (file) => assertUnchanged(file, stamp, path));
    }
  });

  it('remembers a large file that stays as it is', async () => {
    const bytes = Buffer.alloc(3 * MIB, 'text');
    await writeFile(path, bytes);
    settle();
    expect(await hash()).toEqual({ sha256: sha256(bytes), blocks: 3 });
    expect(await records()).toHaveLength(1);
    expect(await hash()).toEqual({ sha256: sha256(bytes), blocks: 1 });
    expect((await hashFile(path, { hashDirectory })).sha256).toBe(sha256(bytes));
  });

  it('remembers no file that was changed just before, or seems to be from the future', async () => {
    await writeFile(path, Buffer.alloc(3 * MIB));
    await hash();
    expect(await records()).toEqual([]);
    settle(1500);
    await hash();
    expect(await records()).toEqual([]);
    const future = new Date(Date.now() + 3_600_000);
    await utimes(path, future, future);
    settle();
    await hash();
    expect(await records()).toEqual([]);
  });

  it('hashes again what has been changed, even to the same length', async () => {
    await writeFile(path, Buffer.alloc(2 * MIB, 'a'));
    await utimes(path, 1e9, 1e9);
    settle();
    await hash();
    await writeFile(path, Buffer.alloc(2 * MIB, 'b'));
    expect((await hash()).sha256).toBe(sha256(Buffer.alloc(2 * MIB, 'b')));
    expect(await records()).toHaveLength(1);
  });

  it('hashes again what has been put in its place, with the same times', async () => {
    const other = join(directory, 'other.txt');
    await writeFile(path, Buffer.alloc(2 * MIB, 'a'));
    await writeFile(other, Buffer.alloc(2 * MIB, 'b'));
    await utimes(path, 1e9, 1e9);
    await utimes(other, 1e9, 1e9);
    settle();
    await hash();
    await rename(other, path);
    expect((await hash()).sha256).toBe(sha256(Buffer.alloc(2 * MIB, 'b')));
  });

  it('remembers each path by itself, and no small file', async () => {
    const other = join(directory, 'other.txt');
    const small = join(directory, 'small.txt');
    await writeFile(path, Buffer.alloc(2 * MIB, 'a'));
    await writeFile(other, Buffer.alloc(2 * MIB, 'b'));
    await writeFile(small, Buffer.alloc(MIB, 'c'));
    settle();
    await hash();
    await hash(other);
    await hash(small);
    expect(await records()).toHaveLength(2);
    expect((await hash(other)).sha256).toBe(sha256(Buffer.alloc(2 * MIB, 'b')));
  });

  it('ignores a record that is damaged, and replaces it', async () => {
    const bytes = Buffer.alloc(2 * MIB, 'a');
    await writeFile(path, bytes);
    settle();
    await hash();
    const record = join(hashDirectory, (await records())[0]!);
    const good = await readFile(record, 'utf8');
    const zeros = '0'.repeat(64);
    for (const text of [
      '',
      'null',
      '{"sha256":"abc"}',
      good.replace(sha256(bytes), 'x'.repeat(64)),
      good.replace(sha256(bytes), zeros).replace('"stamp":["', '"stamp":["9'),
      good.replace(sha256(bytes), zeros).replace('large.txt', 'other.txt'),
    ]) {
      await writeFile(record, text);
      expect((await hash()).sha256).toBe(sha256(bytes));
      expect(await readFile(record, 'utf8')).toBe(good);
    }
    expect(await records()).toHaveLength(1);
  });

  it('does without a directory that cannot be written', async () => {
    await writeFile(path, Buffer.alloc(2 * MIB, 'a'));
    await writeFile(join(directory, 'remembered'), 'a file is in the way');
    settle();
    expect((await hash()).blocks).toBe(2);
    expect((await hash()).blocks).toBe(2);
  });

  it('leaves no other file behind where a record cannot be put in its place', async () => {
    await writeFile(path, Buffer.alloc(2 * MIB, 'a'));
    settle();
    await hash();
    const [record] = await records();
    await rm(join(hashDirectory, record!));
    await mkdir(join(hashDirectory, record!));
    await hash();
    expect(await records()).toEqual([record]);
  });

  it('says when the file changes while it is hashed', async () => {
    await writeFile(path, 'some text');
    const hashing = hashFile(path, {
      blockSize: 1,
      onPosition: (position) => {
        if (position === 3) writeFileSync(path, 'some other text');
      },
    });
    await expect(hashing).rejects.toMatchObject({
      code: 'corpus-changed',
      message: `expected ${path} to stay as it is while it is read, found it changed`,
      hint: 'Begin again when nothing writes to it.',
    });
  });

  it('says what is missing or cannot be read', async () => {
    await expect(hashFile(path)).rejects.toMatchObject({
      code: 'corpus-missing',
      message: `expected a text file, found nothing at ${path}`,
    });
    await expect(hashFile(directory)).rejects.toMatchObject({ code: 'corpus-unreadable' });
  });

  it('throws the reason of its signal', async () => {
    await writeFile(path, 'some text');
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(hashFile(path, { signal })).rejects.toThrow('stopped');
  });
});
