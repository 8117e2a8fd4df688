import { describe, expect, it } from 'vitest';
import { toWellFormed, utf8Pieces } from './text-pieces.ts';

describe('a string as UTF-8 in pieces', () => {
  it('is cut between characters', () => {
    for (const before of ['', 'x']) {
      const text = before + '😀'.repeat(400_000);
      const pieces = Array.from(utf8Pieces(text), (piece) => Buffer.from(piece).toString());
      expect(pieces.length).toBeGreaterThan(2);
      expect(pieces.join('') === text).toBe(true);
    }
  });

  it('has U+FFFD for what is no character', () => {
    const text = 'a\ud800😀\udc00';
    expect(Buffer.concat([...utf8Pieces(text)]).toString()).toBe('a\ufffd😀\ufffd');
    expect(toWellFormed(text)).toBe('a\ufffd😀\ufffd');
    expect([...utf8Pieces('')]).toEqual([]);
  });
});
