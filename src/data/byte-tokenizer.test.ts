import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteTokenizer } from './byte-tokenizer.ts';
import { decodeOneByOne, encodePieces } from './testing/tokenizing.ts';
import { tokenizerFromJson, trainTokenizer } from './tokenizer.ts';

const tokenizer = new ByteTokenizer();
/** Bytes of which many make characters, and many almost. */
const bytes = fc.oneof(
  fc.uint8Array(),
  fc.string({ unit: 'binary' }).map((text) => new Uint8Array(Buffer.from(text))),
  fc
    .array(
      fc.constantFrom(0x41, 0x80, 0xbf, 0xc3, 0xe0, 0xa0, 0xed, 0xef, 0xbb, 0xf0, 0x9f, 0xf4, 0xff),
    )
    .map((all) => Uint8Array.from(all)),
);

describe('the byte tokenizer', () => {
  it('gives the bytes themselves, wherever they are cut', () => {
    fc.assert(
      fc.property(fc.array(bytes), (pieces) => {
        const whole = Buffer.concat(pieces);
        const ids = encodePieces(tokenizer, pieces);
        expect(ids).toEqual([...whole]);
        expect(Buffer.from(tokenizer.decodeBytes(ids))).toEqual(whole);
        expect(tokenizer.decode(ids)).toBe(whole.toString());
      }),
    );
  });

  it('decodes one at a time to the same text, and never to half a character', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 256 })), bytes, (ids, more) => {
        const all = [...ids, ...more];
        expect(decodeOneByOne(tokenizer, all)).toBe(tokenizer.decode(all));
        const decoder = tokenizer.decoder();
        for (const id of all) {
          expect(decoder.push(id)).not.toMatch(/\p{Surrogate}/u);
        }
      }),
    );
    const decoder = tokenizer.decoder();
    const shown = [...Buffer.from('\ufeffé😀')].map((byte) => decoder.push(byte));
    expect(shown).toEqual(['', '', '\ufeff', '', 'é', '', '', '', '😀']);
  });

  it('ends a text with what it holds: the next one begins with a character of its own', () => {
    expect(tokenizer.endOfTextId).toBe(256);
    expect(tokenizer.decode([0x61, 256, 0x62])).toBe('ab');
    expect(tokenizer.decode([0xc3, 256, 0xa9])).toBe('\ufffd\ufffd');
    expect([...tokenizer.decodeBytes([0xc3, 256, 0xa9])]).toEqual([0xc3, 0xa9]);
  });

  it('knows everything, and has 257 ids', () => {
    expect(tokenizer.vocabularySize).toBe(257);
    expect(tokenizer.unknownId).toBeUndefined();
    expect(tokenizer.findUnknown()).toBeUndefined();
    expect(() => tokenizer.decode([257])).toThrow('expected a token id in [0, 257), found 257');
    expect(() => tokenizer.decodeBytes([-1])).toThrow(RangeError);
    expect(() => tokenizer.token(300)).toThrow(RangeError);
  });

  it('shows control characters and bytes beyond ASCII as escapes', () => {
    const shown = [0x0a, 0x20, 0x41, 0x00, 0x7f, 0x80, 0xff, 256].map((id) => tokenizer.token(id));
    expect(shown).toEqual([
      '\\n',
      ' ',
      'A',
      '\\u{0}',
      '\\u{7f}',
      '\\x80',
      '\\xff',
      '<|endoftext|>',
    ]);
  });

  it('needs no text to learn from, and comes back from JSON', () => {
    const trained = trainTokenizer('', { kind: 'byte' });
    const restored = tokenizerFromJson(JSON.parse(JSON.stringify(trained)));
    expect(restored.toJSON()).toEqual({ format: 'gru-lm-tokenizer', version: 1, kind: 'byte' });
    expect([...restored.encode('aé\ud800')]).toEqual([0x61, 0xc3, 0xa9, 0xef, 0xbf, 0xbd]);
  });
});
