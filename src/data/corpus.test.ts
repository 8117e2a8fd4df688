import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { readCorpus } from './corpus.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gru-lm-corpus-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

async function failure(paths: string[]): Promise<UserError> {
  const error: unknown = await readCorpus(paths).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

describe('readCorpus', () => {
  it('joins files in the order given and records their bytes and hashes', async () => {
    const first = await file('b.txt', 'héllo\n');
    const second = await file('a.txt', '世界 😀');
    const corpus = await readCorpus([first, second]);
    expect(corpus.text).toBe('héllo\n世界 😀');
    expect(corpus.bytes).toBe(7 + 11);
    expect(corpus.sha256).toBe(createHash('sha256').update('héllo\n世界 😀').digest('hex'));
    expect(corpus.sources).toEqual([
      { name: first, bytes: 7, sha256: createHash('sha256').update('héllo\n').digest('hex') },
      { name: second, bytes: 11, sha256: createHash('sha256').update('世界 😀').digest('hex') },
    ]);
  });

  it('reads standard input for -, even where a character is cut between chunks', async () => {
    const bytes = Buffer.from('a😀b');
    const stream = Readable.from([bytes.subarray(0, 3), bytes.subarray(3)]);
    const corpus = await readCorpus(['-'], stream);
    expect(corpus.text).toBe('a😀b');
    expect(corpus.sources[0]!.name).toBe('-');
    await expect(readCorpus(['-', '-'], Readable.from(['x']))).rejects.toThrow(
      'expected - (standard input) once',
    );
  });

  it('drops the byte-order mark of each file and no other character', async () => {
    const first = await file('bom.txt', '\ufeffone\r\n\0');
    const second = await file('bom2.txt', '\ufefftwo\ufeff');
    expect((await readCorpus([first, second])).text).toBe('one\r\n\0two\ufeff');
  });

  it('reads a gzip file as the text in it', async () => {
    const path = await file('text.txt.gz', gzipSync('packed\n'));
    expect((await readCorpus([path])).text).toBe('packed\n');
    const broken = await file('broken.gz', gzipSync('packed\n').subarray(0, 20));
    expect((await failure([broken])).message).toContain('does not unpack');
  });

  it('tells where the bytes are not UTF-8', async () => {
    const path = await file('latin.txt', Buffer.from('ab\ncd\xe9f', 'latin1'));
    const error = await failure([path]);
    expect(error.code).toBe('corpus-encoding');
    expect(error.message).toBe(
      `${path}: expected UTF-8 text, found an invalid sequence at byte 5 (0xe9, line 2)`,
    );
    expect(error.hint).toContain('iconv -f ISO-8859-1');
  });

  it('recognises UTF-16', async () => {
    const path = await file('utf16.txt', Buffer.from('\ufeffhello', 'utf16le'));
    expect((await failure([path])).hint).toContain('iconv -f UTF-16');
  });

  it('says what is wrong with a file that is missing, empty or a directory', async () => {
    const missing = await failure([join(directory, 'nothing.txt')]);
    expect(missing.code).toBe('corpus-missing');
    expect(missing.message).toContain('expected a text file, found nothing at');
    expect(missing.hint).toContain('Check the path');

    const empty = await failure([await file('empty.txt', '')]);
    expect(empty.code).toBe('corpus-empty');
    expect(empty.message).toContain('empty.txt: expected text, found nothing');
    expect((await failure([await file('bom-only.txt', '\ufeff')])).code).toBe('corpus-empty');

    const folder = await failure([`${directory}/`]);
    expect(folder.code).toBe('corpus-directory');
    expect(folder.hint).toBe(`Name the files in it, such as ${directory}/*.txt.`);

    expect((await failure([])).exitCode).toBe(2);
  });
});
