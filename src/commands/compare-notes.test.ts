import { describe, expect, it } from 'vitest';
import { type TokenizerKind, trainTokenizer } from '../data/tokenizer.ts';
import { comparisonNotes, predictsSpaces } from './compare-notes.ts';

const segments = { ends: Array.from({ length: 20 }, (_, i) => i), otherSpaces: 1234 };
const chars = { totals: { oovTokens: 0 }, predictsSpaces: true };
const words = { totals: { oovTokens: 0 }, predictsSpaces: false };

describe('notes of a comparison', () => {
  it('are none where nothing is to be said', () => {
    expect(comparisonNotes([chars, chars], segments)).toEqual([]);
    expect(comparisonNotes([words, words], segments)).toEqual([]);
    expect(comparisonNotes([words, chars], { ...segments, otherSpaces: 0 })).toEqual([]);
  });

  it('say that few segments give no good interval', () => {
    expect(comparisonNotes([chars, chars], { ...segments, ends: segments.ends.slice(1) })).toEqual([
      ['of fewer than 20 segments intervals are too narrow: a longer', 'text is needed'],
    ]);
  });

  it('say that unknown words cost little', () => {
    const unknown = { ...chars, totals: { oovTokens: 1 } };
    expect(comparisonNotes([chars, chars, unknown], segments)).toEqual([
      [
        'an unknown word costs little: figures of models with more',
        '<unk> look better than they are',
      ],
    ]);
  });

  it('say that white space costs some models nothing', () => {
    for (const models of [
      [words, chars],
      [chars, words],
    ]) {
      expect(comparisonNotes(models, segments)).toEqual([
        [
          'models of words do not predict white space, and look better',
          'than they are: characters of the text that are white space,',
          'but no line ends and no single spaces: 1,234',
        ],
      ]);
    }
  });
});

describe('which white space there is', () => {
  it('is predicted by all models but those of words between white space', () => {
    const text = 'a b  a b c\n'.repeat(9);
    const learn = (kind: TokenizerKind) =>
      trainTokenizer(text, { kind, ...(kind === 'bpe' && { vocabularySize: 270 }) });
    const unicode = trainTokenizer(text, { kind: 'word', wordSplit: 'unicode' });
    const others = trainTokenizer('x\n', { kind: 'char' });
    for (const tokenizer of [learn('char'), learn('byte'), learn('bpe'), unicode, others]) {
      expect(predictsSpaces(tokenizer)).toBe(true);
    }
    expect(predictsSpaces(learn('word'))).toBe(false);
  });
});
