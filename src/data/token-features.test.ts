import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { featuresOf, sharedFeatures, type TokenFeatures } from './token-features.ts';
import { trainTokenizer } from './tokenizer.ts';

/** How many features two tokens have in common. */
function inCommon(found: TokenFeatures, a: number, b: number): number {
  const others = new Set(featuresOfToken(found, b));
  return featuresOfToken(found, a).filter((feature) => others.has(feature)).length;
}

function featuresOfToken({ tokens, features }: TokenFeatures, token: number): number[] {
  return [...features].filter((_, i) => tokens[i] === token);
}

describe('the features of tokens', () => {
  it.each([
    // Before, after and within.
    ['world', 'world,', ['core', 'two beginnings', 'four endings'], 7],
    ['world', 'World', ['core', 'two beginnings', 'four endings'], 7],
    ['world,', 'peace,', ['the comma'], 1],
    ['"we', '"you', ['the quotation mark'], 1],
    ['USA', 'NATO', ['all capital'], 1],
    ['Paris', 'Rome', ['the first capital'], 1],
    ['I', 'A', ['the first capital'], 1],
    ['nation', 'national', ['beginnings of three to five letters'], 3],
    ['walking', 'going', ['endings of one to four'], 3],
    ["men's", "man's", ['endings of one to three, marks between letters among them'], 3],
    ['Straße', 'Gasse', ['the first capital', 'an ending of one'], 2],
    ['дома', 'дом', ['nothing: one is too short to have a beginning'], 0],
    ['中国', '中', ['nothing'], 0],
    ['--', '--', ['marks alone'], 1],
    ['1,000', '2,000', ['endings of one to four'], 4],
  ])('of %j and %j have %j in common', (a, b, _, count) => {
    expect(inCommon(sharedFeatures([a, b]), 0, 1)).toBe(count);
  });

  it('are those that more than one token has, and no token has one twice', () => {
    const letters = fc.string({
      unit: fc.constantFrom('a', 'b', 'B', ',', ' ', 'é'),
      maxLength: 8,
    });
    fc.assert(
      fc.property(fc.array(letters, { maxLength: 12 }), (texts) => {
        const { tokenCount, featureCount, tokens, features } = sharedFeatures(texts);
        expect(tokenCount).toBe(texts.length);
        expect(tokens).toHaveLength(features.length);
        expect([...tokens]).toEqual([...tokens].sort((a, b) => a - b));
        const holders = new Map<number, Set<number>>();
        for (const [i, feature] of features.entries()) {
          const found = holders.get(feature) ?? new Set();
          expect(found.has(tokens[i]!)).toBe(false);
          holders.set(feature, found.add(tokens[i]!));
        }
        expect([...holders.keys()].sort((a, b) => a - b)).toEqual([...Array(featureCount).keys()]);
        for (const found of holders.values()) expect(found.size).toBeGreaterThan(1);
      }),
    );
  });

  it('are found in time for a token of any length', () => {
    const long = `a${'!'.repeat(200_000)}b`;
    expect(sharedFeatures([long, long]).featureCount).toBe(9);
  });

  it('are none of tokens that are no text', () => {
    const tokenizer = trainTokenizer('we are <unk> we are <unk>', {
      kind: 'word',
      endOfText: true,
    });
    const found = featuresOf(tokenizer);
    expect(found.tokenCount).toBe(tokenizer.vocabularySize);
    for (const id of [tokenizer.unknownId!, tokenizer.endOfTextId!]) {
      expect(featuresOfToken(found, id)).toEqual([]);
    }
    const bytes = featuresOf(trainTokenizer('ab', { kind: 'byte' }));
    expect(featuresOfToken(bytes, 0xe2)).toEqual([]);
    expect(inCommon(bytes, 'a'.charCodeAt(0), 'A'.charCodeAt(0))).toBe(1);
  });
});
