import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserError } from '../errors.ts';
import { type ByteSource, readShortFile, readText, withCheckedFile } from './checked-file.ts';

let directory: string;
const readAll = (source: ByteSource) => readText(source, 'f');
const content = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i % 251));
const record = {
  bytes: content.length,
  sha256: createHash('sha256').update(content).digest('hex'),
};
const at = (name: string) => join(directory, name);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gru-lm-checked-'));
  await writeFile(at('whole'), content);
  await writeFile(at('changed'), Buffer.concat([content.subarray(0, -1), Buffer.of(99)]));
  await writeFile(at('longer'), Buffer.concat([content, Buffer.of(1)]));
  await mkdir(at('directory'));
  await symlink(at('whole'), at('link'));
});
afterAll(() => rm(directory, { recursive: true }));

async function failure(promise: Promise<unknown>): Promise<Pick<UserError, 'code' | 'message'>> {
  const { code, message } = (await promise.catch((error: unknown) => error)) as UserError;
  return { code, message };
}

describe('a file that is checked', () => {
  it('is read whole, in pieces or not at all, also through a link', async () => {
    // Not toEqual, which takes seconds for so many bytes.
    expect(content.equals(await withCheckedFile(at('whole'), record, readAll))).toBe(true);
    const piece = await withCheckedFile(at('link'), record, async (source) => {
      const bytes = new Uint8Array(5);
      await source.read(bytes);
      await source.read(bytes);
      return [...bytes];
    });
    expect(piece).toEqual([5, 6, 7, 8, 9]);
    await withCheckedFile(at('whole'), record, () => undefined);
  });

  it('is refused if its bytes are others, whatever its reader found in them', async () => {
    const message = expect.stringMatching(
      new RegExp(`/changed: expected SHA-256 ${record.sha256}, found [0-9a-f]{64}$`),
    );
    const read = () => Promise.reject(new Error('no use'));
    const damage = { code: 'checkpoint-damaged', message };
    expect(await failure(withCheckedFile(at('changed'), record, readAll))).toEqual(damage);
    expect(await failure(withCheckedFile(at('changed'), record, read))).toEqual(damage);
    expect((await failure(withCheckedFile(at('whole'), record, read))).message).toBe('no use');
  });

  it('is refused by its length before it is read', async () => {
    const never = () => expect.unreachable();
    expect(await failure(withCheckedFile(at('longer'), record, never))).toEqual({
      code: 'checkpoint-damaged',
      message: `${at('longer')}: expected 3000000 bytes, found 3000001`,
    });
    expect((await failure(readShortFile(at('whole'), 1000))).message).toBe(
      `${at('whole')}: expected at most 1000 bytes, found 3000000`,
    );
  });

  it('is told from what is no file, without a wait', async () => {
    const kinds = [
      ['directory', 'a directory'],
      ['/dev/zero', 'a device'],
    ];
    if (process.platform !== 'win32') {
      execFileSync('mkfifo', [at('pipe')]);
      kinds.push(['pipe', 'a pipe']);
      const server = createServer().listen(at('socket'));
      await new Promise((resolve) => server.once('listening', resolve));
      kinds.push(['socket', 'a socket']);
      server.unref();
    }
    for (const [name = '', kind] of kinds) {
      const path = name.startsWith('/') ? name : at(name);
      const expected = {
        code: 'checkpoint-damaged',
        message: `${path}: expected a file, found ${kind}`,
      };
      expect(await failure(withCheckedFile(path, record, readAll))).toEqual(expected);
      expect(await failure(readShortFile(path, 1000))).toEqual(expected);
    }
  });

  it('is told from one that is not there', async () => {
    expect(await failure(readShortFile(at('none'), 1000))).toEqual({
      code: 'checkpoint-incomplete',
      message: `${directory}: expected the file none, found none`,
    });
  });
});
