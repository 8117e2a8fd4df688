import { describe, expect, it } from 'vitest';
import { TokenArray } from '../data/token-sequence.ts';
import { WordTokenizer } from '../data/word-tokenizer.ts';
import { baselineRow } from './eval-baseline.ts';
import type { EvalContext } from './eval-row.ts';
import { silentProgress } from './progress-bar.ts';

/** All words of the training text: <unk>, the line end, and these. */
const tokenizer = new WordTokenizer(['once', 'often'], {
  lowercase: false,
  endOfText: false,
  wordSplit: 'whitespace',
});

function tokensOf(text: string): TokenArray {
  return new TokenArray(tokenizer.encode(text));
}

/** The figures of 1-grams of `training`, of what they say of `text` but for its first token. */
function unigrams(training: string, text: string) {
  const context = {
    model: { modelConfig: { vocabularySize: tokenizer.vocabularySize }, tokenizer },
    convention: {
      async *sequences() {
        yield tokensOf(text);
      },
    },
    size: { characters: 1, bytes: 1, words: 1 },
    startProgress: () => silentProgress,
    signal: new AbortController().signal,
  } as unknown as EvalContext;
  return baselineRow(1, tokensOf(training), context);
}

describe('n-grams to hold a model against', () => {
  it('learn the unknown token from words that occur once, as the model does', async () => {
    // At place 0 a word that occurs once is unknown in the first pass. Discounts are ½ and 1½, so that
    // p(<unk>) = (1 − ½) / 5 + (½ + 1½) / 5 · ¼ = ⅕, and p(often) = (4 − 1½) / 5 + ¹⁄₁₀ = ⅗.
    const { row } = await unigrams('once often often often often', 'often else often');
    expect(row.report).toMatchObject({ order: 1, trainTokens: 5, tokens: 2, oovTokens: 1 });
    expect(row.report.natsPerToken).toBeCloseTo((Math.log(5) + Math.log(5 / 3)) / 2, 6);
    expect(row.note).toBe(
      'modified Kneser–Ney, learned from 5 training tokens; ' +
        'about half of those that occur once as <unk>, as in training',
    );
  });

  it('learn from the tokens as they are where none occurs once', async () => {
    const { row } = await unigrams('once often once often once', 'often else often');
    expect(row.note).toBe('modified Kneser–Ney, learned from 5 training tokens');
  });
});
