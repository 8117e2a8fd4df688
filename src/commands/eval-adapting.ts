/** The rows of `eval` in which the model has help: from n-grams, from a cache, from learning as it reads. */
import type { EvalOptions } from '../config/commands.ts';
import type { TokenizedPart } from '../data/dataset.ts';
import type { TokenSequence } from '../data/token-sequence.ts';
import { UserError } from '../errors.ts';
import { CACHE_SIZE, SHARPNESSES } from '../evaluation/cache.ts';
import { DYNAMIC_RULES, scoreTokensDynamic } from '../evaluation/dynamic.ts';
import { scoreTokens } from '../evaluation/evaluate.ts';
import { type ModelScores, mixtureOf } from '../evaluation/mixture.ts';
import { LossRecord, scoresWithCache, scoresWithNgrams } from '../evaluation/model-scores.ts';
import type { NgramModel } from '../evaluation/ngram.ts';
import { type EvaluationReport, LossTotals } from '../evaluation/report.ts';
import type { EvalContext, EvalRow } from './eval-row.ts';
import { count } from './terminal.ts';

/** What a mixture's weights are learned from: a part of the run's text, or the halves of what is scored. */
export type HeldOut = TokenizedPart | undefined;

/** @throws UserError `usage` for what adapts to a text and a convention by which it is no single one */
export function assertOneStream({
  cache,
  dynamic,
  streams,
  resetPerLine,
}: Pick<EvalOptions, 'cache' | 'dynamic' | 'streams' | 'resetPerLine'>): void {
  if ((!cache && !dynamic) || (streams === 1 && !resetPerLine)) return;
  const [asked, other] = [
    cache ? '--cache' : '--dynamic',
    resetPerLine ? '--reset-per-line' : '--streams',
  ];
  throw new UserError(
    'usage',
    `expected at most one of ${asked} and ${other}, found both`,
    `Leave out ${other}: what adapts to a text reads it in one stream, from its beginning to its end.`,
  );
}

/** @throws UserError `usage` for a rate of what is not asked for */
export function assertRateIsUsed({
  dynamic,
  dynamicRate,
}: Pick<EvalOptions, 'dynamic' | 'dynamicRate'>): void {
  if (dynamic || dynamicRate === undefined) return;
  throw new UserError(
    'usage',
    'expected --dynamic with --dynamic-rate, found it without',
    'Add --dynamic, whose steps it is the rate of, or leave out --dynamic-rate.',
  );
}

/** The model, whose losses are known, mixed with n-grams. */
export async function interpolatedRow(
  losses: Float32Array,
  ngrams: NgramModel,
  heldOut: HeldOut,
  context: EvalContext,
): Promise<EvalRow> {
  const { model, weights, precision, part, signal } = context;
  const scores = await scoresWithNgrams(losses, ngrams, part.sequence, { signal });
  let taught: ModelScores | undefined;
  if (heldOut) {
    const record = new LossRecord(heldOut.sequence);
    await withProgress(context, 'scoring the validation part', (onProgress) =>
      scoreTokens(model.modelConfig, weights, heldOut.sequence, {
        ...{ onLosses: record.add, onProgress, signal, precision },
      }),
    );
    taught = await scoresWithNgrams(record.losses, ngrams, heldOut.sequence, { signal });
  }
  const mixture = mixtureOf(scores, taught);
  const [, weight] = mixture.meanWeights as [number, number];
  const order = ngrams.orders.length;
  return {
    name: '+ n-gram',
    key: 'interpolated',
    report: {
      ...{ name: 'static + ngram', order, weight, weightsFrom: sourceName(heldOut) },
      ...reportOf(mixture.losses, context),
    } as EvaluationReport,
    note: `static and ${order}-grams; ${weightsNote(weight, heldOut)}`,
  };
}

/** The model mixed with a cache of what it has read. */
export async function cacheRow(heldOut: HeldOut, context: EvalContext): Promise<EvalRow> {
  const { model, weights, precision, part, signal } = context;
  const scoresOf = (tokens: TokenSequence, what: string) =>
    withProgress(context, what, (onProgress) =>
      scoresWithCache(model.modelConfig, weights, tokens, { onProgress, signal, precision }),
    );
  const scores = await scoresOf(part.sequence, `scoring ${count(part.tokens)} tokens with a cache`);
  const taught =
    heldOut && (await scoresOf(heldOut.sequence, 'scoring the validation part with a cache'));
  const mixture = mixtureOf(scores, taught);
  const cacheWeights = mixture.meanWeights.slice(1);
  const weight = cacheWeights.reduce((sum, each) => sum + each, 0);
  return {
    name: '+ cache',
    key: 'cache',
    report: {
      ...{ name: 'cache', size: CACHE_SIZE, sharpnesses: SHARPNESSES, weights: cacheWeights },
      ...{ weight, weightsFrom: sourceName(heldOut) },
      ...reportOf(mixture.losses, context),
    } as EvaluationReport,
    note: `static and a cache of ${count(CACHE_SIZE)} tokens; ${weightsNote(weight, heldOut)}`,
  };
}

/**
 * The model that goes on learning, from text that it has been scored on.
 *
 * @param rate how much at a step. Default: by what a token is
 */
export async function dynamicRow(
  training: TokenSequence,
  rate: number | undefined,
  context: EvalContext,
): Promise<EvalRow> {
  const { model, weights, precision, part, size, signal } = context;
  const totals = new LossTotals(model.tokenizer.unknownId);
  const what = `learning from ${count(part.tokens)} tokens as they are scored`;
  const isShort = model.tokenizer.kind === 'char' || model.tokenizer.kind === 'byte';
  const usual = DYNAMIC_RULES[isShort ? 'short' : 'long'];
  const rule = { ...usual, rate: rate ?? usual.rate };
  await withProgress(context, what, (onProgress) =>
    scoreTokensDynamic(model.modelConfig, weights, part.sequence, {
      ...{ training, rule, onLosses: totals.add, onProgress, signal, precision },
    }),
  );
  return {
    name: '+ dynamic',
    key: 'dynamic',
    report: { ...{ name: 'dynamic', ...rule }, ...totals.report(size) } as EvaluationReport,
    note:
      `a step after each ${rule.segment} tokens, once they are scored; ` +
      `rate ${rule.rate}, decay ${rule.decay}`,
  };
}

async function withProgress<Result>(
  { startProgress }: EvalContext,
  what: string,
  work: (onProgress: (share: number) => void) => Promise<Result>,
): Promise<Result> {
  const progress = startProgress();
  try {
    return await work((share) => progress.update(share, [what]));
  } finally {
    progress.stop();
  }
}

/** The figures of the tokens but the first, by their losses. */
function reportOf(losses: Float32Array, { model, part, size }: EvalContext): EvaluationReport {
  const targets = new Int32Array(losses.length);
  part.sequence.read(1, targets);
  const totals = new LossTotals(model.tokenizer.unknownId);
  totals.add({ targets, losses });
  return totals.report(size);
}

function sourceName(heldOut: HeldOut): 'valid' | 'halves' {
  return heldOut ? 'valid' : 'halves';
}

/** @param weight the mean of what the model beside the static one has, in [0, 1] */
function weightsNote(weight: number, heldOut: HeldOut): string {
  const share = `of the weight ${(100 * (1 - weight)).toFixed(1)} % static on average`;
  return heldOut
    ? `${share}; weights learned from the validation part`
    : `${share}; weights of each half of the text learned from the other`;
}
