import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lowercaseUtf8, toLowercase } from './lowercase.ts';

/** Every code point but the surrogates. */
const characters = Array.from({ length: 0x110000 }, (_, codePoint) => codePoint)
  .filter((codePoint) => codePoint < 0xd800 || codePoint > 0xdfff)
  .map((codePoint) => String.fromCodePoint(codePoint));

describe('lowercase', () => {
  it('is that of each character, whatever stands around it', () => {
    const lower = characters.map(toLowercase);
    for (const [before, after] of [
      ['', ''],
      ['a', ''],
      ['Α', '.'],
      ['I', '\u0307'],
      ['\u0345', '\u00ad'],
    ] as const) {
      const text = characters.map((character) => before + character + after).join('');
      const [b, a] = [toLowercase(before), toLowercase(after)];
      // Not toBe: the difference of two such strings would take minutes to show.
      expect(toLowercase(text) === lower.map((character) => b + character + a).join('')).toBe(true);
    }
  });

  it('is that of JavaScript but for the final sigma', () => {
    const different = characters.filter((c) => toLowercase(c) !== c.toLowerCase());
    expect(different).toEqual([]);
    expect('ΟΔΟΣ'.toLowerCase()).toBe('οδος');
    expect(toLowercase('ΟΔΟΣ')).toBe('οδοσ');
  });

  it('is the same of UTF-8, also where that lies within a larger buffer', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const bytes = Buffer.from(`AB${text}`).subarray(2);
        expect(Buffer.from(lowercaseUtf8(bytes)).toString()).toBe(toLowercase(text));
      }),
    );
  });
});
