import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  anyUnits,
  decodeOneByOne,
  encodePieces,
  textPieces,
  trainPieces,
} from './testing/tokenizing.ts';
import { tokenizerFromJson, trainTokenizer } from './tokenizer.ts';
import { WordTrainer } from './word-trainer.ts';

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

  it('normalises all other text: one space between words, none at the ends of lines', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyUnits,
          textPieces.map((pieces) => pieces.join('')),
        ),
        (text) => {
          const lines = text.replace(/\p{Surrogate}/gu, '\ufffd').split('\n');
          const normal = lines.map((each) => (each.match(/\S+/g) ?? []).join(' ')).join('\n');
          fc.pre(/[^<>\s]/.test(normal.replace(/<unk>|<eol>|<\|endoftext\|>/g, '')));
          const tokenizer = train(text);
          const expected = normal.replace(/(?<!\S)(<eol>|<\|endoftext\|>)(?!\S)/g, '<unk>');
          expect(tokenizer.decode(tokenizer.encode(text))).toBe(expected);
        },
      ),
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

  it('learns and encodes the same however the text is cut', () => {
    fc.assert(
      fc.property(textPieces, textPieces, fc.boolean(), (known, pieces, lowercase) => {
        const options = { lowercase, endOfText: true };
        const tokenizer = train(`x ${known.join('')}`, options);
        const trainer = new WordTrainer(options);
        expect(trainPieces(trainer, ['x ', ...known]).toJSON()).toEqual(tokenizer.toJSON());
        const bytes = pieces.map((piece) => Buffer.from(piece));
        const ids = tokenizer.encode(pieces.join(''));
        expect(encodePieces(tokenizer, bytes)).toEqual([...ids]);
        const all = [...ids, 2, ...ids];
        expect(decodeOneByOne(tokenizer, all)).toBe(tokenizer.decode(all));
        expect(Buffer.from(tokenizer.decodeBytes(all)).toString()).toBe(tokenizer.decode(all));
        if (!pieces.join('').includes('<unk>')) {
          const hasUnknown = ids.includes(tokenizer.unknownId!);
          expect(tokenizer.findUnknown(pieces.join('')) !== undefined).toBe(hasUnknown);
        }
      }),
    );
  });

  it('takes any bytes, in any pieces, for words or what is between them', () => {
    const tokenizer = train('a b');
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (pieces) => {
        for (const id of encodePieces(tokenizer, pieces)) {
          expect(id).toBeLessThan(tokenizer.vocabularySize);
        }
      }),
    );
  });

  it('comes back from JSON the same', () => {
    fc.assert(
      fc.property(textWithWord, normalText, fc.boolean(), (text, other, endOfText) => {
        const tokenizer = train(text, { endOfText });
        const restored = tokenizerFromJson(JSON.parse(JSON.stringify(tokenizer)));
        expect(restored.toJSON()).toEqual(tokenizer.toJSON());
        expect(restored.encode(other)).toEqual(tokenizer.encode(other));
        expect(restored.endOfTextId).toBe(endOfText ? 2 : undefined);
      }),
    );
  });

  it('reads the files of version 0.1.0 as that did', () => {
    const tokenizer = tokenizerFromJson({
      format: 'gru-lm-tokenizer',
      version: 1,
      kind: 'word',
      lowercase: true,
      tokens: ['<unk>', '<eol>', 'the', 'cat', '😀!', '<|endoftext|>', `${'x'.repeat(2000)}`],
    });
    const text = `The  CAT\t😀!\u3000sat\n<|endoftext|> ${'X'.repeat(2000)} <eol>`;
    expect([...tokenizer.encode(text)]).toEqual([2, 3, 4, 0, 1, 5, 6, 0]);
    expect(tokenizer.decode([2, 0, 1, 5])).toBe('the <unk>\n<|endoftext|>');
    expect(tokenizer.endOfTextId).toBeUndefined();
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
    expect(() => train('a', { vocabularySize: 3, endOfText: true })).toThrow(
      'the 3 special tokens',
    );
    expect(() => train(' \n ')).toThrow('found none in the training text');
  });

  it('has an end of text where it is asked for, which decodes to nothing and ends a line', () => {
    const tokenizer = train('b a', { endOfText: true });
    expect(tokenizer.toJSON().tokens).toEqual(['<unk>', '<eol>', '<|endoftext|>', 'b', 'a']);
    expect(tokenizer.endOfTextId).toBe(2);
    expect(tokenizer.token(2)).toBe('<|endoftext|>');
    expect(tokenizer.decode([3, 2, 4, 3])).toBe('ba b');
  });

  it('maps special tokens in the text to the unknown id: they are not what they spell', () => {
    const tokenizer = train('<unk> a <eol> b <|endoftext|>');
    expect(tokenizer.vocabularySize).toBe(4);
    expect([...tokenizer.encode('<unk> a <eol>\n<|endoftext|>')]).toEqual([0, 2, 0, 1, 0]);
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

  it('takes a word of more than 1,024 bytes for one that is unknown, however it is cut', () => {
    const long = 'é'.repeat(512);
    const tokenizer = train(`a ${long} ${long}x b`);
    expect(tokenizer.toJSON().tokens).toEqual(['<unk>', '<eol>', 'a', long, 'b']);
    const pieces = ['a ', long, 'x', long, ' b\n', long, ' ', long, long, long];
    const bytes = pieces.map((piece) => Buffer.from(piece));
    expect(encodePieces(tokenizer, bytes)).toEqual([2, 0, 4, 1, 3, 0]);
    expect([...tokenizer.encode(pieces.join(''))]).toEqual([2, 0, 4, 1, 3, 0]);
    expect(tokenizer.findUnknown(`a ${long}x`)?.piece).toBe(`${long}x`);
  });
});

describe('what limits a word vocabulary', () => {
  const learn = (text: string, limits: object, options = {}) => {
    const trainer = new WordTrainer(options, limits);
    const tokenizer = trainPieces(trainer, [text]);
    return { words: (tokenizer.toJSON().tokens as string[]).slice(2), notices: trainer.notices };
  };

  it('is a number of words, which a notice tells where no size was asked for', () => {
    expect(learn('a b b c c c d', { words: 2 })).toEqual({
      words: ['c', 'b'],
      notices: [
        '4 distinct words: the 2 most frequent are kept, others are <unk>; --vocab-size N keeps more',
      ],
    });
    expect(learn('a b b c c c d', { words: 4 }).notices).toEqual([]);
    expect(learn('a b b c c c d', { words: 2 }, { minCount: 2 }).notices).toEqual([]);
    expect(learn('a b b c c c d', { words: 2 }, { vocabularySize: 5 })).toEqual({
      words: ['c', 'b', 'a'],
      notices: [],
    });
  });

  it('is a number of words counted at once: the rarer half is dropped, of equal ones the later', () => {
    // At the fifth word, the most frequent two stay: b, and a for coming first.
    const { words, notices } = learn('a b b c d e c c', { countedWords: 4 });
    expect(words).toEqual(['b', 'c', 'a']);
    expect(notices).toEqual([
      'at least 5 distinct words: the rarest were dropped while counting, so that counts of rare ones are lower bounds',
    ]);
  });

  it('leaves room for twice the size that was asked for', () => {
    const { words } = learn('a b c d e f', { countedWords: 2 }, { vocabularySize: 5 });
    expect(words).toEqual(['a', 'b', 'c']);
    expect(learn('a b c d e f', { countedWords: 2 }, { vocabularySize: 5 }).notices).toEqual([]);
  });

  it('leaves the names of tokens out, and says so', () => {
    const text = 'a b\n<|endoftext|>\nb <unk>\n<|endoftext|>\na <eol>\n';
    const { words, notices } = learn(text, {});
    expect(words).toEqual(['a', 'b']);
    expect(notices).toEqual([
      'the text spells <eol> once: that is read as <unk>, as the name of a token is',
      'the text spells <|endoftext|> 2 times: that is read as <unk>, as the name of a token is; ' +
        'a file for each document, or JSON lines, have ends that are learned',
    ]);
  });

  it('is a number of bytes', () => {
    const long = ['x', 'y', 'z'].map((letter) => letter.repeat(60));
    const { words, notices } = learn(`a a ${long.join(' ')} b`, { countedWords: 10 });
    expect(words).toEqual(['a', long[0], 'b']);
    expect(notices[0]).toMatch(/^at least 4 distinct words/);
  });

  it('does not change the most frequent words, whatever is dropped', () => {
    const rare = fc.array(fc.integer({ min: 0, max: 10_000 }), { maxLength: 2000 });
    fc.assert(
      fc.property(rare, fc.infiniteStream(fc.nat(3)), (numbers, frequent) => {
        const text: string[] = [];
        for (const number of numbers) {
          text.push('the', `w${frequent.next().value}`, String(number));
        }
        fc.pre(text.length > 0);
        const { words } = learn(text.join(' '), { countedWords: 100 }, { vocabularySize: 3 });
        expect(words).toEqual(['the']);
      }),
      { numRuns: 30 },
    );
  });
});
