import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import type { TokenizedPart } from '../data/dataset.ts';
import { TokenArray } from '../data/token-sequence.ts';
import { trainTokenizer } from '../data/tokenizer.ts';
import { scoreTokens } from '../evaluation/evaluate.ts';
import { mixtureOf } from '../evaluation/mixture.ts';
import { LossRecord, scoresWithCache, scoresWithNgrams } from '../evaluation/model-scores.ts';
import { type NgramModel, trainNgram } from '../evaluation/ngram.ts';
import type { EvaluationReport } from '../evaluation/report.ts';
import type { Weights } from '../model/language-model.ts';
import { initialParameters, weightsOf } from '../model/weights.ts';
import { Random } from '../random.ts';
import { cacheRow, dynamicRow, interpolatedRow } from './eval-adapting.ts';
import type { EvalContext } from './eval-row.ts';
import { silentProgress } from './progress-bar.ts';

const tokenizer = trainTokenizer('to be or not to be\n', { kind: 'char' });
const config = {
  vocabularySize: tokenizer.vocabularySize,
  embeddingSize: 4,
  hiddenSize: 5,
  layers: 1,
  gruVariant: 'reset-after' as const,
  dropout: 0,
};
const valid = textOf(300, 3);
const scored = textOf(200, 4);
const training = textOf(400, 5);
let weights: Weights;
let ngrams: NgramModel;

/** Text of a few words in random order. */
function textOf(words: number, seed: number): TokenArray {
  const random = new Random(seed);
  const all = Array.from({ length: words }, () => ['to', 'be', 'or', 'not'][random.integer(4)]);
  return new TokenArray(Int32Array.from(tokenizer.encode(`${all.join(' ')}\n`)));
}

function partOf(sequence: TokenArray): TokenizedPart {
  const { length } = sequence;
  return { sequence, tokens: length, unknown: 0, characters: length, bytes: length, documents: 1 };
}

function context(sequence: TokenArray): EvalContext {
  const scoredCount = sequence.length - 1;
  const size = { characters: scoredCount, bytes: scoredCount, words: 1 };
  return {
    model: { modelConfig: config, tokenizer },
    ...{ weights, precision: 'float32', part: partOf(sequence), size },
    startProgress: () => silentProgress,
    signal: new AbortController().signal,
  } as unknown as EvalContext;
}

async function lossesOf(tokens: TokenArray): Promise<Float32Array> {
  const record = new LossRecord(tokens);
  await scoreTokens(config, weights, tokens, { onLosses: record.add });
  return record.losses;
}

function meanOf(losses: Float32Array): number {
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

beforeAll(async () => {
  await useBackend('wasm');
  weights = weightsOf(initialParameters(config, new Random(1)));
  ngrams = await trainNgram(training, { order: 3, vocabularySize: config.vocabularySize });
});

type MixtureReport = EvaluationReport & { weight: number; weightsFrom: string };

describe('a mixture of the model', () => {
  it('with n-grams is of the two, by weights from where the row says', async () => {
    const [own, other] = [await lossesOf(scored), await lossesOf(valid)];
    const scores = await scoresWithNgrams(own, ngrams, scored, {});
    const taught = await scoresWithNgrams(other, ngrams, valid, {});
    for (const [heldOut, source, expected] of [
      [undefined, 'halves', mixtureOf(scores)],
      [partOf(valid), 'valid', mixtureOf(scores, taught)],
    ] as const) {
      const row = await interpolatedRow(own, ngrams, heldOut, context(scored));
      const report = row.report as MixtureReport;
      expect(row).toMatchObject({ key: 'interpolated', report: { order: 3, weightsFrom: source } });
      expect(report.natsPerToken).toBeCloseTo(meanOf(expected.losses), 6);
      expect(report.weight).toBeCloseTo(expected.meanWeights[1]!, 6);
      expect(report.tokens).toBe(scored.length - 1);
    }
  });

  it('with a cache is of them all, by weights from where the row says', async () => {
    const scores = await scoresWithCache(config, weights, scored, {});
    const taught = await scoresWithCache(config, weights, valid, {});
    for (const [heldOut, source, expected] of [
      [undefined, 'halves', mixtureOf(scores)],
      [partOf(valid), 'valid', mixtureOf(scores, taught)],
    ] as const) {
      const row = await cacheRow(heldOut, context(scored));
      const report = row.report as MixtureReport;
      expect(row).toMatchObject({ key: 'cache', report: { size: 2000, weightsFrom: source } });
      expect(report.natsPerToken).toBeCloseTo(meanOf(expected.losses), 6);
      expect(report.weight).toBeCloseTo(1 - expected.meanWeights[0]!, 6);
    }
    // A model that knows nothing has much to gain.
    const { report } = await cacheRow(undefined, context(scored));
    expect(report.natsPerToken).toBeLessThan(meanOf(scores.losses[0]!) - 0.5);
  });
});

describe('a model that goes on learning', () => {
  it('learns as much as a token of its kind is worth, or as the user says', async () => {
    const usual = await dynamicRow(training, undefined, context(scored));
    expect(usual).toMatchObject({ key: 'dynamic', report: { segment: 64, rate: 3e-4 } });
    const still = await dynamicRow(training, 0, context(scored));
    expect(still.report).toMatchObject({ rate: 0 });
    expect(still.report.natsPerToken).toBeCloseTo(meanOf(await lossesOf(scored)), 5);
    expect(usual.report.natsPerToken).toBeLessThan(still.report.natsPerToken);
  });
});
