import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutChunks } from './testing/cut-chunks.ts';
import { textLines } from './text-lines.ts';

async function linesOf(
  documents: readonly string[],
  sizes: number[] = [],
  longest?: number,
): Promise<string[]> {
  const lines: string[] = [];
  for await (const group of textLines(cutChunks(documents, ...sizes), longest)) {
    for (const line of group) lines.push(Buffer.from(line).toString());
  }
  return lines;
}

/** By the definition: a line is what a line end ends, or the end of a document. */
function definedLines(documents: readonly string[]): string[] {
  return documents.flatMap((document) => document.replace(/\n$/, '').split('\n'));
}

describe('the lines of a text', () => {
  it('end at line ends and at the end, and may be empty', async () => {
    expect(await linesOf(['a b\n\ncd'])).toEqual(['a b', '', 'cd']);
    expect(await linesOf(['\n'])).toEqual(['']);
    expect(await linesOf(['a\r\nb\n'])).toEqual(['a\r', 'b']);
  });

  it('end with their document', async () => {
    expect(await linesOf(['one\ntwo', 'three\n', 'four'])).toEqual(['one', 'two', 'three', 'four']);
  });

  it('are the same however the text is cut', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', '\n', 'é', ' '), minLength: 1 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { minLength: 1, maxLength: 3 }),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }),
        async (documents, sizes) => {
          expect(await linesOf(documents, sizes)).toEqual(definedLines(documents));
        },
      ),
    );
  });

  it('are refused where one is too long, by its number', async () => {
    await expect(linesOf(['ab\ncde\nfghi'], [2], 3)).rejects.toThrow(
      'line 3: expected a line of at most 16 MiB, found a longer one',
    );
    expect(await linesOf(['ab\ncde'], [2], 3)).toEqual(['ab', 'cde']);
  });
});
