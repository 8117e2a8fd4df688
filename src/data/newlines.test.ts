import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalizeNewlines, withLineFeeds } from './newlines.ts';
import { collectPieces, cutBlocks } from './testing/blocks.ts';

describe('normalizeNewlines', () => {
  it('makes CRLF and lone CR a line feed, however the text is cut, and no piece is empty', async () => {
    const text = fc.string({ unit: fc.constantFrom('\r', '\n', 'a', 'é'), maxLength: 30 });
    const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(text, sizes, async (given, cuts) => {
        const pieces = await collectPieces(
          normalizeNewlines(cutBlocks(Buffer.from(given), ...cuts)),
        );
        const expected = given.replaceAll('\r\n', '\n').replaceAll('\r', '\n');
        expect(Buffer.concat(pieces).toString()).toBe(expected);
        expect(pieces.every((piece) => piece.length > 0)).toBe(true);
        expect(withLineFeeds(given)).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('passes pieces without CR on as they are', async () => {
    const piece = Buffer.from('one\ntwo\n');
    async function* pieces() {
      yield piece;
    }
    for await (const same of normalizeNewlines(pieces())) {
      expect(same).toBe(piece);
    }
  });
});
