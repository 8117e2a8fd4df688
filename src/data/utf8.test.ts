import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findInvalidUtf8, incompleteUtf8Length, utf8CharacterLength } from './utf8.ts';

describe('findInvalidUtf8', () => {
  it('accepts every text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const bytes = Buffer.from(text);
        expect(findInvalidUtf8(bytes)).toBe(bytes.length);
      }),
    );
  });

  it('finds an error exactly where the decoder finds one', () => {
    const byte = fc.oneof(
      fc.constantFrom(0x41, 0x80, 0xbf, 0xc1, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5),
      fc.integer({ min: 0, max: 255 }),
    );
    const decodes = (bytes: Uint8Array, stream: boolean) => {
      try {
        new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream });
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 12 }), (array) => {
        const bytes = Uint8Array.from(array);
        const offset = findInvalidUtf8(bytes);
        expect(decodes(bytes.subarray(0, offset), false)).toBe(true);
        // No longer prefix is whole, so the sequence at the offset is the one that fails.
        for (let end = offset + 1; end <= bytes.length; end += 1) {
          expect(decodes(bytes.subarray(0, end), false)).toBe(false);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('incompleteUtf8Length', () => {
  it('counts the bytes of a character that is cut, wherever a text is cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(), (text, at) => {
        const bytes = Buffer.from(text);
        const cut = bytes.subarray(0, at % (bytes.length + 1));
        expect(incompleteUtf8Length(cut)).toBe(cut.length - findInvalidUtf8(cut));
      }),
    );
  });

  it('counts at most three bytes, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) => {
        const count = incompleteUtf8Length(bytes);
        expect(count).toBeLessThanOrEqual(3);
        if (count > 0) {
          expect(utf8CharacterLength(bytes[bytes.length - count]!)).toBeGreaterThan(count);
        }
      }),
    );
  });
});
