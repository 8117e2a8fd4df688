import { describe, expect, it } from 'vitest';
import { cutInPieces, fitTo, showCells } from './columns.ts';

describe('text in columns', () => {
  it('is filled up or cut to its width, at either end', () => {
    expect(fitTo('ab', 4)).toBe('ab  ');
    expect(fitTo('ab', 4, 'end')).toBe('  ab');
    expect(fitTo('abcdef', 4)).toBe('abc…');
    expect(fitTo('abcdef', 4, 'end')).toBe('…def');
    expect(fitTo('漢字字', 4)).toBe('漢… ');
    expect(fitTo('漢字', 4)).toBe('漢字');
  });

  it('is cut in pieces between characters', () => {
    expect(cutInPieces('abcde', 2)).toEqual(['ab', 'cd', 'e']);
    expect(cutInPieces('漢字a', 3)).toEqual(['漢', '字a']);
    expect(cutInPieces('ab', 9)).toEqual(['ab']);
  });

  it('shows line ends, tabs and marks that would stand on the character before', () => {
    expect(showCells('a\n\t')).toBe('a␊␉');
    expect(showCells('\u0301')).toBe('\u25cc\u0301');
  });
});
