import { mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { type OpenTokens, openTokenFile, TokenFileWriter } from './token-file.ts';
import type { TokenSequence } from './token-sequence.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gru-lm-token-file-'));
});
afterAll(() => rm(directory, { recursive: true }));

let files = 0;
function newPath(): string {
  files += 1;
  return join(directory, `${files}.ids`);
}

/** Writes `batches`; opened both ways, in memory and from the file. */
async function stored(vocabularySize: number, batches: Int32Array[]): Promise<OpenTokens[]> {
  const path = newPath();
  const writer = await TokenFileWriter.create(path, vocabularySize);
  for (const batch of batches) {
    await writer.write(batch);
    batch.fill(-1);
  }
  const record = await writer.end();
  await writer.close();
  const opened = [await openTokenFile(path, record), await openTokenFile(path, record, 0)];
  await rm(path);
  return opened;
}

function window(tokens: TokenSequence, start: number, length: number): number[] {
  const target = new Int32Array(length);
  tokens.read(start, target);
  return [...target];
}

describe('a file of tokens', () => {
  it.each([1, 300, 2 ** 16, 2 ** 16 + 1, 2 ** 31 - 1])(
    'gives back every window of what was written, with %i ids',
    async (vocabularySize) => {
      const ids = fc.array(fc.integer({ min: 0, max: vocabularySize - 1 }), { maxLength: 50 });
      const batches = fc.array(ids, { maxLength: 5 });
      await fc.assert(
        fc.asyncProperty(batches, fc.nat(), fc.nat(), async (written, from, count) => {
          const all = written.flat();
          const start = from % (all.length + 1);
          const length = count % (all.length - start + 1);
          const opened = await stored(
            vocabularySize,
            written.map((batch) => Int32Array.from(batch)),
          );
          for (const tokens of opened) {
            expect(tokens.length).toBe(all.length);
            expect(window(tokens, start, length)).toEqual(all.slice(start, start + length));
            expect(() => window(tokens, start, all.length - start + 1)).toThrow(RangeError);
            await tokens.close();
          }
        }),
        { numRuns: 30 },
      );
    },
  );

  it.each([70_000, 60_000])('holds millions of tokens, of a vocabulary of %i', async (size) => {
    const ids = Int32Array.from({ length: 1_300_000 }, (_, i) => (i * 7919) % size);
    const cuts = [0, 10, 524_288, 700_000, ids.length];
    const batches = cuts.slice(1).map((end, i) => ids.slice(cuts[i], end));
    for (const tokens of await stored(size, batches)) {
      const all = new Int32Array(ids.length);
      tokens.read(0, all);
      expect(Buffer.compare(Buffer.from(all.buffer), Buffer.from(ids.buffer))).toBe(0);
      expect(window(tokens, ids.length - 3, 3)).toEqual([...ids.slice(-3)]);
      await tokens.close();
    }
  });

  it.each([300, 2 ** 20])('is read beyond 4 GiB, with %i ids', async (vocabularySize) => {
    const width = vocabularySize === 300 ? 2 : 4;
    const tokens = (5 * 2 ** 30) / width + 1;
    const path = newPath();
    const file = await open(path, 'wx');
    await file.truncate(tokens * width); // sparse
    const last = width === 2 ? Uint16Array.of(7, 8, 9) : Int32Array.of(7, 8, 9);
    await file.write(Buffer.from(last.buffer), 0, 3 * width, (tokens - 3) * width);
    await file.close();
    const opened = await openTokenFile(path, { tokens, vocabularySize });
    expect(opened.length).toBe(tokens);
    expect(window(opened, tokens - 5, 5)).toEqual([0, 0, 7, 8, 9]);
    expect(window(opened, 0, 2)).toEqual([0, 0]);
    expect(() => window(opened, tokens - 4, 5)).toThrow(RangeError);
    await opened.close();
    expect(() => window(opened, 0, 1)).toThrow('to be open, found it closed');
    await rm(path);
  });

  it('takes no ids beyond the vocabulary', async () => {
    const writer = await TokenFileWriter.create(newPath(), 300);
    for (const id of [-1, 300, 65_536, 2 ** 31 - 1, -(2 ** 31)]) {
      await expect(writer.write(Int32Array.of(1, id))).rejects.toThrow(RangeError);
    }
    await writer.abandon();
  });

  it.each([
    ['two', Uint16Array.of(1, 300), 300],
    ['four', Int32Array.of(1, 70_000), 70_000],
    ['four, with the highest bit', Int32Array.of(1, -5), 2 ** 31 - 1],
  ])('with an id that cannot be is damaged, at %s bytes an id', async (_, ids, vocabularySize) => {
    const path = newPath();
    await writeFile(path, Buffer.from(ids.buffer));
    const record = { tokens: 2, vocabularySize };
    const failure = await openTokenFile(path, record).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UserError);
    const { code, message, hint } = failure as UserError;
    expect(code).toBe('token-cache-damaged');
    expect(message).toBe(`expected ids below ${vocabularySize} in ${path}, found others`);
    expect(hint).toBe(`Remove ${directory}: it is made anew from the text.`);

    const opened = await openTokenFile(path, record, 0);
    expect(window(opened, 0, 1)).toEqual([1]);
    expect(() => window(opened, 0, 2)).toThrow('found others');
    await opened.close();
  });

  it('of another length is damaged, also when it becomes so', async () => {
    const path = newPath();
    await writeFile(path, Buffer.alloc(10));
    const record = { tokens: 5, vocabularySize: 300 };
    await expect(openTokenFile(path, { ...record, tokens: 4 })).rejects.toThrow(
      `expected 8 bytes in ${path}, found 10`,
    );
    const opened = await openTokenFile(path, record, 0);
    await truncate(path, 7);
    expect(window(opened, 0, 3)).toEqual([0, 0, 0]);
    expect(() => window(opened, 2, 3)).toThrow('expected more than 7 bytes');
    await opened.close();
  });
});
