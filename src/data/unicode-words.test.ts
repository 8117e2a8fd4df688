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
import { unicodePieces } from './unicode-words.ts';
import { WordTrainer } from './word-trainer.ts';

const segmenter = new Intl.Segmenter('en', { granularity: 'word' });

function train(text: string, options = {}) {
  return trainTokenizer(text, { kind: 'word', wordSplit: 'unicode', ...options });
}

function piecesOf(text: string): string[] {
  return unicodePieces(text).map(({ piece }) => piece);
}

/** The pieces of a text by the rules as they are written down, line ends among them. */
function piecesByRule(text: string): string[] {
  const pieces: string[] = [];
  for (const [stretch] of text.matchAll(/\n| +|[^ \n]+/g)) {
    if (stretch === '\n' || stretch[0] === ' ') {
      pieces.push(stretch);
      continue;
    }
    const segments = cut(stretch, 8192).flatMap((part) =>
      Array.from(segmenter.segment(part), ({ segment }) => segment),
    );
    const spaces = pieces.at(-1)?.match(/^ +$/)?.[0];
    if (spaces !== undefined && !/^\s/.test(stretch)) {
      pieces.pop();
      if (spaces.length > 1) pieces.push(spaces.slice(1));
      segments[0] = ` ${segments[0]}`;
    }
    pieces.push(...segments);
  }
  return pieces;
}

/** `text` in parts of as many whole characters as fit into `bytes`. */
function cut(text: string, bytes: number): string[] {
  const parts = [''];
  let room = bytes;
  for (const character of text) {
    const length = Buffer.byteLength(character);
    if (length > room) {
      parts.push('');
      room = bytes;
    }
    parts.push(parts.pop() + character);
    room -= length;
  }
  return parts;
}

describe('words by Unicode', () => {
  it('are words, each with a space before it, punctuation, and white space of its own', () => {
    expect(piecesOf('The cat’s 3.14, ok.')).toEqual(['The', ' cat’s', ' 3.14', ',', ' ok', '.']);
    expect(piecesOf('a  b   c  ')).toEqual(['a', ' ', ' b', '  ', ' c', '  ']);
    expect(piecesOf('\ta \tb\u00a0c \u3000')).toEqual([
      '\t',
      'a',
      ' ',
      '\t',
      'b',
      '\u00a0',
      'c',
      ' ',
      '\u3000',
    ]);
    expect(piecesOf(' (x)')).toEqual([' (', 'x', ')']);
  });

  it('end with lines, of whose ends the carriage return is a piece', () => {
    const tokenizer = train('a\r\n\r\nb \n');
    expect(tokenizer.toJSON().tokens).toEqual(['<unk>', '<eol>', '\r', 'a', 'b', ' ']);
    const ids = tokenizer.encode('a\r\n\nb \n');
    expect([...ids]).toEqual([3, 2, 1, 1, 4, 5, 1]);
    expect(tokenizer.decode(ids)).toBe('a\r\n\nb \n');
  });

  it('are found in Chinese, Japanese and Thai', () => {
    for (const text of ['我们的人民', '私は学生です', 'ภาษาไทยง่าย']) {
      const pieces = piecesOf(text);
      expect(pieces.join('')).toBe(text);
      expect(pieces.length).toBeGreaterThan(1);
      expect(pieces.length).toBeLessThan([...text].length);
    }
  });

  it('are those of the rules, also where a stretch is too long', () => {
    const long = fc
      .tuple(fc.constantFrom('x', 'é', '我', '😀', '.', '\u0308'), fc.integer({ min: -6, max: 6 }))
      .map(([unit, more]) => unit.repeat(Math.floor(8192 / Buffer.byteLength(unit)) + more));
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            textPieces.map((all) => all.join('')),
            { arbitrary: long, weight: 1 },
          ),
          { maxLength: 5 },
        ),
        (texts) => {
          const text = texts.join('');
          expect(piecesOf(text)).toEqual(piecesByRule(text).filter((piece) => piece !== '\n'));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('give back the text that they were learned from', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyUnits,
          textPieces.map((all) => all.join('')),
        ),
        fc.boolean(),
        (text, endOfText) => {
          fc.pre(/[^\n]/.test(text));
          const tokenizer = train(text, { endOfText });
          expect(tokenizer.decode(tokenizer.encode(text))).toBe(
            text.replace(/\p{Surrogate}/gu, '\ufffd'),
          );
          expect(tokenizer.findUnknown(text)).toBeUndefined();
        },
      ),
    );
  });

  it('are learned and encoded the same however the text is cut', () => {
    fc.assert(
      fc.property(textPieces, textPieces, fc.boolean(), (known, pieces, lowercase) => {
        const options = { lowercase, wordSplit: 'unicode' } as const;
        const tokenizer = train(`x ${known.join('')}`, options);
        const trainer = new WordTrainer(options);
        expect(trainPieces(trainer, ['x ', ...known]).toJSON()).toEqual(tokenizer.toJSON());
        const bytes = pieces.map((piece) => Buffer.from(piece));
        const ids = tokenizer.encode(pieces.join(''));
        expect(encodePieces(tokenizer, bytes)).toEqual([...ids]);
        expect(decodeOneByOne(tokenizer, ids)).toBe(tokenizer.decode(ids));
        const hasUnknown = ids.includes(tokenizer.unknownId!);
        expect(tokenizer.findUnknown(pieces.join('')) !== undefined).toBe(hasUnknown);
      }),
    );
  });

  it('are encoded the same at every cut of a long stretch', () => {
    const text = `a  ${'我们x'.repeat(2500)}  b\n`;
    const characters = [...text];
    const tokenizer = train(text);
    const ids = [...tokenizer.encode(text)];
    expect(tokenizer.decode(ids)).toBe(text);
    fc.assert(
      fc.property(fc.array(fc.nat(characters.length)), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), characters.length];
        const pieces = at
          .slice(1)
          .map((end, i) => Buffer.from(characters.slice(at[i], end).join('')));
        expect(encodePieces(tokenizer, pieces)).toEqual(ids);
      }),
      { numRuns: 20 },
    );
  });

  it('may be any bytes, in any pieces', () => {
    const tokenizer = train('a b');
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (pieces) => {
        for (const id of encodePieces(tokenizer, pieces)) {
          expect(id).toBeLessThan(tokenizer.vocabularySize);
        }
      }),
    );
    const continuations = new Uint8Array(40_000).fill(0x80);
    expect(encodePieces(tokenizer, [continuations, continuations]).length).toBeGreaterThan(0);
  });

  it('are unknown where they are longer than 1,024 bytes, spaces too', () => {
    const spaces = ' '.repeat(1024);
    const tokenizer = train(`a${spaces} a${spaces}  b${'x'.repeat(2000)}`);
    expect(tokenizer.toJSON().tokens).toEqual(['<unk>', '<eol>', 'a', spaces, ' a']);
    expect([...tokenizer.encode(`a${spaces}  a${'y'.repeat(5000)}`)]).toEqual([2, 0, 0]);
    expect([...tokenizer.encode(`a${spaces} a`)]).toEqual([2, 3, 4]);
  });

  it('are the same however many others came before', () => {
    const many = Array.from({ length: 70_000 }, (_, i) => `${i},x`).join(' ');
    const text = `1,x ${many} 1,x 69999,x`;
    const pieces = piecesOf(text);
    expect(pieces.length).toBe(3 * 70_003);
    expect(pieces.every((piece, i) => [/^ ?\d+$/, /^,$/, /^x$/][i % 3]!.test(piece))).toBe(true);
    expect(pieces.join('') === text).toBe(true);
  });

  it('come back from JSON, which says how text is split', () => {
    const tokenizer = train('a b\u3000c', { endOfText: true });
    const json = JSON.parse(JSON.stringify(tokenizer));
    expect(json).toEqual({
      format: 'gru-lm-tokenizer',
      version: 1,
      kind: 'word',
      lowercase: false,
      wordSplit: 'unicode',
      tokens: ['<unk>', '<eol>', '<|endoftext|>', 'a', ' b', '\u3000', 'c'],
    });
    const restored = tokenizerFromJson(json);
    expect(restored.toJSON()).toEqual(json);
    expect(restored.encode('a b b')).toEqual(tokenizer.encode('a b b'));
    expect(restored.decode([3, 4, 2, 0, 1, 6])).toBe('a b<unk>\nc');
    expect(restored.token(5)).toBe('\\u{3000}');
  });

  it('tell line and column of an unknown piece', () => {
    const tokenizer = train('a 😀 b');
    expect(tokenizer.findUnknown('a 😀\n😀 b? b')).toMatchObject({
      piece: '😀',
      line: 2,
      column: 1,
    });
    expect(tokenizer.findUnknown('a 😀\n b b?')).toEqual({
      piece: '?',
      offset: 8,
      line: 2,
      column: 5,
    });
  });
});
