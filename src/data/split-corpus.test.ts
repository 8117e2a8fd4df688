import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { splitCorpus } from './split-corpus.ts';

describe('splitCorpus', () => {
  it('gives train, validation and test in the order of the text', () => {
    expect(splitCorpus('0123456789', { validSplit: 0.2, testSplit: 0.1 })).toEqual({
      train: '0123456',
      valid: '78',
      test: '9',
    });
    expect(splitCorpus('0123456789')).toEqual({ train: '012345678', valid: '9' });
    expect(splitCorpus('0123456789', { validSplit: 0 })).toEqual({ train: '0123456789' });
    expect(splitCorpus('0123456789', { validSplit: 0.9 }).train).toBe('0');
  });

  it('takes the floor of the training fraction of characters, whatever the characters', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 20, maxLength: 200 }),
        fc.integer({ min: 5, max: 95 }),
        (text, percent) => {
          const { train, valid } = splitCorpus(text, { validSplit: percent / 100 });
          const length = [...text].length;
          expect([...train].length).toBe(Math.floor(((100 - percent) * length) / 100));
          expect(train + valid).toBe(text);
        },
      ),
    );
  });

  it('never cuts a word in two where asked not to', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'bb', 'ccc', '\n', ' '), { minLength: 150, maxLength: 300 }),
        (pieces) => {
          const text = `${pieces.join(' ')} end`;
          const parts = splitCorpus(text, { validSplit: 0.3, testSplit: 0.2, boundary: 'word' });
          expect(parts.train + parts.valid + parts.test).toBe(text);
          expect(parts.train).toMatch(/\s$/);
          expect(parts.valid).toMatch(/\s$/);
        },
      ),
    );
  });

  it('cuts at a line end if one is near, else at white space, else at the place itself', () => {
    const words = (text: string) => splitCorpus(text, { validSplit: 0.5, boundary: 'word' }).train;
    expect(words('aaaa bbbb cccc dddd\ne f gg hh ii jj kk lll\n')).toBe('aaaa bbbb cccc dddd\n');
    expect(words('a\nbbbbbbbb cccc ddddddd eeeeeeee')).toBe('a\nbbbbbbbb cccc ');
    expect(words('abcdefgh')).toBe('abcd');
  });

  it('uses texts of their own instead of cutting', () => {
    expect(splitCorpus('0123456789', { valid: 'v', test: 't' })).toEqual({
      train: '0123456789',
      valid: 'v',
      test: 't',
    });
    expect(splitCorpus('0123456789', { test: 't' })).toEqual({
      train: '012345678',
      valid: '9',
      test: 't',
    });
  });

  it('refuses fractions that cannot be and texts too short to cut', () => {
    expect(() => splitCorpus('abc', { validSplit: 1 })).toThrow(
      'expected --valid-split to be a fraction in [0, 1), found 1',
    );
    expect(() => splitCorpus('abc', { testSplit: Number.NaN })).toThrow('--test-split');
    expect(() => splitCorpus('abc', { validSplit: 0.5, testSplit: 0.5 })).toThrow('add up to 1');
    expect(() => splitCorpus('a')).toThrow(UserError);
    expect(() => splitCorpus('a')).toThrow(
      'found 1 character: nothing is left for the training part',
    );
  });
});
