import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenArray, type TokenSequence } from './token-sequence.ts';
import { withUnknowns } from './unknowns.ts';

const UNKNOWN = 0;
const END = 1;
const words = { kind: 'word', unknownId: UNKNOWN, endOfTextId: END, vocabularySize: 60 } as const;

function readAll(tokens: TokenSequence, pass: number): number[] {
  const target = new Int32Array(tokens.length);
  tokens.read(0, target, pass);
  return [...target];
}

describe('tokens with unknown ones among them', () => {
  const texts = fc.array(fc.integer({ min: 0, max: 59 }), { maxLength: 120 });

  it('are unknown in one of two passes if they occur once, and else as they are', async () => {
    await fc.assert(
      fc.asyncProperty(texts, fc.nat(9), async (ids, pass) => {
        const text = new TokenArray(Int32Array.from(ids));
        const { sequence: tokens } = await withUnknowns(text, words);
        const [one, other] = [readAll(tokens, pass), readAll(tokens, pass + 1)];
        for (const [i, id] of ids.entries()) {
          const isRare = id !== END && ids.filter((each) => each === id).length === 1;
          const expected = isRare ? [UNKNOWN, id] : [id, id];
          expect([one[i], other[i]].toSorted()).toEqual(expected.toSorted());
        }
        expect(readAll(tokens, pass + 2)).toEqual(one);
      }),
    );
  });

  it('are counted, on the mean of two passes', async () => {
    await fc.assert(
      fc.asyncProperty(texts, fc.constantFrom('word', 'file'), async (ids, kind) => {
        const text = new TokenArray(Int32Array.from(ids));
        const { sequence, counts } = await withUnknowns(text, { ...words, kind });
        const both = [...readAll(sequence, 0), ...readAll(sequence, 1)];
        const expected = Array.from({ length: 60 }, (_, id) => both.filter((x) => x === id).length);
        expect([...counts]).toEqual(expected.map((count) => count / 2));
      }),
    );
  });

  it('are the same in whatever windows they are read', async () => {
    await fc.assert(
      fc.asyncProperty(texts, fc.nat(120), fc.nat(3), async (ids, cut, pass) => {
        const text = new TokenArray(Int32Array.from(ids));
        const { sequence: tokens } = await withUnknowns(text, words);
        const first = new Int32Array(Math.min(cut, ids.length));
        const rest = new Int32Array(ids.length - first.length);
        tokens.read(0, first, pass);
        tokens.read(first.length, rest, pass);
        expect([...first, ...rest]).toEqual(readAll(tokens, pass));
      }),
    );
  });

  it('are unknown by halves in each pass, over more than a block of text', async () => {
    const count = 100_000;
    const ids = Int32Array.from({ length: count }, (_, i) => i + 2);
    const all = { ...words, vocabularySize: count + 2 };
    const { sequence: tokens } = await withUnknowns(new TokenArray(ids), all);
    for (const pass of [0, 1]) {
      const unknown = readAll(tokens, pass).filter((id) => id === UNKNOWN).length;
      expect(Math.abs(unknown / count - 0.5)).toBeLessThan(0.001);
    }
  });

  it('are left alone where nothing is unknown, nothing is rare, or the vocabulary is another’s', async () => {
    const rare = new TokenArray(Int32Array.of(2, 3, 3));
    const sequenceOf = async (...args: Parameters<typeof withUnknowns>) =>
      (await withUnknowns(...args)).sequence;
    expect(await sequenceOf(rare, { ...words, unknownId: undefined })).toBe(rare);
    expect(await sequenceOf(rare, { ...words, kind: 'file' })).toBe(rare);
    const frequent = new TokenArray(Int32Array.of(2, 2, 3, 3, END));
    expect(await sequenceOf(frequent, words)).toBe(frequent);
    expect(await sequenceOf(new TokenArray(new Int32Array()), words)).toHaveLength(0);
  });
});
