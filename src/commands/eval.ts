import { basename, dirname } from 'node:path';
import { type CheckpointModel, openModel } from '../checkpoint/model.ts';
import { baselineOrderOf } from '../config/baseline.ts';
import { type EvalOptions, evalOptions } from '../config/commands.ts';
import { textOptions } from '../config/shared.ts';
import type { Dataset, TokenizedPart } from '../data/dataset.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { UserError } from '../errors.ts';
import { scoreTokens } from '../evaluation/evaluate.ts';
import {
  CONVENTION,
  type EvaluationReport,
  LossTotals,
  type TextSize,
} from '../evaluation/report.ts';
import { selectParameters, weightsOf } from '../model/weights.ts';
import { type GivenOptions, withDefaults } from '../option-table.ts';
import { type BaselineReport, openTrainingText, scoreBaseline } from './eval-baseline.ts';
import { openRecordedTexts, openTexts } from './open-dataset.ts';
import { type Progress, silentProgress, startProgress } from './progress-bar.ts';
import { effectivePrecision, startBackend } from './start-backend.ts';
import { count, figure, outStyle, printJson, printLine, showInline } from './terminal.ts';
import { untilAborted } from './until-aborted.ts';

type Given = GivenOptions<typeof evalOptions>;

/** `gru-lm eval` */
export async function run(given: Given, [name]: string[], signal: AbortSignal): Promise<void> {
  const options = withDefaults(evalOptions, given);
  const order = baselineOrder(options);
  const model = await openModel(name, ['weights']);
  const opened = openTextToScore(options, given, model, signal);
  const { dataset, part, label } = await untilAborted(opened, signal);
  let training: Dataset | undefined;
  try {
    if (order !== undefined) {
      const own = options.text ? openTrainingText(model, options.json, signal) : dataset;
      training = await untilAborted(Promise.resolve(own), signal);
    }
    const report = await score(model, part, label, options, signal);
    let baseline: BaselineReport | undefined;
    if (order !== undefined && training) {
      const { sequence } = training.parts.get('train') as TokenizedPart;
      const text = scoredSize(part, model.tokenizer);
      const progress = progressFor(options);
      baseline = await scoreBaseline(order, sequence, part, text, model, progress, signal);
    }
    show(report, baseline, label, model.checkpoint.path, options);
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

function progressFor({ json }: EvalOptions): Progress {
  return json || !process.stderr.isTTY ? silentProgress : startProgress();
}

async function score(
  { checkpoint, modelConfig, tokenizer }: CheckpointModel,
  part: TokenizedPart,
  label: string,
  options: EvalOptions,
  signal: AbortSignal,
): Promise<EvaluationReport> {
  if (part.tokens < 2) {
    throw new UserError(
      'corpus-too-short',
      `${label}: expected at least 2 tokens, since the first is not scored, found ${part.tokens}`,
      'Name a longer text with --text FILE.',
    );
  }
  const precision = effectivePrecision(options.precision, await startBackend(options, signal));
  const parameters = selectParameters(modelConfig, checkpoint.weights, checkpoint.path);
  const weights = weightsOf(parameters);
  const progress = progressFor(options);
  const totals = new LossTotals(tokenizer.unknownId);
  await scoreTokens(modelConfig, weights, part.sequence, {
    onLosses: totals.add,
    signal,
    precision,
    onProgress: (share) => progress.update(share, [`scoring ${count(part.tokens)} tokens`]),
  }).finally(() => progress.stop());
  return totals.report(scoredSize(part, tokenizer));
}

/** The text that the options name, and what to call it. */
async function openTextToScore(
  options: EvalOptions,
  given: Given,
  { checkpoint, options: trained, tokenizer, training }: CheckpointModel,
  signal: AbortSignal,
): Promise<{ dataset: Dataset; part: TokenizedPart; label: string }> {
  const runDirectory = dirname(checkpoint.path);
  const context = { runDirectory, tokenizer, silent: options.json, signal };
  if (options.text) {
    assertNoSplit(given);
    const asTrained = { ...trained, valid: undefined, test: undefined };
    const whole = { corpus: options.text, validSplit: 0, testSplit: 0 };
    const dataset = await openTexts(
      { ...asTrained, ...givenTextOptions(given), ...whole },
      context,
    );
    const part = dataset.parts.get('train') as TokenizedPart;
    return { dataset, part, label: options.text.join(', ') };
  }
  const dataset = await openRecordedTexts(trained, training.data, context);
  const part = dataset.parts.get(options.split);
  if (part === undefined) {
    await dataset.close();
    throw new UserError(
      'corpus-missing',
      `expected a run with a ${options.split} split, found none in ${checkpoint.path}`,
      'Train with --test-split or --test, or name a text with --text FILE.',
    );
  }
  return { dataset, part, label: options.split };
}

function assertNoSplit(given: Given): void {
  if (given.split === undefined) return;
  throw new UserError(
    'usage',
    'expected at most one of --text and --split, found both',
    'Give --text for other text, --split for a part of the run’s own.',
  );
}

/** How other text is to be read, where it is said; otherwise as the run's own was. */
function givenTextOptions(given: Given): Given {
  const names = Object.keys(textOptions) as (keyof typeof textOptions)[];
  return Object.fromEntries(
    names.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]),
  );
}

/** What the first token, which is not scored, leaves of the text. */
function scoredSize(part: TokenizedPart, tokenizer: Tokenizer): TextSize {
  const first = new Int32Array(1);
  part.sequence.read(0, first);
  const text = tokenizer.decode(first);
  return {
    characters: part.characters - Array.from(text).length,
    bytes: part.bytes - Buffer.byteLength(text),
  };
}

function show(
  report: EvaluationReport,
  baseline: BaselineReport | undefined,
  label: string,
  path: string,
  options: EvalOptions,
): void {
  if (options.perplexity && !options.json) {
    printLine(String(Number(report.perplexity.toPrecision(9))));
    return;
  }
  if (options.json) {
    // A text of nothing but <unk> has none: JSON knows no NaN and gives null.
    printJson({
      split: options.text ? label : options.split,
      ...report,
      streams: 1,
      convention: CONVENTION,
      ...(baseline && { baseline }),
    });
    return;
  }
  const figures = [figureRows(report), baseline ? figureRows(baseline) : []] as const;
  const rows: [string, string][] = [
    ...(baseline ? [['', `${'model'.padEnd(12)}${baseline.order}-grams`] as [string, string]] : []),
    ...figures[0].map(([title, value], i): [string, string] => {
      const beside = figures[1][i]?.[1];
      return [title, beside === undefined ? value : `${value.padEnd(12)}${beside}`];
    }),
    ['tokens scored', `${count(report.tokens)} (${count(report.oovTokens)} of them <unk>)`],
  ];
  if (baseline) {
    const tokens = count(baseline.trainTokens);
    rows.push(['baseline', `modified Kneser–Ney, learned from ${tokens} training tokens`]);
  }
  const checkpoint = `${basename(dirname(path))}/${basename(path)}`;
  printLine(`${outStyle.bold(showInline(label))} under ${showInline(checkpoint)}`);
  for (const [title, value] of rows) printLine(`${title.padEnd(18)}${value}`);
  const clauses = CONVENTION.split('; ');
  for (const [i, clause] of clauses.entries()) {
    printLine(outStyle.dim(`${(i === 0 ? 'convention' : '').padEnd(18)}${clause}`));
  }
}

function figureRows(report: EvaluationReport): [string, string][] {
  return [
    ['perplexity', figure(report.perplexity)],
    ['  without <unk>', figure(report.perplexityWithoutOov)],
    ['nats a token', report.natsPerToken.toFixed(4)],
    ['bits a character', report.bitsPerCharacter.toFixed(4)],
    ['bits a byte', report.bitsPerByte.toFixed(4)],
  ];
}
