import fc from 'fast-check';
import { expect, it } from 'vitest';
import { countCharacters, measureText } from './measure-text.ts';
import { cutChunks } from './testing/cut-chunks.ts';

it('measures what the whole text has, whatever chunks it comes in', async () => {
  const documents = fc.array(fc.string({ unit: 'binary', minLength: 1, maxLength: 3000 }));
  const sizes = fc.array(
    fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 2000 })),
    {
      minLength: 1,
    },
  );
  await fc.assert(
    fc.asyncProperty(documents, sizes, async (texts, cuts) => {
      expect(await measureText(cutChunks(texts, ...cuts))).toEqual({
        characters: [...texts.join('')].length,
        bytes: Buffer.byteLength(texts.join('')),
        documents: texts.length,
      });
    }),
    { numRuns: 50 },
  );
});

it('counts characters of every length, alone and in numbers', () => {
  for (const character of ['a', '\0', 'é', '‰', '\uffff', '😀', '\u{10ffff}']) {
    for (const count of [0, 1, 2, 3, 5, 1019, 1020, 1021, 100_000]) {
      expect(countCharacters(Buffer.from(character.repeat(count)))).toBe(count);
    }
  }
});
