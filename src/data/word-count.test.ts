import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { textPieces } from './testing/tokenizing.ts';
import { WordCount } from './word-count.ts';

function countOf(...pieces: string[]): [words: number, lineEnds: number] {
  const count = new WordCount();
  for (const piece of pieces) count.write(Buffer.from(piece));
  count.end();
  return [count.words, count.lineEnds];
}

describe('words and line ends', () => {
  it('are counted as wc does', () => {
    expect(countOf('To be, or\nnot  to be:\n\n that\tis')).toEqual([8, 3]);
    expect(countOf('')).toEqual([0, 0]);
    expect(countOf('\n \n')).toEqual([0, 2]);
  });

  it('are the same however the text is cut, and what \\S+ finds', () => {
    fc.assert(
      fc.property(textPieces, (pieces) => {
        const text = pieces.join('');
        const expected = [text.match(/\S+/g)?.length ?? 0, text.split('\n').length - 1];
        expect(countOf(text)).toEqual(expected);
        expect(countOf(...pieces)).toEqual(expected);
      }),
    );
  });

  it('begin anew after the end of a text', () => {
    const count = new WordCount();
    for (const text of ['one tw', 'o three']) {
      count.write(Buffer.from(text));
      count.end();
    }
    expect(count.words).toBe(4);
  });
});
