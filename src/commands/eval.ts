import { dispose } from '@tensorflow/tfjs-core';
import { type CheckpointModel, openModel } from '../checkpoint/model.ts';
import { baselineOrderOf } from '../config/baseline.ts';
import { type EvalOptions, evalOptions } from '../config/commands.ts';
import type { Dataset } from '../data/dataset.ts';
import { UserError } from '../errors.ts';
import type { ScoringOptions } from '../evaluation/evaluate.ts';
import { LossRecord } from '../evaluation/model-scores.ts';
import { type EvaluationReport, LossTotals } from '../evaluation/report.ts';
import type { Weights } from '../model/language-model.ts';
import { selectParameters, weightsOf } from '../model/weights.ts';
import { type GivenOptions, withDefaults } from '../option-table.ts';
import {
  assertOneStream,
  assertRateIsUsed,
  cacheRow,
  dynamicRow,
  interpolatedRow,
} from './eval-adapting.ts';
import { baselineRow, openTrainingText } from './eval-baseline.ts';
import {
  assertOneConvention,
  type Convention,
  conventionFor,
  isLongEnough,
} from './eval-convention.ts';
import type { EvalContext, EvalRow } from './eval-row.ts';
import { openTextsToScore, type ScoredText, type TextsToScore } from './eval-text.ts';
import { startTokens } from './eval-tokens.ts';
import { type Evaluation, printEvaluation, showEvaluation } from './eval-view.ts';
import { silentProgress, startProgress } from './progress-bar.ts';
import { tokenizerIdOf } from './scored-ids.ts';
import { effectivePrecision, startBackend } from './start-backend.ts';
import { count, printLine } from './terminal.ts';
import { untilAborted } from './until-aborted.ts';

type Given = GivenOptions<typeof evalOptions>;

/** `gru-lm eval` */
export async function run(given: Given, [name]: string[], signal: AbortSignal): Promise<void> {
  const options = withDefaults(evalOptions, given);
  assertOneConvention(options);
  assertOneStream(options);
  assertRateIsUsed(options);
  assertOneOutput(options);
  const order = options.baseline === undefined ? undefined : baselineOrderOf(options.baseline);
  const model = await openModel(name, ['weights']);
  const texts = await untilAborted(openTextsToScore(options, given, model, signal), signal);
  const { whole, own } = texts;
  let training: Dataset | undefined;
  let weights: Weights = {};
  try {
    const need = trainingNeed(options);
    if (need) {
      const opened = own ?? openTrainingText(model, need, options.json, signal);
      training = await untilAborted(Promise.resolve(opened), signal);
    }
    const convention = await conventionFor(whole, model.tokenizer, options, signal);
    const context = await startScoring(model, whole, convention, options, signal);
    weights = context.weights;
    const record = isOneStream(options) ? new LossRecord(context.part.sequence) : undefined;
    const rows = [await staticRow(context, options, record)];
    if (isOfTokensAlone(options)) return;
    // Weights of mixtures are learned from the validation part, unless that is what is scored.
    const heldOut = options.split === 'valid' ? undefined : own?.parts.get('valid');
    const learned = training?.parts.get('train')?.sequence;
    if (order !== undefined && learned) {
      const { row, ngrams } = await baselineRow(order, learned, context);
      rows.push(row);
      if (record) rows.push(await interpolatedRow(record.losses, ngrams, heldOut, context));
    }
    if (options.cache) rows.push(await cacheRow(heldOut, context));
    if (options.dynamic && learned) {
      rows.push(await dynamicRow(learned, options.dynamicRate, context));
    }
    const { checkpoint } = model;
    const each = options.perplexity ? [] : await scoreEach(texts, context, options);
    const ids = { textId: whole.id, tokenizerId: tokenizerIdOf(model.tokenizer) };
    show({ rows, label: whole.label, ...ids, checkpoint, convention, texts: each }, options);
  } finally {
    dispose({ ...weights });
    if (training !== own) await training?.close();
    await texts.close();
  }
}

/** What the text that the run was trained on is needed for, if it is, and the option that asks for it. */
function trainingNeed({
  baseline,
  dynamic,
}: EvalOptions): readonly [what: string, flag: string] | undefined {
  if (baseline !== undefined) return ['The baseline learns from', '--baseline'];
  return dynamic ? ['How large gradients are is measured on', '--dynamic'] : undefined;
}

/** @throws UserError `usage` for options that ask for more than is printed */
function assertOneOutput(options: EvalOptions): void {
  const { perplexity, perToken, json } = options;
  const rows = (['baseline', 'cache', 'dynamic'] as const).find((name) => options[name]);
  const other = perToken ? 'per-token' : rows;
  if (perplexity && other) {
    throw new UserError(
      'usage',
      `expected at most one of --perplexity and --${other}, found both`,
      perToken
        ? 'Leave out --perplexity, which prints one number; --json gives it after the tokens.'
        : 'Leave out --perplexity, which prints one number; --json gives those of all models.',
    );
  }
  if (!perToken || json || !rows) return;
  throw new UserError(
    'usage',
    `expected --json with --per-token and --${rows}, found them without`,
    'Add --json, which gives the figures after the tokens; otherwise --per-token prints tokens alone.',
  );
}

/** Whether the text is read from its beginning to its end, and so once. */
function isOneStream({ streams, resetPerLine }: EvalOptions): boolean {
  return streams === 1 && !resetPerLine;
}

/** Whether tokens are printed as a table, with which no other figures go. */
function isOfTokensAlone({ perToken, json }: EvalOptions): boolean {
  return perToken && !json;
}

async function startScoring(
  model: CheckpointModel,
  { part }: ScoredText,
  convention: Convention,
  options: EvalOptions,
  signal: AbortSignal,
): Promise<EvalContext> {
  const { checkpoint, modelConfig } = model;
  const precision = effectivePrecision(options.precision, await startBackend(options, signal));
  const weights = weightsOf(selectParameters(modelConfig, checkpoint.weights, checkpoint.path));
  const { size } = convention;
  return {
    ...{ model, weights, precision, part, convention, size, signal },
    startProgress: () => (options.json || !process.stderr.isTTY ? silentProgress : startProgress()),
  };
}

/**
 * The figures of the model as it was trained; prints tokens as they are scored where that is asked for.
 *
 * @param record where their losses go
 */
async function staticRow(
  context: EvalContext,
  { perToken, json, resetPerLine }: EvalOptions,
  record: LossRecord | undefined,
): Promise<EvalRow> {
  const { model, signal } = context;
  const print = perToken
    ? startTokens(model.tokenizer, { json, byLine: resetPerLine }, signal)
    : undefined;
  const report = await scoreStatic(context, print, record);
  return { name: 'static', report };
}

async function scoreStatic(
  { model, weights, precision, part, convention, size, startProgress: start, signal }: EvalContext,
  print?: ScoringOptions['onLosses'],
  record?: LossRecord,
): Promise<EvaluationReport> {
  const { modelConfig: config, tokenizer } = model;
  const totals = new LossTotals(tokenizer.unknownId);
  // Tokens that go by on a terminal are progress enough.
  const progress = print ? silentProgress : start();
  try {
    await convention.score(
      { config, weights, precision },
      {
        onLosses: (scored) => {
          totals.add(scored);
          record?.add(scored);
          return print?.(scored);
        },
        signal,
        onProgress: (share) => progress.update(share, [`scoring ${count(part.tokens)} tokens`]),
      },
    );
  } finally {
    progress.stop();
  }
  return totals.report(size);
}

/** The model's figures of each of several texts, as if it were the only one. */
async function scoreEach(
  { each }: TextsToScore,
  context: EvalContext,
  options: EvalOptions,
): Promise<Evaluation['texts']> {
  const { model, signal } = context;
  const scored: { label: string; textId: string; report: EvaluationReport }[] = [];
  for (const text of each) {
    const { label, id: textId, part } = text;
    if (!options.resetPerLine && !isLongEnough(text, options.streams)) {
      const nothing = new LossTotals().report({ characters: 0, bytes: 0, words: 0 });
      scored.push({ label, textId, report: nothing });
      continue;
    }
    const convention = await conventionFor(text, model.tokenizer, options, signal);
    const report = await scoreStatic({ ...context, part, convention, size: convention.size });
    scored.push({ label, textId, report });
  }
  return scored;
}

function show(evaluation: Evaluation, { json, perplexity }: EvalOptions): void {
  if (json) printEvaluation(evaluation);
  else if (perplexity) {
    printLine(String(Number((evaluation.rows[0] as EvalRow).report.perplexity.toPrecision(9))));
  } else showEvaluation(evaluation);
}
