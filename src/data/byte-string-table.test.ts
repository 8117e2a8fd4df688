import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteStringTable, hashBytes } from './byte-string-table.ts';

const strings = fc.array(fc.uint8Array({ maxLength: 6 }), { maxLength: 300 });

describe('ByteStringTable', () => {
  it('numbers strings as a Map would, in the order in which they are first seen', () => {
    fc.assert(
      fc.property(strings, (all) => {
        const table = new ByteStringTable();
        const expected = new Map<string, number>();
        for (const bytes of all) {
          const key = Buffer.from(bytes).toString('hex');
          const hash = hashBytes(bytes, 0, bytes.length);
          expect(table.find(bytes, 0, bytes.length, hash)).toBe(expected.get(key) ?? -1);
          if (!expected.has(key)) expected.set(key, expected.size);
          expect(table.add(bytes, 0, bytes.length, hash)).toBe(expected.get(key));
        }
        expect(table.size).toBe(expected.size);
        for (const [key, index] of expected) {
          expect(Buffer.from(table.at(index)).toString('hex')).toBe(key);
        }
      }),
    );
  });

  it('keeps its strings while it grows, also those with the same hash', () => {
    const table = new ByteStringTable();
    const count = 20_000;
    for (let i = 0; i < count; i += 1) {
      const bytes = Buffer.from(`word ${i}`);
      expect(table.add(bytes, 0, bytes.length, i % 1000)).toBe(i);
    }
    for (let i = 0; i < count; i += 1) {
      const bytes = Buffer.from(`  word ${i}.`);
      expect(table.find(bytes, 2, bytes.length - 1, i % 1000)).toBe(i);
    }
  });
});
