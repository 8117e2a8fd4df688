import { describe, expect, it } from 'vitest';
import { smallParts } from './small-parts.ts';

describe('small parts of bytes', () => {
  it.each([
    '',
    'a',
    'ab'.repeat(40_000),
    'aé'.repeat(30_000),
    'ab人'.repeat(30_000),
    '𝒳'.repeat(20_000),
  ])('of text %# are text, and all of it', (text) => {
    const bytes = Buffer.from(text);
    const parts = [...smallParts(bytes)];
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    for (const part of parts) {
      expect(part.length).toBeLessThanOrEqual(2 ** 15);
      expect(Buffer.from(Buffer.from(part).toString()).equals(part)).toBe(true);
    }
  });

  it('of bytes that are no text are cut somewhere', () => {
    const bytes = new Uint8Array(100_000).fill(0x80);
    expect(Buffer.concat([...smallParts(bytes)]).equals(bytes)).toBe(true);
  });
});
