import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { type Dataset, type DatasetOptions, openDataset, type TokenizedPart } from './dataset.ts';
import { openRecordedDataset } from './recorded-dataset.ts';
import { END_OF_TEXT_TOKEN, LINE_END_TOKEN, UNKNOWN_TOKEN } from './tokenizer-types.ts';

let directory: string;
let phases: Set<string>;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gru-lm-dataset-'));
  phases = new Set();
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const context = () => ({
  cacheDirectory: join(directory, 'cache'),
  onProgress: ({ phase }: { phase: string }) => phases.add(phase),
});

function open(options: Partial<DatasetOptions> & { corpus: string[] }): Promise<Dataset> {
  return openDataset({ tokenizer: 'char', ...options }, directory, context());
}

function idsOf({ sequence, tokens }: TokenizedPart): Int32Array {
  const ids = new Int32Array(tokens);
  sequence.read(0, ids);
  return ids;
}

/** What the parts decode to, and their sizes. */
async function textsOf(dataset: Dataset): Promise<Record<string, string>> {
  const texts = [...dataset.parts].map(([part, tokenized]) => [
    part,
    dataset.tokenizer.decode(idsOf(tokenized)),
  ]);
  await dataset.close();
  return Object.fromEntries(texts);
}

describe('a corpus as tokens', () => {
  it('is split by position, and its vocabulary is that of the training part', async () => {
    const dataset = await open({ corpus: [write('a.txt', 'abcabcabcabcabcabcZZ')] });
    expect(dataset.parts.get('train')).toMatchObject({ tokens: 18, characters: 18, unknown: 0 });
    expect(dataset.parts.get('valid')).toMatchObject({ tokens: 2, bytes: 2, unknown: 2 });
    expect(dataset.tokenizer.vocabularySize).toBe(4);
    expect(await textsOf(dataset)).toEqual({ train: 'abcabcabcabcabcabc', valid: '��' });
  });

  it.each([
    [['-'], { valid: '-' }],
    [['a.txt', '-'], { test: '-' }],
    [['a.txt'], { valid: '-', test: '-' }],
  ])(
    'reads standard input for one text: %j, %j is refused, and nothing read',
    async (corpus, texts) => {
      const standardInput = Readable.from(['text']);
      const options = { tokenizer: 'char', corpus, ...texts } as const;
      await expect(
        openDataset(options, directory, { ...context(), standardInput }),
      ).rejects.toMatchObject({
        exitCode: 2,
        message: 'expected - (standard input) once, found it several times',
      });
      expect(standardInput.readableDidRead).toBe(false);
    },
  );

  it('takes validation and test from texts of their own', async () => {
    const [corpus, other] = [write('a.txt', 'abab'.repeat(9)), write('b.txt', 'ba')];
    const dataset = await open({ corpus: [corpus], valid: other, test: other });
    expect(await textsOf(dataset)).toEqual({ train: 'abab'.repeat(9), valid: 'ba', test: 'ba' });
    expect(dataset.record).toMatchObject({
      corpus: [{ name: corpus, fromRun: 'a.txt', bytes: 36 }],
      valid: [{ name: other }],
      test: [{ name: other }],
    });
  });

  it('has a token between documents, and none where there is one document', async () => {
    const files = ['a.txt', 'b.txt', 'c.txt'].map((name) => write(`texts/${name}`, 'word '));
    for (const tokenizer of ['char', 'word', 'byte', 'bpe'] as const) {
      const options = { tokenizer, validSplit: 0, minCount: 1 };
      const many = await open({ corpus: [join(directory, 'texts')], ...options });
      const train = many.parts.get('train') as TokenizedPart;
      const { endOfTextId } = many.tokenizer;
      expect(many.tokenizer.token(endOfTextId as number)).toBe(END_OF_TEXT_TOKEN);
      const ids = [...idsOf(train)];
      expect(ids.filter((id) => id === endOfTextId).length, tokenizer).toBe(2);
      expect([ids[0], ids.at(-1)]).not.toContain(endOfTextId);
      expect(train.documents).toBe(3);
      await many.close();
      const one = await open({ corpus: [files[0] as string], ...options });
      const known = one.parts.get('train') as TokenizedPart;
      expect([...idsOf(known)]).not.toContain(one.tokenizer.endOfTextId ?? -1);
      await one.close();
    }
  });

  it('tells how much of the held-out text is in the training text', async () => {
    const line = Array.from({ length: 400 }, (_, i) => `${i * i * 7919} of ${i}; `).join('');
    const fresh = Array.from({ length: 800 }, (_, i) => `${i * 37} to ${i * i}, `).join('');
    const [corpus, other] = [write('a.txt', line.repeat(9)), write('b.txt', line + fresh)];
    const { overlap, close } = await open({ corpus: [corpus], valid: other });
    await close();
    expect(overlap.probed).toBeGreaterThan(10);
    expect(overlap.found / overlap.probed).toBeGreaterThan(0.2);
    expect(overlap.found / overlap.probed).toBeLessThan(0.5);
  });

  it('is made once for the same bytes and options', async () => {
    const corpus = [write('a.txt', 'some words and more words\n'.repeat(20))];
    const options = { corpus, tokenizer: 'word' } as const;
    const first = await textsOf(await open(options));
    expect([...phases]).toContain('encoding');
    phases.clear();
    write('copy.txt', 'some words and more words\n'.repeat(20));
    expect(
      await textsOf(await open({ ...options, corpus: [join(directory, 'copy.txt')] })),
    ).toEqual(first);
    expect([...phases]).toEqual(['reading']);
    for (const changes of [
      { lowercase: true },
      { minCount: 3 },
      { validSplit: 0.3 },
      { newlines: 'lf' as const },
    ]) {
      phases.clear();
      await (await open({ ...options, ...changes })).close();
      expect([...phases], JSON.stringify(changes)).toContain('vocabulary');
    }
    phases.clear();
    write('a.txt', 'some words and other words\n'.repeat(20));
    await (await open(options)).close();
    expect([...phases]).toContain('encoding');
  });

  it('is found again by its record, also where run and corpus were moved together', async () => {
    const options = { tokenizer: 'char', validSplit: 0.2 } as const;
    write('before/a.txt', 'abcdefghij');
    const run = join(directory, 'before/runs/a');
    const corpus = [join(directory, 'before/a.txt')];
    const { record, close } = await openDataset({ ...options, corpus }, run, context());
    await close();
    rmSync(join(directory, 'before'), { recursive: true });
    write('after/a.txt', 'abcdefghij');
    const moved = join(directory, 'after/runs/a');
    const again = await openRecordedDataset(options, record, moved, context());
    expect(await textsOf(again)).toMatchObject({ train: 'abcdefgh' });
    write('after/a.txt', 'abcdefghiJ');
    await expect(openRecordedDataset(options, record, moved, context())).rejects.toMatchObject({
      code: 'corpus-changed',
    });
    rmSync(join(directory, 'after'), { recursive: true });
    await expect(openRecordedDataset(options, record, moved, context())).rejects.toMatchObject({
      code: 'corpus-missing',
    });
  });

  it('leaves nothing behind where it fails or is given up', async () => {
    const corpus = [write('a.txt', 'abc'), write('b.txt', Buffer.from([0x61, 0xff, 0x62]))];
    await expect(open({ corpus, validSplit: 0 })).rejects.toMatchObject({
      code: 'corpus-encoding',
    });
    const controller = new AbortController();
    const long = write('long.txt', 'word '.repeat(500_000));
    const opening = openDataset({ corpus: [long], tokenizer: 'word' }, directory, {
      ...context(),
      signal: controller.signal,
      onProgress: ({ phase }) => phase === 'encoding' && controller.abort(new Error('given up')),
    });
    await expect(opening).rejects.toThrow('given up');
    const tokens = join(directory, 'cache', 'tokens');
    expect(readdirSync(tokens)).toEqual([]);
  });
});

describe('any bytes at all', () => {
  const ENDS = [LINE_END_TOKEN, END_OF_TEXT_TOKEN];
  const odd = fc.constantFrom(
    Buffer.from([0xed, 0xa0, 0x80]),
    Buffer.from([0xf4, 0x8f, 0xbf, 0xbf]),
    Buffer.from([0xf7, 0xbf, 0xbf, 0xbf]),
    Buffer.from([0]),
    Buffer.from('\u202e\u0085\u2028\ufeff\u001b[31m'),
    Buffer.from('e\u0301 👩‍👩‍👧‍👦 ͏ 𝒳 ﷽ '),
    Buffer.from(END_OF_TEXT_TOKEN),
    Buffer.from('<unk> <eol>\r\n'),
  );
  const pieces = fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
    odd,
  );
  const files = fc.array(pieces, { minLength: 1, maxLength: 6 }).map((all) => Buffer.concat(all));

  /** The text of a file in UTF-8 without its byte-order mark, which may make it one of UTF-16. */
  function textOf(bytes: Buffer): Buffer {
    const [first, second] = bytes;
    if (first === 0xff && second === 0xfe) return Buffer.from(bytes.toString('utf16le', 2));
    if (first === 0xfe && second === 0xff) {
      return Buffer.from(Buffer.from(bytes.subarray(2)).swap16().toString('utf16le'));
    }
    return bytes.toString().startsWith('\ufeff') ? bytes.subarray(3) : bytes;
  }

  it.each(['char', 'word', 'byte', 'bpe'] as const)(
    'give %s tokens that decode to the text, or a clear error',
    async (tokenizer) => {
      await fc.assert(
        fc.asyncProperty(files, fc.boolean(), async (bytes, isUnicode) => {
          const options = {
            corpus: [write('any.txt', bytes)],
            tokenizer,
            validSplit: 0,
            minCount: 1,
            wordSplit: tokenizer === 'word' && isUnicode ? ('unicode' as const) : undefined,
          };
          let dataset: Dataset;
          try {
            dataset = await open(options);
          } catch (error) {
            expect(error).toBeInstanceOf(UserError);
            expect(tokenizer === 'byte' && bytes.length > 0).toBe(false);
            return;
          }
          const ids = idsOf(dataset.parts.get('train') as TokenizedPart);
          const decoded = Buffer.from(dataset.tokenizer.decodeBytes(ids));
          await dataset.close();
          if (tokenizer === 'word' && !isUnicode) {
            // A word that is spelled like the token of a line's or a text's end is not that token.
            const words = (text: string) =>
              text
                .split(/\s+/u)
                .filter((word) => word !== '')
                .map((word) => (ENDS.includes(word) ? UNKNOWN_TOKEN : word));
            expect(words(decoded.toString())).toEqual(words(textOf(bytes).toString()));
          } else {
            const expected = tokenizer === 'byte' ? bytes : textOf(bytes);
            expect(decoded.equals(expected)).toBe(true);
          }
        }),
        {
          numRuns: 60,
          examples: [
            [Buffer.from([0xff, 0xfe, 0x00, 0xed, 0xa0, 0x80]), false],
            [Buffer.from([0xfe, 0xff, 0xed, 0x00, 0x80, 0xa0]), false],
            [Buffer.from(`a ${END_OF_TEXT_TOKEN} ${LINE_END_TOKEN} b`), false],
          ],
        },
      );
    },
  );
});
