import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { TokenArray } from '../data/token-sequence.ts';
import { scoreTokensByNgram, trainNgram } from './ngram.ts';
import { LossTotals } from './report.ts';

interface Golden {
  trainCharacters: number;
  heldOutCharacters: number;
  cases: {
    unit: 'characters' | 'words';
    order: number;
    discounts: [number, number, number][];
    tokens: number;
    unknown: number;
    perplexity: number;
  }[];
}

const golden = JSON.parse(
  readFileSync(new URL('fixtures/kenlm.json', import.meta.url), 'utf8'),
) as Golden;
const text = readFileSync(
  new URL('../../corpora/tinyshakespeare.txt', import.meta.url),
  'utf8',
).slice(0, golden.trainCharacters + golden.heldOutCharacters);

/** Ids for the words or characters of both texts; 0 is <unk>, and 1 KenLM's </s>, which ends what it learns from. */
function idsOf(unit: 'characters' | 'words') {
  const numbers = new Map<string, number>();
  const tokensOf = (part: string) => (unit === 'words' ? part.trim().split(/\s+/) : [...part]);
  const train = tokensOf(text.slice(0, golden.trainCharacters)).map((token) => {
    if (!numbers.has(token)) numbers.set(token, numbers.size + 2);
    return numbers.get(token)!;
  });
  const heldOut = tokensOf(text.slice(golden.trainCharacters)).map(
    (token) => numbers.get(token) ?? 0,
  );
  return { train: [...train, 1], heldOut, vocabularySize: numbers.size + 2 };
}

describe('KenLM', () => {
  it.each(golden.cases)('finds the same at order $order of $unit', async (own) => {
    const { train, heldOut, vocabularySize } = idsOf(own.unit);
    const model = await trainNgram(new TokenArray(Int32Array.from(train)), {
      order: own.order,
      vocabularySize,
    });
    // KenLM has the n-grams that begin with <s>, too, and of each order one n-gram by how often it occurs. Of a
    // few dozen characters, that alone makes other discounts.
    for (const [i, { grams, discounts }] of model.orders.entries()) {
      if (grams.size < 1000) continue;
      for (const [j, discount] of discounts.entries()) {
        expect(Math.abs(discount / own.discounts[i]![j]! - 1)).toBeLessThan(0.02);
      }
    }
    const totals = new LossTotals(0);
    await scoreTokensByNgram(model, new TokenArray(Int32Array.from(heldOut)), {
      onLosses: totals.add,
    });
    const report = totals.report({ characters: 1, bytes: 1, words: 1 });
    expect(report).toMatchObject({ tokens: own.tokens, oovTokens: own.unknown });
    expect(Math.abs(report.perplexity / own.perplexity - 1)).toBeLessThan(1e-3);
  });
});
