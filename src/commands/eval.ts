import { basename, dirname } from 'node:path';
import { type CheckpointModel, openModel } from '../checkpoint/model.ts';
import { baselineOrderOf } from '../config/baseline.ts';
import { type EvalOptions, evalOptions } from '../config/commands.ts';
import type { Dataset, TokenizedPart } from '../data/dataset.ts';
import { UserError } from '../errors.ts';
import { scoreTokens } from '../evaluation/evaluate.ts';
import { LossTotals } from '../evaluation/report.ts';
import { selectParameters, weightsOf } from '../model/weights.ts';
import { type GivenOptions, withDefaults } from '../option-table.ts';
import { baselineRow, openTrainingText } from './eval-baseline.ts';
import type { EvalContext, EvalRow } from './eval-row.ts';
import { openTextToScore, scoredSize, type TextToScore } from './eval-text.ts';
import { printEvaluation, showEvaluation } from './eval-view.ts';
import { silentProgress, startProgress } from './progress-bar.ts';
import { effectivePrecision, startBackend } from './start-backend.ts';
import { count, printLine } from './terminal.ts';
import { untilAborted } from './until-aborted.ts';

type Given = GivenOptions<typeof evalOptions>;

/** `gru-lm eval` */
export async function run(given: Given, [name]: string[], signal: AbortSignal): Promise<void> {
  const options = withDefaults(evalOptions, given);
  const order = baselineOrder(options);
  const model = await openModel(name, ['weights']);
  const text = await untilAborted(openTextToScore(options, given, model, signal), signal);
  const { dataset, label } = text;
  let training: Dataset | undefined;
  try {
    if (order !== undefined) {
      const own = options.text ? openTrainingText(model, options.json, signal) : dataset;
      training = await untilAborted(Promise.resolve(own), signal);
    }
    const context = await startScoring(model, text, options, signal);
    const rows = [await staticRow(context)];
    if (order !== undefined && training) {
      const { sequence } = training.parts.get('train') as TokenizedPart;
      rows.push(await baselineRow(order, sequence, context));
    }
    const { path } = model.checkpoint;
    const checkpoint = `${basename(dirname(path))}/${basename(path)}`;
    show({ rows, label, checkpoint }, options);
  } finally {
    if (training !== dataset) await training?.close();
    await dataset.close();
  }
}

/** The order of the n-gram model that is asked for. */
function baselineOrder({ baseline, perplexity }: EvalOptions): number | undefined {
  if (baseline === undefined) return undefined;
  if (!perplexity) return baselineOrderOf(baseline);
  throw new UserError(
    'usage',
    'expected at most one of --perplexity and --baseline, found both',
    'Leave out --perplexity, which prints one number; --json gives those of both models.',
  );
}

async function startScoring(
  model: CheckpointModel,
  text: TextToScore,
  options: EvalOptions,
  signal: AbortSignal,
): Promise<EvalContext> {
  const { checkpoint, modelConfig, tokenizer } = model;
  const size = scoredSize(text, tokenizer);
  const precision = effectivePrecision(options.precision, await startBackend(options, signal));
  const weights = weightsOf(selectParameters(modelConfig, checkpoint.weights, checkpoint.path));
  return {
    ...{ model, weights, precision, part: text.part, size, signal },
    startProgress: () =>
      options.json || !process.stderr.isTTY ? silentProgress : startProgress(),
  };
}

/** The figures of the model as it was trained. */
async function staticRow(context: EvalContext): Promise<EvalRow> {
  const { model, weights, precision, part, size, signal } = context;
  const totals = new LossTotals(model.tokenizer.unknownId);
  const progress = context.startProgress();
  await scoreTokens(model.modelConfig, weights, part.sequence, {
    onLosses: totals.add,
    signal,
    precision,
    onProgress: (share) => progress.update(share, [`scoring ${count(part.tokens)} tokens`]),
  }).finally(() => progress.stop());
  return { name: 'static', report: totals.report(size) };
}

function show(
  evaluation: Parameters<typeof showEvaluation>[0],
  { json, perplexity }: EvalOptions,
): void {
  if (json) printEvaluation(evaluation);
  else if (perplexity) {
    printLine(String(Number((evaluation.rows[0] as EvalRow).report.perplexity.toPrecision(9))));
  } else showEvaluation(evaluation);
}
