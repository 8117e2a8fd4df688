import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutChunks } from '../data/testing/cut-chunks.ts';
import { textPieces } from '../data/testing/tokenizing.ts';
import { type TokenizerKind, trainTokenizer } from '../data/tokenizer.ts';
import { findSegments, type Segments, tokenEnds } from './segments.ts';

/** The segments of a text as text, after what is left out. */
function textsOf(text: string, { start, ends }: Segments): string[] {
  const bytes = Buffer.from(text);
  return [start, ...ends].map((end, i, cuts) =>
    bytes.subarray(i === 0 ? 0 : cuts[i - 1], end).toString(),
  );
}

function find(text: string, limits?: Parameters<typeof findSegments>[1], ...sizes: number[]) {
  return findSegments(() => cutChunks([text], ...sizes), limits);
}

describe('segments', () => {
  it('are lines, each with the line end before it, from the end of the first word on', async () => {
    const text = 'one two\nthree\n\n  four five \nsix\n';
    const segments = await find(text, { fewestLines: 2 });
    expect(textsOf(text, segments!)).toEqual([
      'one',
      ' two',
      '\nthree',
      '\n\n  four five',
      ' \nsix\n',
    ]);
    expect([...segments!.sizes]).toEqual([1, 2, 4, 3]);
    expect(segments).toMatchObject({ unit: 'lines', per: 1 });
  });

  it('are pieces of as many words each where there are few lines', async () => {
    const text = 'a b c d e f\ng h';
    const segments = await find(text, { pieces: 3 });
    expect(textsOf(text, segments!)).toEqual(['a', ' b c d', ' e f\ng h']);
    expect(segments).toMatchObject({ unit: 'words', per: 3 });
    expect([...segments!.sizes]).toEqual([3, 5]);
  });

  it('are of more lines where there are many', async () => {
    const text = Array.from({ length: 23 }, (_, i) => `${i} x\n`).join('');
    for (const mostSegments of [5, 6, 7]) {
      const segments = await find(text, { fewestLines: 2, mostSegments });
      const { per, ends, sizes } = segments!;
      expect(per).toBe(4);
      expect(ends).toHaveLength(5);
      // Three words or line ends a line, but for the first word, with what is left in the last.
      expect([...sizes]).toEqual([10, 12, 12, 12, 22]);
    }
  });

  it('have the white space counted that is neither a line end nor one space between words', async () => {
    for (const [text, count] of [
      ['one two\nthree four\n\nfive', 0],
      ['one  two   three four', 5],
      [' one two \n  three four\t five ', 1 + 1 + 2 + 2 + 1],
      ['one two\r\nthree\r\n', 2],
      ['one\ttwo\u00a0three\u3000 four five', 4],
    ] as const) {
      expect((await find(text))?.otherSpaces).toBe(count);
      expect((await find(text, {}, 1))?.otherSpaces).toBe(count);
    }
    const documents = await findSegments(() => cutChunks(['one two ', 'three', ' four'], 2));
    expect(documents?.otherSpaces).toBe(2);
  });

  it('end with documents, too', async () => {
    const segments = await findSegments(() => cutChunks(['a b', 'c', 'd'], 1), { fewestLines: 2 });
    expect(segments?.ends).toEqual([3, 4, 5]);
    expect([...segments!.sizes]).toEqual([1, 1, 1]);
  });

  it('of a text of less than three words are none', async () => {
    for (const text of ['', ' \n', 'a', 'a b\n']) expect(await find(text)).toBeUndefined();
    expect((await find('a b c'))?.ends).toEqual([3, 5]);
  });

  it('are the same however the text is cut, and make it up again', async () => {
    await fc.assert(
      fc.asyncProperty(textPieces, fc.boolean(), async (pieces, byLine) => {
        const text = pieces.join('').replaceAll('\r', '');
        const limits = byLine ? { fewestLines: 2 } : { pieces: 3 };
        const segments = await find(text, limits);
        expect(await find(text, limits, 1)).toEqual(segments);
        if (!segments) return;
        expect(textsOf(text, segments).join('')).toBe(Buffer.from(text).toString());
        const { sizes, ends } = segments;
        const rest = textsOf(text, segments).slice(1).join('');
        const words = rest.match(/\S+|\n/g)?.length;
        expect(sizes.reduce((a, b) => a + b, 0)).toBe(words);
        expect(sizes).toHaveLength(ends.length);
      }),
    );
  });
});

describe('the tokens of segments', () => {
  const kinds: TokenizerKind[] = ['char', 'word', 'bpe', 'byte'];
  const training = 'the cat’s 我们 ab  \n\n the\tcat ab éé Σς\n'.repeat(9);
  const tokenizers = [
    ...kinds.map((kind) =>
      trainTokenizer(training, { kind, ...(kind === 'bpe' && { vocabularySize: 300 }) }),
    ),
    trainTokenizer(training, { kind: 'word', wordSplit: 'unicode' }),
  ];

  it.each(tokenizers.map((tokenizer) => [tokenizer.kind, tokenizer] as const))(
    'are those of the whole text: %s',
    async (_, tokenizer) => {
      await fc.assert(
        fc.asyncProperty(textPieces, async (pieces) => {
          const text = pieces.join('');
          const segments = await find(text, { pieces: 5 });
          if (!segments) return;
          const ends = await tokenEnds(cutChunks([text], 3), tokenizer, segments);
          const parts = textsOf(text, segments).map((part) => [...tokenizer.encode(part)]);
          expect(parts.flat()).toEqual([...tokenizer.encode(text)]);
          let tokens = 0;
          expect([...ends]).toEqual(parts.map((part) => (tokens += part.length)));
        }),
      );
    },
  );

  it('count the end of a document with what follows it', async () => {
    const documents = ['a b', 'c d'];
    const tokenizer = trainTokenizer('a b c d', { kind: 'word', endOfText: true });
    const segments = await findSegments(() => cutChunks(documents), { pieces: 9 });
    expect([...(await tokenEnds(cutChunks(documents, 2), tokenizer, segments!))]).toEqual([
      1, 2, 4, 5,
    ]);
  });
});
