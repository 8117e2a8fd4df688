/** What it costs a model to keep its weights in fewer bits. */
import type { CheckpointModel } from '../checkpoint/model.ts';
import type { ExportOptions } from '../config/export.ts';
import { UserError } from '../errors.ts';
import { scoreTokens } from '../evaluation/evaluate.ts';
import { LossTotals } from '../evaluation/report.ts';
import { roundTrip } from '../export/quantize.ts';
import { weightsOf } from '../model/weights.ts';
import type { TensorMap } from '../tensor-data.ts';
import { openTextsToScore, type ScoredText } from './eval-text.ts';
import { silentProgress, startProgress } from './progress-bar.ts';
import { startBackend } from './start-backend.ts';
import { count, errorStyle, figure, notice, printLine, showMessage } from './terminal.ts';
import { untilAborted } from './until-aborted.ts';

/** Of the run's validation part, in one stream. */
export interface QuantizationCost {
  split: 'valid';
  /** Scored. */
  tokens: number;
  /** By the weights as they are. */
  before: Figures;
  /** By those that the export's mean. */
  after: Figures;
}

interface Figures {
  natsPerToken: number;
  perplexity: number;
}

/**
 * The cost, or undefined where the run's text is not there any more, of which a notice then says why.
 *
 * @param model with its weights
 */
export async function quantizationCost(
  model: CheckpointModel,
  options: ExportOptions,
  signal: AbortSignal,
): Promise<QuantizationCost | undefined> {
  const { quantize, json } = options;
  const opened = await openValidation(model, json, signal);
  if (!opened) return undefined;
  try {
    const { part } = opened.whole;
    if (part.tokens < 2) return undefined;
    await startBackend(options, signal);
    const { weights } = model.checkpoint;
    const before = await score(model, weights, opened.whole, 'as it is', options, signal);
    const fewer = roundTrip(weights, quantize);
    const after = await score(model, fewer, opened.whole, quantize, options, signal);
    const figures = ({ mean }: LossTotals) => ({ natsPerToken: mean, perplexity: Math.exp(mean) });
    return {
      split: 'valid',
      tokens: before.tokens,
      before: figures(before),
      after: figures(after),
    };
  } finally {
    await opened.close();
  }
}

async function openValidation(model: CheckpointModel, json: boolean, signal: AbortSignal) {
  try {
    const texts = openTextsToScore({ split: 'valid', json }, {}, model, signal);
    return await untilAborted(texts, signal);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const why = showMessage(error.message);
    notice(errorStyle.yellow(`The perplexity that fewer bits cost is not known: ${why}.`));
    return undefined;
  }
}

async function score(
  { modelConfig, tokenizer }: CheckpointModel,
  weights: TensorMap,
  { part }: ScoredText,
  label: string,
  { json }: ExportOptions,
  signal: AbortSignal,
): Promise<LossTotals> {
  const totals = new LossTotals(tokenizer.unknownId);
  const progress = json || !process.stderr.isTTY ? silentProgress : startProgress();
  const tensors = weightsOf(weights);
  try {
    await scoreTokens(modelConfig, tensors, part.sequence, {
      onLosses: totals.add,
      onProgress: (share) =>
        progress.update(share, [`scoring ${count(part.tokens)} tokens, ${label}`]),
      signal,
    });
  } finally {
    progress.stop();
    for (const tensor of Object.values(tensors)) tensor.dispose();
  }
  return totals;
}

/** `int8 costs 0.00033 nats a token on the validation part: perplexity 4.120, before 4.119 (111,539 tokens)` */
export function showCost({ quantize }: ExportOptions, cost: QuantizationCost): void {
  const { before, after, tokens } = cost;
  const nats = Number((after.natsPerToken - before.natsPerToken).toPrecision(2));
  printLine(
    `${quantize} costs ${nats} nats a token on the validation part: perplexity ` +
      `${figure(after.perplexity)}, before ${figure(before.perplexity)} (${count(tokens)} tokens)`,
  );
}
