import { isUtf8 } from 'node:buffer';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../errors.ts';
import {
  type OpenTextContext,
  openText,
  type TextOptions,
  type TextSource,
} from './text-source.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gru-lm-text-source-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(directory, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, content);
  return path;
}

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** The documents of a text, put together from their chunks. */
async function documents(source: TextSource): Promise<Buffer[]> {
  const parts: Buffer[][] = [];
  for await (const { bytes, startsDocument } of source.chunks()) {
    expect(bytes.length).toBeGreaterThan(0);
    if (startsDocument) parts.push([]);
    parts.at(-1)!.push(Buffer.from(bytes));
  }
  return parts.map((chunks) => Buffer.concat(chunks));
}

async function read(
  operands: string[],
  options?: TextOptions,
  context?: OpenTextContext,
): Promise<string[]> {
  const source = await openText(operands, options, context);
  try {
    return (await documents(source)).map(String);
  } finally {
    await source.close();
  }
}

async function failure(
  operands: string[],
  options?: TextOptions,
  context?: OpenTextContext,
): Promise<UserError> {
  const error: unknown = await read(operands, options, context).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

const keyOf = async (operands: string[], options?: TextOptions) =>
  (await openText(operands, options)).key;

describe('openText', () => {
  it('makes each file a document, in the order given, and records bytes and hashes', async () => {
    const first = await file('b.txt', 'héllo\n');
    const second = await file('a.txt', '世界 😀');
    const source = await openText([first, second]);
    expect((await documents(source)).map(String)).toEqual(['héllo\n', '世界 😀']);
    expect(source.bytes).toBe(7 + 11);
    expect(source.sources).toEqual([
      { name: first, bytes: 7, sha256: sha256('héllo\n') },
      { name: second, bytes: 11, sha256: sha256('世界 😀') },
    ]);
  });

  it('gives the text as often as asked, also twice at once', async () => {
    const source = await openText([await file('a.txt', 'one'), await file('b.txt', 'two')]);
    const [a, b] = await Promise.all([documents(source), documents(source)]);
    expect(a.map(String)).toEqual(['one', 'two']);
    expect(b).toEqual(a);
    for await (const _ of source.chunks()) break;
    expect(await documents(source)).toEqual(a);
  });

  it('gives the same documents however small the reads are, in whole characters', async () => {
    const text = fc.string({ unit: fc.oneof(fc.constantFrom('\r', '\n', '\ufeff'), fc.string()) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          text.filter((given) => given.replace(/^\ufeff/, '') !== ''),
          {
            minLength: 1,
            maxLength: 3,
          },
        ),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom('keep', 'lf'),
        fc.boolean(),
        async (texts, blockSize, newlines, packs) => {
          const paths: string[] = [];
          for (const [i, given] of texts.entries()) {
            paths.push(await file(`${i}`, packs ? gzipSync(given) : given));
          }
          const source = await openText(paths, { newlines }, { blockSize });
          for await (const { bytes } of source.chunks()) expect(isUtf8(bytes)).toBe(true);
          const expected = texts.map((given) => {
            const unmarked = given.replace(/^\ufeff/, '');
            return newlines === 'lf' ? unmarked.replace(/\r\n?/g, '\n') : unmarked;
          });
          expect((await documents(source)).map(String)).toEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('gives a long file in pieces of about one mebibyte', async () => {
    const line = '世界 and more 😀\n';
    const text = line.repeat(Math.ceil((5 * 2 ** 20) / Buffer.byteLength(line)));
    const source = await openText([await file('long.txt', text)]);
    const lengths: number[] = [];
    for await (const { bytes, startsDocument } of source.chunks()) {
      expect(startsDocument).toBe(lengths.length === 0);
      expect(isUtf8(bytes)).toBe(true);
      lengths.push(bytes.length);
    }
    expect(Math.max(...lengths)).toBeLessThanOrEqual(2 ** 20);
    expect(lengths.length).toBeGreaterThan(5);
    expect(Buffer.concat(await documents(source)).toString() === text).toBe(true);
  });

  it('records a directory or glob by what sha256sum prints for its files', async () => {
    await file('set/b.txt', 'bee');
    await file('set/deep/a.txt', 'ay');
    await file('set/odd\nna\\me.txt', 'odd');
    await file('set/empty.txt', '');
    const sums =
      `${sha256('bee')}  b.txt\n${sha256('ay')}  deep/a.txt\n` +
      `\\${sha256('odd')}  odd\\nna\\\\me.txt\n`;
    const set = join(directory, 'set');
    const source = await openText([set, `${set}/*.txt`]);
    expect(source.sources).toEqual([
      { name: set, bytes: 8, sha256: sha256(sums), files: 3 },
      { name: `${set}/*.txt`, bytes: 6, sha256: expect.any(String), files: 2 },
    ]);
    expect(source.bytes).toBe(14);
    expect((await documents(source)).map(String)).toEqual(['bee', 'ay', 'odd', 'bee', 'odd']);
  });

  it('reads gzip files as what is in them, and JSON lines by name', async () => {
    const lines = '{"text":"one"}\n{"text":"two"}\n';
    const operands = [
      await file('text.txt', gzipSync('packed\n')),
      await file('a.jsonl', lines),
      await file('b.ndjson.gz', gzipSync(lines)),
      await file('c.json', lines),
    ];
    expect(await read(operands)).toEqual(['packed\n', 'one', 'two', 'one', 'two', lines]);
    const named = await file('d.jsonl', '{"body":"a\\r\\nb","text":"x"}');
    expect(await read([named], { textField: 'body', newlines: 'lf' })).toEqual(['a\nb']);
  });

  it('decodes the encoding that is named, also of JSON lines', async () => {
    const plain = await file('a.txt', Buffer.from('caf\xe9 \x93x\x94', 'latin1'));
    const lines = await file('a.jsonl', Buffer.from('{"text":"caf\xe9"}', 'latin1'));
    expect(await read([plain, lines], { encoding: 'latin1' })).toEqual(['café “x”', 'café']);
    const wide = await file('wide.txt', Buffer.from('\ufeffworld 世界', 'utf16le'));
    expect(await read([wide])).toEqual(['world 世界']);
    expect(await failure([plain], { encoding: 'klingon' })).toMatchObject({ exitCode: 2 });
  });

  it('gives raw bytes as they are, but what is asked for', async () => {
    const bytes = Buffer.from([0xef, 0xbb, 0xbf, 0xff, 0xfe, 0x00, 0x0d, 0x0a, 0x80]);
    const path = await file('a.bin', bytes);
    const packed = await file('b.bin', gzipSync(bytes));
    for (const blockSize of [1, 2, undefined]) {
      const source = await openText([path, packed], { raw: true }, { blockSize });
      expect(await documents(source)).toEqual([bytes, bytes]);
    }
    expect(await documents(await openText([path], { raw: true, newlines: 'lf' }))).toEqual([
      Buffer.from([0xef, 0xbb, 0xbf, 0xff, 0xfe, 0x00, 0x0a, 0x80]),
    ]);
    const latin = await file('latin.txt', Buffer.from([0xe9]));
    expect(await read([latin], { raw: true, encoding: 'latin1' })).toEqual(['é']);
    const lines = await file('a.jsonl', '{"text":"one"}\n');
    expect(await read([lines], { raw: true })).toEqual(['one']);
  });

  it('has a key for the bytes, the order and ends of files, and the options', async () => {
    const a = await file('a.txt', 'one');
    const b = await file('b.txt', 'two');
    const keys = [
      await keyOf([a, b]),
      await keyOf([b, a]),
      await keyOf([await file('ab.txt', 'onetwo')]),
      await keyOf([await file('c.txt', 'one'), await file('d.txt', 'twa')]),
      await keyOf([await file('c.jsonl', 'one'), b]),
      await keyOf([a, b], { newlines: 'lf' }),
      await keyOf([a, b], { encoding: 'latin1' }),
      await keyOf([a, b], { encoding: 'utf-8' }),
      await keyOf([a, b], { raw: true }),
      await keyOf([a, b], { textField: 'body' }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys[0]).toMatch(/^[0-9a-f]{64}$/);

    const defaults = { newlines: 'keep', textField: 'text', raw: false } as const;
    expect(await keyOf([a, b], { ...defaults, encoding: undefined })).toBe(keys[0]);
    expect(await keyOf([a, b], { encoding: 'windows-1252' })).toBe(keys[6]);
    expect(await keyOf([await file('set/1', 'one'), await file('set/2', 'two')])).toBe(keys[0]);
    expect(await keyOf([join(directory, 'set')])).toBe(keys[0]);
  });

  it('tells the progress of hashing and of reading', async () => {
    const operands = [await file('a.txt', 'x'.repeat(10)), await file('b.txt', 'y'.repeat(5))];
    const hashed: number[][] = [];
    const done: number[][] = [];
    const source = await openText(
      operands,
      {},
      { blockSize: 4, onProgress: (...progress) => hashed.push(progress) },
    );
    for await (const _ of source.chunks(undefined, (...progress) => done.push(progress))) {
    }
    const expected = [4, 8, 10, 14, 15].map((bytes) => [bytes, 15]);
    expect(hashed).toEqual(expected);
    expect(done).toEqual(expected);
  });

  it('stops with the reason of its signal', async () => {
    const path = await file('a.txt', 'some text');
    const aborted = AbortSignal.abort(new Error('stopped'));
    await expect(openText([path], {}, { signal: aborted })).rejects.toThrow('stopped');
    const source = await openText([path], {}, { blockSize: 1 });
    const abort = new AbortController();
    const reading = (async () => {
      for await (const _ of source.chunks(abort.signal)) abort.abort(new Error('enough'));
    })();
    await expect(reading).rejects.toThrow('enough');
  });

  it('notices between small files that it is to stop', async () => {
    const paths = await Promise.all(Array.from({ length: 50 }, (_, i) => file(`${i}`, 'text')));
    const source = await openText(paths);
    const abort = new AbortController();
    setImmediate(() => abort.abort(new Error('enough')));
    const reading = (async () => {
      for await (const _ of source.chunks(abort.signal)) {
      }
    })();
    await expect(reading).rejects.toThrow('enough');
  });
});

describe('standard input', () => {
  const temporary = async () =>
    (await readdir(tmpdir())).filter((name) => name.startsWith(`gru-lm-text-${process.pid}-`));

  it('is read as often as asked, from a copy that only the user can read and close removes', async () => {
    const bytes = Buffer.from('a😀b');
    const standardInput = Readable.from([bytes.subarray(0, 3), bytes.subarray(3)]);
    const source = await openText(['-'], {}, { standardInput });
    expect((await documents(source)).map(String)).toEqual(['a😀b']);
    expect((await documents(source)).map(String)).toEqual(['a😀b']);
    expect(source.sources).toEqual([{ name: '-', bytes: 6, sha256: sha256(bytes) }]);
    const copies = await temporary();
    expect(copies).toHaveLength(1);
    expect((await stat(join(tmpdir(), copies[0]!))).mode & 0o777).toBe(0o600);
    await source.close();
    expect(await temporary()).toEqual([]);
    await source.close();
  });

  it('has the key of a file of the same bytes', async () => {
    const source = await openText(['-'], {}, { standardInput: Readable.from(['text']) });
    expect(source.key).toBe(await keyOf([await file('a.txt', 'text')]));
    await source.close();
  });

  it('leaves no copy where anything fails', async () => {
    const context = () => ({ standardInput: Readable.from(['text']) });
    expect((await failure(['-', 'missing.txt'], {}, context())).code).toBe('corpus-missing');
    const empty = await failure(['-'], {}, { standardInput: Readable.from([]) });
    expect(empty.message).toBe('standard input: expected text, found nothing');
    const cut = async function* () {
      yield 'text';
      throw Object.assign(new Error('EIO: read'), { code: 'EIO', syscall: 'read' });
    };
    const error = await failure(['-'], {}, { standardInput: Readable.from(cut()) });
    expect(error.code).toBe('corpus-unreadable');
    expect(error.message).toBe(
      'expected a readable text file, could not read standard input: EIO: read',
    );
    expect(await temporary()).toEqual([]);
  });

  it('stops with the reason of its signal', async () => {
    const abort = new AbortController();
    const endless = async function* () {
      for (;;) {
        yield 'text';
        await new Promise((resolve) => setImmediate(resolve));
        abort.abort(new Error('stopped'));
      }
    };
    const standardInput = Readable.from(endless());
    await expect(openText(['-'], {}, { standardInput, signal: abort.signal })).rejects.toThrow(
      'stopped',
    );
    expect(await temporary()).toEqual([]);
  });

  it.skipIf(process.platform === 'win32')('says where no copy can be kept', async () => {
    vi.stubEnv('TMPDIR', join(directory, 'nowhere'));
    const error = await failure(['-'], {}, { standardInput: Readable.from(['text']) });
    vi.unstubAllEnvs();
    expect(error).toMatchObject({
      code: 'corpus-unreadable',
      hint: 'Set TMPDIR to a directory with room, or name a file.',
    });
    expect(error.message).toMatch(
      /^expected room to keep standard input while it is used, found none in .*nowhere: ENOENT/,
    );
  });

  it('is named in what is said of its bytes', async () => {
    const standardInput = Readable.from([Buffer.from([0x61, 0xff])]);
    expect((await failure(['-'], {}, { standardInput })).message).toBe(
      'standard input: expected UTF-8 text, found an invalid sequence at byte 1 (0xff, line 1)',
    );
  });

  it.skipIf(process.platform === 'win32')(
    'is removed when the process exits; a pipe that is named is read alike',
    async () => {
      const module = fileURLToPath(new URL('./text-source.ts', import.meta.url));
      const code =
        `const { openText } = await import(${JSON.stringify(module)});` +
        `const { readdirSync } = await import('node:fs');` +
        `const source = await openText(['-', process.env.PIPE]);` +
        `for await (const { bytes } of source.chunks()) process.stdout.write(bytes);` +
        `process.stdout.write(readdirSync(${JSON.stringify(directory)}).join());` +
        'process.exit(3);';
      const script = await file('scratch.mts', code);
      const shell =
        'mkfifo "$PIPE"; printf two > "$PIPE" & printf one | "$NODE" --import tsx "$SCRIPT"';
      const env = {
        ...process.env,
        NODE: process.execPath,
        SCRIPT: script,
        PIPE: join(directory, 'pipe'),
        TMPDIR: directory,
      };
      const error: unknown = await promisify(execFile)('sh', ['-c', shell], { env }).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ code: 3 });
      const { stdout } = error as { stdout: string };
      expect(stdout).toMatch(/^onetwo/);
      expect(stdout.match(/gru-lm-text-/g)).toHaveLength(2);
      expect((await readdir(directory)).join()).not.toContain('gru-lm-text-');
    },
  );
});

describe('what is said of files', () => {
  it('that have no text', async () => {
    const packed = await file('packed.gz', gzipSync(''));
    const message = (path: string) => `${path}: expected text, found nothing`;
    for (const path of [
      packed,
      await file('mark.txt', '\ufeff'),
      await file('wide.txt', Buffer.from([0xff, 0xfe])),
      await file('blank.jsonl', '\n \n{"text":""}\n'),
    ]) {
      const error = await failure([await file('a.txt', 'text'), path]);
      expect(error).toMatchObject({ code: 'corpus-empty', message: message(path) });
    }
    const hollow = join(directory, 'hollow');
    const inside = await file('hollow/mark.txt', '\ufeff');
    expect((await failure([hollow])).message).toBe(message(inside));
    await file('hollow/z.txt', 'text');
    expect(await read([hollow])).toEqual(['text']);
  });

  it('that are no text', async () => {
    const path = await file('latin.txt', Buffer.from('ab\ncd\xe9f', 'latin1'));
    const error = await failure([path]);
    expect(error.code).toBe('corpus-encoding');
    expect(error.message).toBe(
      `${path}: expected UTF-8 text, found an invalid sequence at byte 5 (0xe9, line 2)`,
    );
    expect(error.hint).toContain('--encoding windows-1252');
    const packed = await file('latin.gz', gzipSync(Buffer.from('ab\ncd\xe9f', 'latin1')));
    expect((await failure([packed])).message).toContain('at byte 5 (0xe9, line 2)');
    const broken = await file('broken.gz', gzipSync('packed\n').subarray(0, 20));
    expect((await failure([broken])).message).toContain('does not unpack: unexpected end of file');
    const lines = await file('a.jsonl', '{"title":"x"}');
    expect((await failure([lines])).message).toContain(`${lines}, line 1: expected the field text`);
  });

  it('that change or vanish between two readings', async () => {
    const path = await file('a.txt', 'some text');
    const changed = {
      code: 'corpus-changed',
      message: `expected ${path} to stay as it is while it is read, found it changed`,
    };
    const source = await openText([path]);
    await appendFile(path, '!');
    await expect(documents(source)).rejects.toMatchObject(changed);
    await rm(path);
    await expect(documents(source)).rejects.toMatchObject({
      code: 'corpus-missing',
      message: `expected a text file, found nothing at ${path}`,
    });
  });

  it('that change while they are read, also if that makes them look damaged', async () => {
    for (const content of ['some text, now longer', Buffer.alloc(9, 0xff)]) {
      const path = await file('a.txt', 'some text');
      const source = await openText([path], {}, { blockSize: 1 });
      const reading = (async () => {
        let count = 0;
        for await (const _ of source.chunks()) {
          count += 1;
          if (count === 3) {
            await new Promise((resolve) => setTimeout(resolve, 20));
            writeFileSync(path, content);
          }
        }
      })();
      await expect(reading).rejects.toMatchObject({ code: 'corpus-changed' });
    }
  });
});
