import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { CharTrainer } from './char-trainer.ts';
import {
  anyUnits,
  decodeOneByOne,
  encodePieces,
  textPieces,
  trainPieces,
} from './testing/tokenizing.ts';
import { tokenizerFromJson, trainTokenizer } from './tokenizer.ts';

/** To make a tokenizer takes a table of all code points, and so some time. */
const few = { numRuns: 25 };

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
      few,
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
      few,
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
      few,
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

  it('reads a lone surrogate, which no file can hold, as U+FFFD', () => {
    const tokenizer = train('a\ud800');
    expect([...tokenizer.encode('\udc00a')]).toEqual([1, 0]);
    expect(train('a').findUnknown('a\ud800')).toMatchObject({ piece: '\ufffd', offset: 1 });
    fc.assert(
      fc.property(anyUnits, (text) => {
        fc.pre(text !== '');
        const wellFormed = text.replace(/\p{Surrogate}/gu, '\ufffd');
        expect(train(text).toJSON()).toEqual(train(wellFormed).toJSON());
        expect(train(text).decode(train(text).encode(text))).toBe(wellFormed);
      }),
      few,
    );
  });

  it('learns and encodes the same however the text is cut', () => {
    fc.assert(
      fc.property(textPieces, textPieces, fc.boolean(), (known, pieces, lowercase) => {
        fc.pre(known.join('') !== '');
        const tokenizer = train(known.join(''), { lowercase });
        const trainer = new CharTrainer({ lowercase });
        expect(trainPieces(trainer, known).toJSON()).toEqual(tokenizer.toJSON());
        const bytes = pieces.map((piece) => Buffer.from(piece));
        const ids = tokenizer.encode(pieces.join(''));
        expect(encodePieces(tokenizer, bytes)).toEqual([...ids]);
        expect(decodeOneByOne(tokenizer, ids)).toBe(tokenizer.decode(ids));
        expect(Buffer.from(tokenizer.decodeBytes(ids)).toString()).toBe(tokenizer.decode(ids));
      }),
      few,
    );
  });

  it('encodes texts of any length', () => {
    const tokenizer = train('ab😀');
    const text = 'a😀b'.repeat(200_000);
    const ids = tokenizer.encode(text);
    expect(ids.length).toBe(600_000);
    expect(tokenizer.decode(ids)).toBe(text);
  });

  it('has an end of text after all else where it is asked for, which decodes to nothing', () => {
    const tokenizer = train('ba', { endOfText: true });
    expect(tokenizer.toJSON().tokens).toEqual(['a', 'b', '<unk>', '<|endoftext|>']);
    expect(tokenizer.endOfTextId).toBe(3);
    expect(tokenizer.token(3)).toBe('<|endoftext|>');
    expect(tokenizer.decode([0, 3, 1, 2])).toBe('ab\ufffd');
    const restored = tokenizerFromJson(JSON.parse(JSON.stringify(tokenizer)));
    expect(restored.endOfTextId).toBe(3);
    expect(train('ba').endOfTextId).toBeUndefined();
    expect(() => train('a', { endOfText: true, vocabularySize: 2 })).toThrow(
      'the 2 special tokens',
    );
  });

  it('reads the files of version 0.1.0 as that did', () => {
    const tokenizer = tokenizerFromJson({
      format: 'gru-lm-tokenizer',
      version: 1,
      kind: 'char',
      lowercase: true,
      tokens: ['\n', ' ', 'a', 'ß', 'я', '我', '😀', '<unk>'],
    });
    expect([...tokenizer.encode('A ß😀\nЯ?我\0')]).toEqual([2, 1, 3, 6, 0, 4, 7, 5, 7]);
    expect(tokenizer.decode([2, 7, 6])).toBe('a\ufffd😀');
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
