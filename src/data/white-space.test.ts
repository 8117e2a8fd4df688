import { describe, expect, it } from 'vitest';
import { isWhiteSpace, WHITE_SPACE_LEADS, whiteSpaceBytes } from './white-space.ts';

describe('white space', () => {
  it('is what \\s matches, of all code points, as code units and as UTF-8', () => {
    const wrong: number[] = [];
    for (let codePoint = 0; codePoint < 0x110000; codePoint += 1) {
      if (codePoint >= 0xd800 && codePoint <= 0xdfff) {
        continue;
      }
      const character = String.fromCodePoint(codePoint);
      const expected = /\s/u.test(character);
      const bytes = Buffer.from(character);
      const length = WHITE_SPACE_LEADS[bytes[0]!] === 0 ? 0 : whiteSpaceBytes(bytes, 0);
      if (
        (codePoint < 0x10000 && isWhiteSpace(codePoint) !== expected) ||
        length !== (expected ? bytes.length : 0) ||
        whiteSpaceBytes(bytes, 0) !== length
      ) {
        wrong.push(codePoint);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('is none that the bytes end within', () => {
    expect(whiteSpaceBytes(Uint8Array.of(0xe3, 0x80), 0)).toBe(0);
    expect(whiteSpaceBytes(Uint8Array.of(0xc2), 0)).toBe(0);
  });
});
