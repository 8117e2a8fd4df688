/** The n-gram model that `eval --baseline` shows beside a run's own. */
import { dirname } from 'node:path';
import type { CheckpointModel } from '../checkpoint/model.ts';
import type { Dataset, TokenizedPart } from '../data/dataset.ts';
import type { TokenSequence } from '../data/token-sequence.ts';
import { UserError } from '../errors.ts';
import { scoreTokensByNgram, trainNgram } from '../evaluation/ngram.ts';
import { type EvaluationReport, LossTotals, type TextSize } from '../evaluation/report.ts';
import { openRecordedTexts } from './open-dataset.ts';
import type { Progress } from './progress-bar.ts';
import { count } from './terminal.ts';

/** The figures of an n-gram model, as `--json` gives them. */
export interface BaselineReport extends EvaluationReport {
  name: 'ngram';
  order: number;
  /** Tokens of the run's training part, from which it learned. */
  trainTokens: number;
}

/**
 * The text that a run was trained on, for a baseline that learns from it.
 *
 * @throws UserError `corpus-missing` or `corpus-changed` if it is not there as it was
 */
export async function openTrainingText(
  { checkpoint, options, tokenizer, training }: CheckpointModel,
  silent: boolean,
  signal: AbortSignal,
): Promise<Dataset> {
  const context = { runDirectory: dirname(checkpoint.path), tokenizer, silent, signal };
  try {
    return await openRecordedTexts(options, training.data, context);
  } catch (error) {
    const codes = ['corpus-missing', 'corpus-changed'];
    if (!(error instanceof UserError) || !codes.includes(error.code)) throw error;
    throw new UserError(
      error.code,
      error.message,
      'The baseline learns from the text that the run was trained on: put it back, or leave out --baseline.',
      { cause: error },
    );
  }
}

/** Learns from `training` and scores `part` as the model does; `text` is what its tokens stand for. */
export async function scoreBaseline(
  order: number,
  training: TokenSequence,
  part: TokenizedPart,
  text: TextSize,
  { tokenizer, modelConfig }: CheckpointModel,
  progress: Progress,
  signal: AbortSignal,
): Promise<BaselineReport> {
  const totals = new LossTotals(tokenizer.unknownId);
  try {
    const model = await trainNgram(training, {
      order,
      vocabularySize: modelConfig.vocabularySize,
      signal,
      onProgress: (share) =>
        progress.update(share, [`counting the ${order}-grams of ${count(training.length)} tokens`]),
    });
    await scoreTokensByNgram(model, part.sequence, { onLosses: totals.add, signal });
  } finally {
    progress.stop();
  }
  return { name: 'ngram', order, trainTokens: training.length, ...totals.report(text) };
}
