import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { tokenizerFromJson, trainTokenizer } from './tokenizer.ts';

const anyText = fc.string({ unit: 'binary', minLength: 1 });

function train(text: string, options = {}) {
  return trainTokenizer(text, { kind: 'char', ...options });
}

describe('the character tokenizer', () => {
  it('gives ids by code point and one more for the unknown', () => {
    const tokenizer = train('ba\n😀a');
    expect(tokenizer.vocabularySize).toBe(5);
    expect(tokenizer.unknownId).toBe(4);
    expect([...tokenizer.encode('\nab😀z')]).toEqual([0, 1, 2, 3, 4]);
    expect([0, 1, 2, 3, 4].map((id) => tokenizer.token(id))).toEqual([
      '\\n',
      'a',
      'b',
      '😀',
      '<unk>',
    ]);
  });

  it('restores every text that it was trained on, never splitting a code point', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const tokenizer = train(text);
        const ids = tokenizer.encode(text);
        expect(ids.length).toBe([...text].length);
        expect(tokenizer.decode(ids)).toBe(text);
        expect(tokenizer.findUnknown(text)).toBeUndefined();
        expect(tokenizer.vocabularySize).toBe(new Set(text).size + 1);
      }),
    );
  });

  it('decodes what it does not know to U+FFFD, one a code point, and finds the first', () => {
    fc.assert(
      fc.property(anyText, anyText, (known, text) => {
        const tokenizer = train(known);
        const characters = [...text];
        const isKnown = (c: string) => known.includes(c);
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(
          characters.map((c) => (isKnown(c) ? c : '\ufffd')).join(''),
        );
        const offset = characters.findIndex((c) => !isKnown(c));
        const found = tokenizer.findUnknown(text);
        expect(found?.offset).toBe(offset < 0 ? undefined : offset);
        expect(found?.piece).toBe(offset < 0 ? undefined : characters[offset]);
      }),
    );
  });

  it('comes back from JSON the same', () => {
    fc.assert(
      fc.property(anyText, anyText, fc.boolean(), (text, other, lowercase) => {
        const tokenizer = train(text, { lowercase });
        const restored = tokenizerFromJson(JSON.parse(JSON.stringify(tokenizer)));
        expect(restored.toJSON()).toEqual(tokenizer.toJSON());
        expect(restored.encode(other)).toEqual(tokenizer.encode(other));
      }),
    );
  });

  it('tells line and column of an unknown character in code points', () => {
    const tokenizer = train('ab😀\n');
    expect(tokenizer.findUnknown('a😀b\n😀a?b')).toEqual({
      piece: '?',
      offset: 6,
      line: 2,
      column: 3,
    });
  });

  it('keeps the most frequent characters, lower code points first', () => {
    expect(train('ccbbax', { vocabularySize: 4 }).toJSON().tokens).toEqual([
      'a',
      'b',
      'c',
      '<unk>',
    ]);
    expect(train('ccbbax', { minCount: 2 }).toJSON().tokens).toEqual(['b', 'c', '<unk>']);
    expect(train('aAB', { lowercase: true }).toJSON().tokens).toEqual(['a', 'b', '<unk>']);
  });

  it('refuses options that leave no character', () => {
    expect(() => train('abc', { vocabularySize: 1 })).toThrow(
      'expected a vocabulary of more than the 1 special token, found a size of 1',
    );
    expect(() => train('abc', { minCount: 2 })).toThrow('occur at least 2 times');
    expect(() => train('')).toThrow(UserError);
  });

  it('takes a lone surrogate, which no file can hold, for U+FFFD', () => {
    expect(train('a\ud800').decode([0, 1])).toBe('a\ufffd');
    expect([...train('a').encode('\udc00a')]).toEqual([1, 0]);
  });

  it('shows control characters and unusual spaces as escapes', () => {
    const tokenizer = train('\t\\ \u00a0\u200b');
    const shown = Array.from({ length: 5 }, (_, id) => tokenizer.token(id));
    expect(shown).toEqual(['\\t', ' ', '\\\\', '\\u{a0}', '\\u{200b}']);
  });

  it('refuses ids outside the vocabulary', () => {
    expect(() => train('a').decode([2])).toThrow('expected a token id in [0, 2), found 2');
    expect(() => train('a').token(-1)).toThrow(RangeError);
  });
});
