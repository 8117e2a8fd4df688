import { describe, expect, it } from 'vitest';
import { trainTokenizer } from '../data/tokenizer.ts';
import { tokenTexts } from './token-text.ts';

function textsOf(kind: 'char' | 'word' | 'byte', learned: string, text: string) {
  const tokenizer = trainTokenizer(learned, { kind });
  return tokenTexts(tokenizer, tokenizer.encode(text)).map(({ lead, text: own }) => [lead, own]);
}

describe('the texts of tokens', () => {
  it('are characters, with a name for unknown ones and escapes for those that do not show', () => {
    const learned = 'ab \n\t\u001b\u202e\\é漢';
    expect(textsOf('char', learned, 'a \n\té漢\\').map(([, text]) => text)).toEqual([
      ...['a', ' ', '\n', '\t', 'é', '漢', '\\'],
    ]);
    expect(textsOf('char', learned, '\u001b\u202ez').map(([, text]) => text)).toEqual([
      ...['\\u{1b}', '\\u{202e}', '<unk>'],
    ]);
  });

  it('are words, with the space between two of them apart', () => {
    expect(textsOf('word', 'to be or\nnot\n', 'to be not\nto see')).toEqual([
      ...[
        ['', 'to'],
        [' ', 'be'],
        [' ', 'not'],
        ['', '\n'],
        ['', 'to'],
        [' ', '<unk>'],
      ],
    ]);
  });

  it('are names of bytes where these are no whole character', () => {
    expect(textsOf('byte', '', 'aé b').map(([, text]) => text)).toEqual([
      ...['a', '\\xc3', '\\xa9', ' ', 'b'],
    ]);
    expect(textsOf('byte', '', 'aé b').every(([lead]) => lead === '')).toBe(true);
  });

  it('keep the space that a piece of words begins with', () => {
    const tokenizer = trainTokenizer('the fox the fox the fox', {
      kind: 'bpe',
      vocabularySize: 270,
    });
    const texts = tokenTexts(tokenizer, tokenizer.encode('the fox'));
    expect(texts.map(({ lead, text }) => lead + text).join('')).toBe('the fox');
    expect(texts.map(({ lead }) => lead).join('')).toBe('');
  });
});
