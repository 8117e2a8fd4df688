import { describe, expect, it } from 'vitest';
import { type Tokenizer, trainTokenizer } from '../data/tokenizer.ts';
import type { UserError } from '../errors.ts';
import { namedTokens } from './named-tokens.ts';

const chars = trainTokenizer('ab\n\u0001', { kind: 'char', endOfText: true });
const words = trainTokenizer('the fox <odd>\n', { kind: 'word' });
const bytes = trainTokenizer('', { kind: 'byte' });
const pieces = trainTokenizer('the the the fox fox é é é', { kind: 'bpe', vocabularySize: 270 });

describe('a token', () => {
  it.each([
    [chars, 'a'],
    [chars, '\n'],
    [words, 'fox'],
    [words, '<odd>'],
    [bytes, 'a'],
    [pieces, ' the'],
    [pieces, 'é'],
  ] as const)('is named by its text, case %#', (tokenizer, name) => {
    const [id] = namedTokens(tokenizer, [name], 'ban');
    expect(tokenizer.encode(name)).toEqual(Int32Array.of(id!));
  });

  it.each([
    [chars, '\\n', '\n'],
    [chars, '\\u{1}', '\u0001'],
    [words, '<eol>', '\n'],
  ] as const)('is named as it is shown, case %#', (tokenizer, name, text) => {
    expect(namedTokens(tokenizer, [name], 'ban')).toEqual([...tokenizer.encode(text)]);
  });

  it('that is no text is named as it is shown', () => {
    expect(namedTokens(chars, ['<|endoftext|>'], 'ban')).toEqual([chars.endOfTextId]);
    expect(namedTokens(bytes, ['\\xe2', '\\n'], 'ban')).toEqual([0xe2, 0x0a]);
    const [id] = namedTokens(pieces, ['\\xc3'], 'ban');
    expect([...pieces.decodeBytes([id!])]).toEqual([0xc3]);
  });

  function refusal(tokenizer: Tokenizer, name: string): string {
    try {
      namedTokens(tokenizer, [name], 'ban');
    } catch (error) {
      expect((error as UserError).code).toBe('usage');
      return (error as Error).message;
    }
    throw new Error(`${name} was taken`);
  }

  it.each([
    [chars, 'ab\n', '"ab\\n", which is 3: "a", "b", "\\n"'],
    [words, 'the fox', '"the fox", which is 2: "the", "fox"'],
    [chars, 'é', '"é", which the model does not know, and so never makes'],
    [words, '<unk>', '"<unk>", which the model does not know, and so never makes'],
    [words, ' ', '" ", which is none'],
    [bytes, 'eight by', '"eight by", which is 8: "e", "i", "g", "h", "t", " ", …'],
  ] as const)('is refused where the text is none, case %#', (tokenizer, name, found) => {
    expect(refusal(tokenizer, name)).toBe(
      `--ban: expected a text that is one token, found ${found}`,
    );
  });
});
