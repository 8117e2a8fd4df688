import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutChunks } from '../data/testing/cut-chunks.ts';
import type { TextChunk } from '../data/text-chunk.ts';
import { type Tokenizer, type TokenizerKind, trainTokenizer } from '../data/tokenizer.ts';
import { lineStartOf, type TokenLine, tokenLines } from './token-lines.ts';

const training = 'the cat  sat\non the mat\n\n'.repeat(9);
const kinds: TokenizerKind[] = ['char', 'word', 'bpe', 'byte'];
const tokenizers = kinds.map((kind) =>
  trainTokenizer(training, { kind, ...(kind === 'bpe' && { vocabularySize: 280 }) }),
);

describe.each(tokenizers.map((tokenizer) => [tokenizer.kind, tokenizer] as const))(
  'lines as tokens of the kind %s',
  (_, tokenizer) => {
    const lineEnd = tokenizer.encode('\n');

    async function linesOf(documents: readonly string[], ...sizes: number[]): Promise<TokenLine[]> {
      const lines: TokenLine[] = [];
      for await (const group of tokenLines(cutChunks(documents, ...sizes), tokenizer)) {
        expect(group.length).toBeGreaterThan(0);
        lines.push(...group);
      }
      return lines;
    }

    it('begin with a line end, which is not scored, and end with one, which is', async () => {
      const lines = await linesOf(['the cat\n\nsat']);
      expect(lines.map(({ context }) => context)).toEqual(
        [lineEnd, lineEnd, lineEnd].map((l) => l.length),
      );
      expect(lines.map(({ ids }) => [...ids])).toEqual(
        ['\nthe cat\n', '\n\n', '\nsat\n'].map((line) => [
          ...lineEnd,
          ...tokenizer.encode(line.slice(1)),
        ]),
      );
    });

    it('are the same however the text comes', async () => {
      const text = fc.string({ unit: fc.constantFrom('the', ' ', '\n', 'é'), minLength: 1 });
      await fc.assert(
        fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 3 }), async (documents) => {
          expect(await linesOf(documents, 1)).toEqual(await linesOf(documents));
        }),
        { numRuns: 30 },
      );
    });
  },
);

describe('lines that come slowly', () => {
  it('are given as soon as they are there, and together if they are', async () => {
    let release: (() => void) | undefined;
    const chunk = (text: string): TextChunk => ({
      bytes: Buffer.from(text),
      startsDocument: false,
    });
    async function* slowly(): AsyncGenerator<TextChunk> {
      yield chunk('a\nb\nc');
      yield chunk('d\ne');
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      yield chunk('f\n');
    }
    const groups = tokenLines(slowly(), tokenizers[3]!);
    const first = (await groups.next()).value as TokenLine[];
    expect(first.map(({ ids }) => Buffer.from(ids).toString())).toEqual([
      '\na\n',
      '\nb\n',
      '\ncd\n',
    ]);
    const second = groups.next();
    release!();
    const last = (await second).value as TokenLine[];
    expect(last.map(({ ids }) => Buffer.from(ids).toString())).toEqual(['\nef\n']);
    expect((await groups.next()).done).toBe(true);
  });

  it('fail as their text does', async () => {
    async function* failing(): AsyncGenerator<TextChunk> {
      yield { bytes: Buffer.from('a\n'), startsDocument: true };
      throw new Error('no more');
    }
    const groups = tokenLines(failing(), tokenizers[0]!);
    const all = (async () => {
      for await (const _ of groups);
    })();
    await expect(all).rejects.toThrow('no more');
  });
});

it('a tokenizer that leaves line ends out is refused', () => {
  const tokenizer = { ...tokenizers[0]!, encode: () => new Int32Array() };
  expect(() => lineStartOf(tokenizer as unknown as Tokenizer)).toThrow(
    'expected a tokenizer with a token for line ends, found one that leaves them out',
  );
});

it('a tokenizer that has never read a line end is refused', () => {
  for (const kind of ['char', 'word'] as const) {
    const tokenizer = trainTokenizer('one line', { kind });
    const start = () => lineStartOf(tokenizer);
    // For words there is a token whatever the text has.
    if (kind === 'word') expect(tokenizer.decode(start())).toBe('\n');
    else expect(start).toThrow('found one that learned of none');
  }
});
