import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../errors.ts';
import type { VocabularyOptions } from '../tokenizer-types.ts';
import type { BpeTokenizer } from './tokenizer.ts';
import { BpeTrainer, vocabularySizeFor } from './trainer.ts';

function train(
  documents: readonly string[],
  options: VocabularyOptions = {},
  cuts = 1,
): BpeTokenizer {
  const trainer = new BpeTrainer(options);
  for (const document of documents) {
    for (let start = 0; start < document.length; start += cuts) {
      trainer.write(Buffer.from(document.slice(start, start + cuts)));
    }
    trainer.endDocument();
  }
  return trainer.finish();
}

function mergesOf(tokenizer: BpeTokenizer): string[][] {
  return (tokenizer.toJSON() as unknown as { model: { merges: string[][] } }).model.merges;
}

/** Learning from words of letters as it is defined: before each merge, all pairs are counted. */
function learnSlowly(words: readonly string[], merges: number, minCount: number): string[][] {
  const idOf = new Map(Array.from('abcd', (letter) => [letter, letter.codePointAt(0)!]));
  let divided = words.map((word) => [...word]);
  const learned: string[][] = [];
  while (learned.length < merges) {
    const counts = new Map<string, number>();
    for (const parts of divided) {
      for (let i = 1; i < parts.length; i += 1) {
        const pair = `${parts[i - 1]} ${parts[i]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    const ids = (pair: string) => pair.split(' ').map((token) => idOf.get(token)!);
    const [best] = [...counts]
      .filter(([, count]) => count >= minCount)
      .sort(([a, countA], [b, countB]) => {
        const [leftA, rightA] = ids(a) as [number, number];
        const [leftB, rightB] = ids(b) as [number, number];
        return countB - countA || leftA - leftB || rightA - rightB;
      });
    if (best === undefined) {
      break;
    }
    const [left, right] = best[0].split(' ') as [string, string];
    idOf.set(left + right, 1000 + learned.length);
    learned.push([left, right]);
    divided = divided.map((parts) => {
      const merged: string[] = [];
      for (let i = 0; i < parts.length; i += 1) {
        const isPair = parts[i] === left && parts[i + 1] === right;
        merged.push(isPair ? left + right : parts[i]!);
        i += isPair ? 1 : 0;
      }
      return merged;
    });
  }
  return learned;
}

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd'), minLength: 1, maxLength: 9 });

describe('training', () => {
  it('learns what counting all pairs anew for each merge gives', () => {
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 60 }),
        fc.nat(30),
        fc.constantFrom(undefined, 0, 1, 2, 4),
        (words, merges, minCount) => {
          // Each word is its own document, so that none begins with a space.
          const tokenizer = train(words, { vocabularySize: 257 + merges, minCount });
          const expected = learnSlowly(words, merges, Math.max(minCount ?? 2, 1));
          expect(mergesOf(tokenizer)).toEqual(expected);
          expect(tokenizer.vocabularySize).toBe(257 + expected.length);
        },
      ),
    );
  });

  it('does not depend on how documents were cut, only on where they end', () => {
    const documents = ["don't stop, don't", ' stop  stop\n\nstop', '世界 世界 é'];
    const whole = train(documents, {}, 100).toJSON();
    for (const cuts of [1, 2, 3, 7]) {
      expect(train(documents, {}, cuts).toJSON()).toEqual(whole);
    }
    expect(train(['ab', 'ab']).vocabularySize).toBe(258);
    expect(train(['a', 'ba', 'b']).vocabularySize).toBe(257);
  });

  it('numbers the end of text, then bytes by their characters, then merges', () => {
    const tokenizer = train(['abab abab']);
    expect(tokenizer.endOfTextId).toBe(0);
    expect(tokenizer.token(0)).toBe('<|endoftext|>');
    expect([1, 2, 94, 95, 188, 189, 221, 256].map((id) => tokenizer.token(id))).toEqual([
      '!',
      '"',
      '~',
      '\\xa1',
      '\\xff',
      '\\u{0}',
      ' ',
      '\\xad',
    ]);
    expect([257, 258].map((id) => tokenizer.token(id))).toEqual(['ab', 'abab']);
  });

  it('lowercases what it learns from and what it encodes', () => {
    const tokenizer = train(['THE The the ΣΑΣ σας'], { lowercase: true });
    expect(tokenizer.decode(tokenizer.encode('THE ΣΑΣ'))).toBe('the σασ');
    expect(tokenizer.encode('THE')).toEqual(tokenizer.encode('the'));
    expect((tokenizer.toJSON() as { normalizer: unknown }).normalizer).toEqual({
      type: 'Lowercase',
    });
  });

  it('has all bytes and nothing more for a text without a pair, or none at all', () => {
    expect(train([]).vocabularySize).toBe(257);
    expect(train(['a b\n']).vocabularySize).toBe(257);
  });

  it('refuses a vocabulary without room for all bytes', () => {
    expect(() => new BpeTrainer({ vocabularySize: 256 })).toThrow(UserError);
    expect(() => new BpeTrainer({ vocabularySize: 256 })).toThrow(
      'expected a vocabulary of at least 257, for all bytes and the end of text, found a size of 256',
    );
    expect(() => new BpeTrainer({ vocabularySize: Number.NaN })).toThrow(UserError);
    expect(train(['abab'], { vocabularySize: 257 }).vocabularySize).toBe(257);
  });

  it('forgets the rarest words where there are too many, and says so', () => {
    const words = Array.from({ length: 500 }, (_, i) => ` ${'abcdefghij'[i % 10]}${i}`);
    const common = ' word word'.repeat(10);
    for (const limits of [
      { words: 100, bytes: 1e6 },
      { words: 1e6, bytes: 500 },
    ]) {
      const trainer = new BpeTrainer({}, limits);
      trainer.write(Buffer.from(common + words.join('') + common));
      const tokenizer = trainer.finish();
      expect(tokenizer.encode(' word').length).toBe(1);
      expect(trainer.notices.length).toBe(1);
      expect(trainer.notices[0]).toContain('were left out');
    }
    const enough = new BpeTrainer({});
    enough.write(Buffer.from(words.join('')));
    enough.finish();
    expect(enough.notices).toEqual([]);
  });
});

describe('the size of a vocabulary that is not given', () => {
  it.each([
    [0, 512], // the least
    [300_000, 512],
    [448_000, 640], // 448 000 / 700
    [1_003_836, 1408], // 1434 / 64 = 22.4
    [2_600_000, 3712],
    [5_734_400, 8192],
    [1e12, 8192], // the most
  ])('of %d bytes is %d', (bytes, tokens) => {
    expect(vocabularySizeFor(bytes)).toBe(tokens);
  });

  it('is what a tokenizer has, if the text has so many pairs', () => {
    const words = Array.from({ length: 6000 }, (_, i) => ((i * 2654435761) % 1e9).toString(36));
    const text = words.join(' ').repeat(9);
    expect(Buffer.byteLength(text)).toBeGreaterThan(358_400);
    const { vocabularySize } = train([text], {}, 65_536);
    expect(vocabularySize).toBe(vocabularySizeFor(Buffer.byteLength(text)));
    expect(train([text], { vocabularySize: 300 }, 65_536).vocabularySize).toBe(300);
  });
});
