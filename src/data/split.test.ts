import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { planSplit, type SplitOptions, type SplitPlan, splitChunks } from './split.ts';
import { cutChunks } from './testing/cut-chunks.ts';

interface Parts {
  train?: string;
  valid?: string;
  test?: string;
}

/** The parts of documents that come in chunks of these sizes; `|` where a document begins. */
async function partsOf(
  documents: readonly string[],
  plan: SplitPlan,
  ...sizes: number[]
): Promise<Parts> {
  const pieces = new Map<string, Buffer[]>();
  for await (const { part, chunk } of splitChunks(cutChunks(documents, ...sizes), plan)) {
    expect(chunk.bytes.length).toBeGreaterThan(0);
    const own = pieces.get(part) ?? [];
    pieces.set(part, own);
    // What a part's own chunks say, without the beginning that every part has.
    if (own.length > 0 && chunk.startsDocument) own.push(Buffer.from('|'));
    if (own.length === 0) expect(chunk.startsDocument).toBe(true);
    own.push(Buffer.from(chunk.bytes));
  }
  const parts = [...pieces].map(([part, own]) => [part, Buffer.concat(own).toString()]);
  expect(parts.map(([part]) => part)).toEqual(
    ['train', 'valid', 'test'].filter((part) => pieces.has(part)),
  );
  return Object.fromEntries(parts) as Parts;
}

function split(text: string, options?: SplitOptions): Promise<Parts> {
  return partsOf([text], planSplit([...text].length, options), text.length);
}

/** The parts by their definition, over the characters of the whole text. */
function expectedParts(text: string, plan: SplitPlan): Parts {
  const characters = [...text];
  const cutAt = (place: number, from: number) => {
    if (plan.boundary !== 'word' || place === plan.size) return place;
    const earliest = place - (place - from) / 10;
    for (const isFit of [(character: string) => character === '\n', (c: string) => /\s/.test(c)]) {
      for (let i = place; i >= earliest; i -= 1) {
        if (isFit(characters[i - 1]!)) return i;
      }
    }
    return place;
  };
  const { trainEnd, validEnd, size } = plan;
  const hasValid = trainEnd < validEnd;
  const first = cutAt(trainEnd, 0);
  const second = hasValid ? cutAt(validEnd, first) : first;
  const part = (start: number, end: number) => characters.slice(start, end).join('');
  return {
    train: part(0, first),
    ...(hasValid ? { valid: part(first, second) } : {}),
    ...(validEnd < size ? { test: part(second, size) } : {}),
  };
}

/** Text of short lines and words, and of long ones. */
const texts = fc
  .array(
    fc.constantFrom('a', 'bb', 'é', '😀', '日本', 'x'.repeat(40), '\n', ' ', '\u3000', '\u00a0'),
    {
      minLength: 40,
      maxLength: 400,
    },
  )
  .map((pieces) => pieces.join(''));
const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 });
const fractions = fc.constantFrom(0, 0.05, 0.1, 0.3, 0.45);

describe('splitting', () => {
  it('gives train, validation and test in the order of the text', async () => {
    expect(await split('0123456789', { validSplit: 0.2, testSplit: 0.1 })).toEqual({
      train: '0123456',
      valid: '78',
      test: '9',
    });
    expect(await split('0123456789')).toEqual({ train: '012345678', valid: '9' });
    expect(await split('0123456789', { validSplit: 0 })).toEqual({ train: '0123456789' });
    expect(await split('0123456789', { validSplit: 0.9 })).toMatchObject({ train: '0' });
    expect(await split('0123456789', { validSplit: 0, testSplit: 0.5 })).toEqual({
      train: '01234',
      test: '56789',
    });
  });

  it('gives the parts of the definition, whatever chunks the text comes in', async () => {
    const options = fc.record({
      validSplit: fractions,
      testSplit: fractions,
      boundary: fc.constantFrom('character' as const, 'word' as const),
    });
    await fc.assert(
      fc.asyncProperty(texts, sizes, options, async (text, cuts, chosen) => {
        const plan = planSplit([...text].length, chosen);
        const parts = await partsOf([text], plan, ...cuts);
        expect(parts).toEqual(expectedParts(text, plan));
        expect(Object.values(parts).join('')).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  it('takes the floor of the training fraction of characters, whatever the characters', async () => {
    const anyText = fc.string({ unit: 'binary', minLength: 20, maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(anyText, fc.integer({ min: 5, max: 95 }), async (text, percent) => {
        const { train } = await split(text, { validSplit: percent / 100 });
        const length = [...text].length;
        expect([...train!].length).toBe(Math.floor(((100 - percent) * length) / 100));
      }),
    );
  });

  it('never cuts a word in two where asked not to', async () => {
    const lines = fc.array(fc.constantFrom('a', 'bb', 'ccc', '\n', ' '), {
      minLength: 150,
      maxLength: 300,
    });
    await fc.assert(
      fc.asyncProperty(lines, async (pieces) => {
        const text = `${pieces.join(' ')} end`;
        const options = { validSplit: 0.3, testSplit: 0.2, boundary: 'word' } as const;
        const { train, valid } = await split(text, options);
        expect(train).toMatch(/\s$/);
        expect(valid).toMatch(/\s$/);
      }),
    );
  });

  it('cuts at a line end if one is near, else at white space, else at the place itself', async () => {
    const trainOf = async (text: string) =>
      (await split(text, { validSplit: 0.5, boundary: 'word' })).train;
    expect(await trainOf('aaaa bbbb cccc dddd\ne f gg hh ii jj kk lll\n')).toBe(
      'aaaa bbbb cccc dddd\n',
    );
    expect(await trainOf('a\nbbbbbbbb cccc ddddddd eeeeeeee')).toBe('a\nbbbbbbbb cccc ');
    expect(await trainOf('abcdefgh')).toBe('abcd');
  });

  it('looks back no further than a million characters for a place to cut', async () => {
    const lookBack = 2 ** 20;
    const half = 11 * lookBack;
    for (const [distance, found] of [
      [lookBack, true],
      [lookBack + 1, false],
    ] as const) {
      const text = `${'x'.repeat(half - distance - 1)}\n${'x'.repeat(half + distance)}`;
      const { train } = await split(text, { validSplit: 0.5, boundary: 'word' });
      expect(train!.length).toBe(found ? half - distance : half);
    }
  });

  it('keeps the beginnings of documents, and begins one with every part', async () => {
    const documents = ['0123', '45', '678', '9'];
    const plan = planSplit(10, { validSplit: 0.4, testSplit: 0.1 });
    for (const size of [1, 2, 10]) {
      expect(await partsOf(documents, plan, size)).toEqual({
        train: '0123|4',
        valid: '5|678',
        test: '9',
      });
    }
    const words = planSplit(20, { validSplit: 0.5, boundary: 'word' });
    for (const size of [1, 2, 20]) {
      const parts = await partsOf(['01234567 ', 'abc', 'defghijk'], words, size);
      expect(parts).toEqual({ train: '01234567 ', valid: 'abc|defghijk' });
    }
  });

  it('counts and cuts bytes where the text is taken for bytes', async () => {
    const bytes = Buffer.from([0xff, 0x80, 0x80, 0xc3, 0xa9, 0x20, 0x80, 0x80, 0x80, 0xf0]);
    const plan = planSplit(bytes.length, { validSplit: 0.2, testSplit: 0.4, boundary: 'byte' });
    async function* chunks() {
      yield { bytes: bytes.subarray(0, 5), startsDocument: true };
      yield { bytes: bytes.subarray(5), startsDocument: false };
    }
    const found: [string, number[]][] = [];
    for await (const { part, chunk } of splitChunks(chunks(), plan)) {
      found.push([part, [...chunk.bytes]]);
    }
    expect(found).toEqual([
      ['train', [0xff, 0x80, 0x80, 0xc3]],
      ['valid', [0xa9]],
      ['valid', [0x20]],
      ['test', [0x80, 0x80, 0x80, 0xf0]],
    ]);
  });

  it('ends with the text where that is shorter than planned', async () => {
    const plan = planSplit(30, { validSplit: 0.5, boundary: 'word' });
    expect(await partsOf(['abc def ghi jk'], plan, 5)).toEqual({ train: 'abc def ghi jk' });
  });
});

describe('a plan', () => {
  it('holds out a tenth, but a million characters at most, unless it is told how much', () => {
    expect(planSplit(1000)).toMatchObject({ trainEnd: 900, validEnd: 1000 });
    expect(planSplit(10_000_000)).toMatchObject({ trainEnd: 9_000_000, validEnd: 10_000_000 });
    expect(planSplit(20_000_000)).toMatchObject({ trainEnd: 19_000_000, validEnd: 20_000_000 });
    expect(planSplit(20_000_000, { testSplit: 0.25 })).toMatchObject({
      trainEnd: 14_000_000,
      validEnd: 15_000_000,
    });
    expect(planSplit(20_000_000, { validSplit: 0.1 }).trainEnd).toBe(18_000_000);
  });

  it('refuses fractions that cannot be and texts too short to cut', () => {
    expect(() => planSplit(3, { validSplit: 1 })).toThrow(
      'expected --valid-split to be a fraction in [0, 1), found 1',
    );
    expect(() => planSplit(3, { testSplit: Number.NaN })).toThrow('--test-split');
    expect(() => planSplit(3, { validSplit: 0.5, testSplit: 0.5 })).toThrow('add up to 1');
    expect(() => planSplit(1)).toThrow(UserError);
    expect(() => planSplit(1)).toThrow('found 1 character: nothing is left for the training part');
    expect(() => planSplit(0, { validSplit: 0 })).toThrow('found 0 characters: nothing is left');
    expect(() => planSplit(2, { testSplit: 0.1, boundary: 'byte' })).toThrow(
      'found 2 bytes: nothing is left for the validation part',
    );
  });
});
