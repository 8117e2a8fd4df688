/**
 * Something to learn the unknown token from, where the vocabulary has every token of the training text.
 *
 * Nothing else would tell a model of the unknown token but that it never comes, and of each that comes in other
 * text it would be the more surprised the longer it learned. What occurs once stands for what occurs nowhere: there
 * is about as much of the one as of the other (I. J. Good, "The Population Frequencies of Species and the
 * Estimation of Population Parameters", Biometrika 40, 1953). So a token that occurs once is unknown in every
 * second pass over the text, and itself in the others, as singletons are in C. Dyer et al., "Transition-Based
 * Dependency Parsing with Stack Long Short-Term Memory", ACL 2015, there by chance.
 */
import { blocksOf, type TokenSequence } from './token-sequence.ts';
import type { Tokenizer } from './tokenizer.ts';

const GOLDEN_RATIO = 0x9e3779b9;

type Vocabulary = Pick<Tokenizer, 'kind' | 'unknownId' | 'endOfTextId' | 'vocabularySize'>;

/** What to train on. */
export interface LearnedTokens {
  readonly sequence: TokenSequence;
  /** How often each token is in it in a pass, on the mean of two [V]. */
  readonly counts: Float64Array;
}

/**
 * The tokens to train on: those of `tokens`, but that one which occurs once is the unknown one in every second
 * pass; in the first pass it is about half of them. The same for a vocabulary without an unknown token, and for
 * one that was made elsewhere: there a rare token is a piece of a word.
 */
export async function withUnknowns(
  tokens: TokenSequence,
  vocabulary: Vocabulary,
): Promise<LearnedTokens> {
  const counts = await countTokens(tokens, vocabulary.vocabularySize);
  const { kind, unknownId, endOfTextId } = vocabulary;
  if (unknownId === undefined || kind === 'file') return { sequence: tokens, counts };
  const isRare = Array.from(counts, (count, id) => count === 1 && id !== endOfTextId);
  if (!isRare.includes(true)) return { sequence: tokens, counts };
  for (const id of isRare.keys()) {
    if (!isRare[id]) continue;
    counts[id]! -= 0.5;
    counts[unknownId]! += 0.5;
  }
  const read: TokenSequence['read'] = (start, target, pass = 0) => {
    tokens.read(start, target, pass);
    for (let i = 0; i < target.length; i += 1) {
      if (!isRare[target[i]!]) continue;
      // The first bit of the place times the golden ratio: 0 for as many places as 1, in any order.
      const half = Math.imul(start + i, GOLDEN_RATIO) >>> 31;
      if (half === pass % 2) target[i] = unknownId;
    }
  };
  return { sequence: { length: tokens.length, read }, counts };
}

async function countTokens(tokens: TokenSequence, vocabularySize: number): Promise<Float64Array> {
  const counts = new Float64Array(vocabularySize);
  for await (const ids of blocksOf(tokens)) for (const id of ids) counts[id]! += 1;
  return counts;
}
