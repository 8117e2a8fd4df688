import { basename, dirname } from 'node:path';
import { type CheckpointModel, openModel } from '../checkpoint/model.ts';
import { type EvalOptions, evalOptions } from '../config.ts';
import { readCorpus } from '../data/corpus.ts';
import { type DataRecord, readRecordedDataset } from '../data/dataset.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { UserError } from '../errors.ts';
import { tokenLosses } from '../evaluation/evaluate.ts';
import { CONVENTION, type EvaluationReport, reportOn } from '../evaluation/report.ts';
import { selectParameters, weightsOf } from '../model/weights.ts';
import { type GivenOptions, withDefaults } from '../option-table.ts';
import { silentProgress, startProgress } from './progress-bar.ts';
import { effectivePrecision, startBackend } from './start-backend.ts';
import { count, figure, outStyle, printJson, printLine } from './terminal.ts';
import { untilAborted } from './until-aborted.ts';

/** `gru-lm eval` */
export async function run(
  given: GivenOptions<typeof evalOptions>,
  [name]: string[],
  signal: AbortSignal,
): Promise<void> {
  const options = withDefaults(evalOptions, given);
  const model = await openModel(name, ['weights']);
  const { text, label } = await untilAborted(readText(options, given, model), signal);
  const { checkpoint, modelConfig, tokenizer } = model;
  const ids = tokenizer.encode(text);
  if (ids.length < 2) {
    throw new UserError(
      'corpus-too-short',
      `${label}: expected at least 2 tokens, since the first is not scored, found ${ids.length}`,
      'Name a longer text with --text FILE.',
    );
  }
  const precision = effectivePrecision(options.precision, await startBackend(options, signal));
  const parameters = selectParameters(modelConfig, checkpoint.weights, checkpoint.path);
  const weights = weightsOf(parameters);
  const progress = options.json || !process.stderr.isTTY ? silentProgress : startProgress();
  const losses = await tokenLosses(modelConfig, weights, ids, {
    signal,
    precision,
    onProgress: (share) => progress.update(share, [`scoring ${count(ids.length)} tokens`]),
  }).finally(() => progress.stop());
  const report = reportOn(losses, scoredText(text, ids, tokenizer));
  show(report, label, checkpoint.path, options);
}

/** The text that the options name, and what to call it. */
async function readText(
  options: EvalOptions,
  given: GivenOptions<typeof evalOptions>,
  { checkpoint, options: trained }: CheckpointModel,
): Promise<{ text: string; label: string }> {
  if (options.text) {
    if (given.split) {
      throw new UserError(
        'usage',
        'expected at most one of --text and --split, found both',
        'Give --text for other text, --split for a part of the run’s own.',
      );
    }
    return { text: (await readCorpus(options.text)).text, label: options.text.join(', ') };
  }
  const record = checkpoint.training.data as unknown as DataRecord;
  const { texts } = await readRecordedDataset(trained, record, dirname(checkpoint.path));
  const text = texts[options.split];
  if (text === undefined) {
    throw new UserError(
      'corpus-missing',
      `expected a run with a ${options.split} split, found none in ${checkpoint.path}`,
      'Train with --test-split or --test, or name a text with --text FILE.',
    );
  }
  return { text, label: options.split };
}

/** What the first token, which is not scored, leaves of the text. */
function scoredText(text: string, ids: Int32Array, tokenizer: Tokenizer) {
  const scored = text.slice(tokenizer.decode(ids.subarray(0, 1)).length);
  return {
    ids,
    unknownId: tokenizer.unknownId,
    characters: Array.from(scored).length,
    bytes: Buffer.byteLength(scored),
  };
}

function show(report: EvaluationReport, label: string, path: string, options: EvalOptions): void {
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
    });
    return;
  }
  const rows: [string, string][] = [
    ['perplexity', figure(report.perplexity)],
    ['  without <unk>', figure(report.perplexityWithoutOov)],
    ['nats a token', report.natsPerToken.toFixed(4)],
    ['bits a character', report.bitsPerCharacter.toFixed(4)],
    ['bits a byte', report.bitsPerByte.toFixed(4)],
    ['tokens scored', `${count(report.tokens)} (${count(report.oovTokens)} of them <unk>)`],
  ];
  printLine(`${outStyle.bold(label)} under ${basename(dirname(path))}/${basename(path)}`);
  for (const [title, value] of rows) printLine(`${title.padEnd(18)}${value}`);
  const clauses = CONVENTION.split('; ');
  for (const [i, clause] of clauses.entries()) {
    printLine(outStyle.dim(`${(i === 0 ? 'convention' : '').padEnd(18)}${clause}`));
  }
}
