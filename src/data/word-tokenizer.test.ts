import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tokenizerFromJson, trainTokenizer } from './tokenizer.ts';

const word = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 6 })
  .filter((text) => /^\S+$/.test(text) && text !== '<eol>');
const line = fc.array(word, { maxLength: 5 }).map((words) => words.join(' '));
/** Lines of words with one space between them. */
const normalText = fc.array(line, { minLength: 1, maxLength: 5 }).map((lines) => lines.join('\n'));
const textWithWord = normalText.filter((text) => /\S/.test(text.replaceAll('<unk>', '')));

function train(text: string, options = {}) {
  return trainTokenizer(text, { kind: 'word', ...options });
}

describe('the word tokenizer', () => {
  it('gives ids by frequency, then by first appearance, after the special tokens', () => {
    const tokenizer = train('to be or\nnot to be');
    expect(tokenizer.toJSON().tokens).toEqual(['<unk>', '<eol>', 'to', 'be', 'or', 'not']);
    expect(tokenizer.unknownId).toBe(0);
    expect([...tokenizer.encode('not that\n\nbe')]).toEqual([5, 0, 1, 1, 3]);
  });

  it('restores text that is already normalised', () => {
    fc.assert(
      fc.property(textWithWord, (text) => {
        const tokenizer = train(text);
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
        expect(tokenizer.findUnknown(text)).toBeUndefined();
      }),
    );
  });

  it('splits at all white space, as a regular expression does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const pieces = text.match(/\n|\S+/g) ?? [];
        const tokenizer = train('x');
        const expected = pieces.map((piece) => (piece === '\n' ? 1 : piece === 'x' ? 2 : 0));
        expect([...tokenizer.encode(text)]).toEqual(expected);
      }),
    );
    const spaces = Array.from({ length: 0x10000 }, (_, i) => String.fromCharCode(i)).filter((c) =>
      /\s/.test(c),
    );
    expect(train(`a${spaces.join('a')}`).vocabularySize).toBe(3);
  });

  it('comes back from JSON the same', () => {
    fc.assert(
      fc.property(textWithWord, normalText, (text, other) => {
        const tokenizer = train(text);
        const restored = tokenizerFromJson(JSON.parse(JSON.stringify(tokenizer)));
        expect(restored.toJSON()).toEqual(tokenizer.toJSON());
        expect(restored.encode(other)).toEqual(tokenizer.encode(other));
      }),
    );
  });

  it('keeps words such as __proto__ and constructor apart from its own workings', () => {
    const tokenizer = train('__proto__ constructor __proto__');
    expect([...tokenizer.encode('constructor __proto__ toString')]).toEqual([3, 2, 0]);
  });

  it('counts the special tokens in the size of the vocabulary', () => {
    expect(train('a b b c c c', { vocabularySize: 4 }).toJSON().tokens).toEqual([
      '<unk>',
      '<eol>',
      'c',
      'b',
    ]);
    expect(train('a b b c c c', { minCount: 3 }).vocabularySize).toBe(3);
    expect(() => train('a', { vocabularySize: 2 })).toThrow('more than the 2 special tokens');
    expect(() => train(' \n ')).toThrow('found none in the training text');
  });

  it('maps <unk> in the text to the unknown id, and <eol> too, which is no line end', () => {
    const tokenizer = train('<unk> a <eol> b');
    expect(tokenizer.vocabularySize).toBe(4);
    expect([...tokenizer.encode('<unk> a <eol>\n')]).toEqual([0, 2, 0, 1]);
    expect(tokenizer.findUnknown('a <unk>')).toBeUndefined();
    expect(tokenizer.findUnknown('a <eol>')?.piece).toBe('<eol>');
  });

  it('tells line and column of an unknown word', () => {
    expect(train('a 😀').findUnknown('a a\n 😀  bee a')).toEqual({
      piece: 'bee',
      offset: 8,
      line: 2,
      column: 5,
    });
  });

  it('lowercases before it looks words up', () => {
    const tokenizer = train('The the THE cat', { lowercase: true });
    expect(tokenizer.toJSON().tokens).toEqual(['<unk>', '<eol>', 'the', 'cat']);
    expect([...tokenizer.encode('CAT thE')]).toEqual([3, 2]);
  });

  it('puts no space around line ends', () => {
    expect(train('a b').decode([2, 3, 1, 1, 2, 0])).toBe('a b\n\na <unk>');
    expect(() => train('a b').decode([4])).toThrow('expected a token id in [0, 4), found 4');
  });
});
