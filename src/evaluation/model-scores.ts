/** What a model and others say of a text, for a mixture of them: four bytes a token and model. */
import type { TokenSequence } from '../data/token-sequence.ts';
import type { Weights } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { type CacheOptions, LIKENESS_CLASSES, SHARPNESSES, scoreTokensWithCache } from './cache.ts';
import type { ScoredTokens } from './evaluate.ts';
import type { ModelScores } from './mixture.ts';
import { contextClassCount, type NgramModel, scoreTokensByNgram } from './ngram.ts';

/** The losses of all tokens of a text but the first, as they come. */
export class LossRecord {
  /** nats [n − 1]. */
  readonly losses: Float32Array;

  constructor(tokens: TokenSequence) {
    this.losses = new Float32Array(Math.max(0, tokens.length - 1));
  }

  /** To be given as `onLosses`. */
  readonly add = ({ start, losses }: Pick<ScoredTokens, 'start' | 'losses'>): void => {
    this.losses.set(losses, start - 1);
  };
}

/** Of a model, whose losses are known, and of n-grams; classes are those of contexts. */
export async function scoresWithNgrams(
  losses: Float32Array,
  ngrams: NgramModel,
  tokens: TokenSequence,
  work: { signal?: AbortSignal | undefined },
): Promise<ModelScores> {
  const record = new LossRecord(tokens);
  const classes = new Uint8Array(losses.length);
  await scoreTokensByNgram(ngrams, tokens, {
    ...work,
    onLosses: (scored) => {
      record.add(scored);
      classes.set(scored.contextClasses, scored.start - 1);
    },
  });
  return { losses: [losses, record.losses], classes, classCount: contextClassCount(ngrams) };
}

/** Of a model, and of a cache at each of {@link SHARPNESSES}; classes are those of likeness. */
export async function scoresWithCache(
  config: ModelConfig,
  weights: Weights,
  tokens: TokenSequence,
  options: Pick<CacheOptions, 'onProgress' | 'signal' | 'precision'>,
): Promise<ModelScores> {
  const records = Array.from({ length: 1 + SHARPNESSES.length }, () => new LossRecord(tokens));
  const [own, ...caches] = records as [LossRecord, ...LossRecord[]];
  const classes = new Uint8Array(own.losses.length);
  await scoreTokensWithCache(config, weights, tokens, {
    ...options,
    onScores: (scored) => {
      own.add(scored);
      for (const [i, losses] of scored.cacheLosses.entries()) {
        caches[i]!.add({ start: scored.start, losses });
      }
      classes.set(scored.likenessClasses, scored.start - 1);
    },
  });
  const losses = records.map((record) => record.losses);
  return { losses, classes, classCount: LIKENESS_CLASSES };
}
