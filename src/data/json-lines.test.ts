import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { isJsonLines, type JsonLinesOptions, readJsonLines } from './json-lines.ts';
import { cutBlocks } from './testing/blocks.ts';

const defaults: JsonLinesOptions = { name: 'a.jsonl', field: 'text', newlines: 'keep' };

/** The documents, put together from their chunks. */
async function read(
  lines: string,
  options: Partial<JsonLinesOptions> = {},
  ...sizes: number[]
): Promise<string[]> {
  const documents: string[] = [];
  const pieces = cutBlocks(Buffer.from(lines), ...sizes);
  for await (const { bytes, startsDocument } of readJsonLines(pieces, {
    ...defaults,
    ...options,
  })) {
    expect(bytes.length).toBeGreaterThan(0);
    if (startsDocument) documents.push('');
    documents[documents.length - 1] += new TextDecoder('utf-8', {
      fatal: true,
      ignoreBOM: true,
    }).decode(bytes);
  }
  return documents;
}

async function failure(lines: string, options: Partial<JsonLinesOptions> = {}): Promise<UserError> {
  const error: unknown = await read(lines, options).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  expect((error as UserError).code).toBe('corpus-json');
  return error as UserError;
}

describe('isJsonLines', () => {
  it('goes by the name, with .gz behind or not', () => {
    const names = ['a.jsonl', 'a.ndjson', 'a.JSONL', 'b/a.jsonl.gz', 'a.ndjson.gz'];
    expect(names.every(isJsonLines)).toBe(true);
    const others = ['a.json', 'a.jsonl.txt', 'jsonl', 'a.txt.gz', 'a.jsonl/b', '-'];
    expect(others.some(isJsonLines)).toBe(false);
  });
});

describe('readJsonLines', () => {
  it('makes each line a document, however the file is cut', async () => {
    const document = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((text) => text.trim() !== '');
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(fc.array(document), sizes, async (documents, cuts) => {
        const lines = documents.map((text) => JSON.stringify({ id: 1, text }));
        expect(await read(lines.join('\n'), {}, ...cuts)).toEqual(documents);
        expect(await read(`${lines.join('\r\n')}\r\n`, {}, ...cuts)).toEqual(documents);
      }),
    );
  });

  it('reads the field that is named, and undoes what JSON escapes', async () => {
    const lines = String.raw`{"text":1,"body":"a\n\u00e9\ud83d\ude00\u0000\\"}`;
    expect(await read(lines, { field: 'body' })).toEqual(['a\né😀\0\\']);
    expect(await read('{"__proto__":"x"}', { field: '__proto__' })).toEqual(['x']);
  });

  it('leaves out blank lines and blank texts', async () => {
    expect(
      await read('\n{"text":"a"}\n \t\r\n{"text":""}\n{"text":" \\n"}\n{"text":"b"}\n\n'),
    ).toEqual(['a', 'b']);
    expect(await read('\n\n')).toEqual([]);
  });

  it('makes the line ends within texts line feeds if asked to', async () => {
    const lines = String.raw`{"text":"a\r\nb\rc\n"}`;
    expect(await read(lines)).toEqual(['a\r\nb\rc\n']);
    expect(await read(lines, { newlines: 'lf' })).toEqual(['a\nb\nc\n']);
  });

  it('gives a long document in several chunks, cut between characters', async () => {
    for (const text of [`a${'😀'.repeat(600_000)}`, '😀'.repeat(600_000), 'x'.repeat(2 ** 20)]) {
      expect((await read(`{"text":"${text}"}`))[0] === text).toBe(true);
    }
  });

  it('takes a line of 64 MiB and none that is longer', async () => {
    const piece = Buffer.alloc(2 ** 20, 0x20);
    async function* blank(count: number) {
      for (let i = 0; i < count; i += 1) yield piece;
    }
    const count = async (blocks: number) => {
      let chunks = 0;
      for await (const _ of readJsonLines(blank(blocks), defaults)) chunks += 1;
      return chunks;
    };
    expect(await count(64)).toBe(0);
    await expect(count(65)).rejects.toMatchObject({
      code: 'corpus-json',
      message: 'a.jsonl, line 1: expected a line of at most 64 MiB, found a longer one',
      hint: expect.stringContaining('Divide its text among several lines'),
    });
  });

  it('says which line is no JSON', async () => {
    const error = await failure('{"text":"a"}\n\n{"text":\n');
    expect(error.message).toMatch(
      /^a\.jsonl, line 3: expected a JSON object, found what is not JSON: /,
    );
    expect(error.hint).toBe(
      'Mend the line; a file of plain text needs another name than .jsonl or .ndjson.',
    );
  });

  it.each([
    ['[1]', 'an array'],
    ['null', 'null'],
    ['"text"', 'a string'],
    ['3', 'a number'],
    ['true', 'true'],
  ])('says that %s is no object', async (line, found) => {
    const error = await failure(line, { field: 'body' });
    expect(error.message).toBe(`a.jsonl, line 1: expected a JSON object, found ${found}`);
    expect(error.hint).toBe('Make each line an object, such as {"body": "…"}.');
  });

  it('names the fields there are where the one that is meant is missing', async () => {
    const missing = await failure('{"text":"a"}\n{"id":3,"title":"b","content":"c","tags":["x"]}');
    expect(missing.message).toBe(
      'a.jsonl, line 2: expected the field text, found none of that name',
    );
    expect(missing.hint).toBe(
      'Name the field that holds the text with --text-field: this line has title, content.',
    );
    expect((await failure('{"id":3}')).hint).toBe(
      'Name the field that holds the text with --text-field; no field of this line holds a string.',
    );
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, 'x']));
    expect((await failure(JSON.stringify(many))).hint).toMatch(/has f0, .*, f7, …\.$/);
    expect((await failure('{"a":"b"}', { field: 'toString' })).message).toContain(
      'none of that name',
    );
  });

  it.each([
    ['[]', 'an array'],
    ['{}', 'an object'],
    ['null', 'null'],
    ['false', 'false'],
    ['1.5', 'a number'],
  ])('says that a text of %s is no string', async (value, found) => {
    const error = await failure(`{"text":${value},"title":"t"}`);
    expect(error.message).toBe(
      `a.jsonl, line 1: expected a string in the field text, found ${found}`,
    );
    expect(error.hint).toContain('this line has title.');
  });

  it('refuses half a surrogate pair, which is no character', async () => {
    const error = await failure(String.raw`{"text":"ab\ud83d"}`);
    expect(error.message).toBe(
      'a.jsonl, line 1: expected characters in the field text, ' +
        String.raw`found half a surrogate pair (\ud83d at position 2)`,
    );
    expect((await failure(String.raw`{"text":"\ude00\ud83d"}`)).message).toContain(
      String.raw`(\ude00 at position 0)`,
    );
  });
});
