import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trainTokenizer } from '../data/tokenizer.ts';
import { editDistance, findToken } from './find-token.ts';

const words = trainTokenizer('the king sees the queen\nThe kings sing\n', { kind: 'word' });
const characters = trainTokenizer('ab\n\\', { kind: 'char' });

function nameOf(tokenizer: typeof words, typed: string): string {
  const found = findToken(tokenizer, typed);
  return 'id' in found ? tokenizer.token(found.id) : 'none';
}

describe('the token that is meant', () => {
  it('is that of the text, or of the name', () => {
    expect(nameOf(words, 'king')).toBe('king');
    expect(nameOf(words, '<eol>')).toBe('<eol>');
    expect(nameOf(words, '<unk>')).toBe('<unk>');
    expect(nameOf(characters, 'a')).toBe('a');
    expect(nameOf(characters, '\n')).toBe('\\n');
    expect(nameOf(characters, '\\n')).toBe('\\n');
    expect(nameOf(characters, '\\')).toBe('\\\\');
  });

  it('is none where there are several, and the names most alike are told', () => {
    expect(findToken(words, 'king queen')).toEqual({ pieces: ['king', 'queen'], suggestions: [] });
    expect(findToken(words, 'kign')).toEqual({ pieces: [], suggestions: ['king'] });
    expect(findToken(words, 'THE')).toEqual({ pieces: [], suggestions: ['the', 'The'] });
    expect(findToken(words, 'xylophone')).toEqual({ pieces: [], suggestions: [] });
    expect(findToken(characters, 'ab')).toMatchObject({ pieces: ['a', 'b'] });
    expect(findToken(characters, '')).toEqual({ pieces: [], suggestions: [] });
  });
});

describe('the edit distance', () => {
  it.each([
    ['king', 'king', 0],
    ['king', 'kign', 1],
    ['king', 'kings', 1],
    ['king', 'ring', 1],
    ['kitten', 'sitting', 3],
    ['', 'ab', 2],
  ])('of %j and %j is %i', (a, b, distance) => {
    expect(editDistance(a, b, 9)).toBe(distance);
    expect(editDistance(b, a, 9)).toBe(distance);
  });

  it('is above what is asked for, where it is more', () => {
    const word = fc.string({ maxLength: 6, unit: fc.constantFrom('a', 'b', 'c') });
    fc.assert(
      fc.property(word, word, fc.integer({ min: 0, max: 3 }), (a, b, most) => {
        const exact = editDistance(a, b, 99);
        const found = editDistance(a, b, most);
        expect(exact <= most ? found : found > most).toBe(exact <= most ? exact : true);
      }),
    );
  });
});
