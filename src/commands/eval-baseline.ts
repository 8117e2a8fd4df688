/** The n-gram model that `eval --baseline` shows beside a run's own. */
import { dirname } from 'node:path';
import type { CheckpointModel } from '../checkpoint/model.ts';
import type { Dataset } from '../data/dataset.ts';
import type { TokenSequence } from '../data/token-sequence.ts';
import { withUnknowns } from '../data/unknowns.ts';
import { UserError } from '../errors.ts';
import { type NgramModel, scoreTokensByNgram, trainNgram } from '../evaluation/ngram.ts';
import { LossTotals } from '../evaluation/report.ts';
import type { EvalContext, EvalRow } from './eval-row.ts';
import { openRecordedTexts } from './open-dataset.ts';
import { count } from './terminal.ts';

/**
 * The text that a run was trained on, for what is learned from it.
 *
 * @param need what the text is needed for, as a message says it, and the option that asks for that
 * @throws UserError `corpus-missing` or `corpus-changed` if it is not there as it was
 */
export async function openTrainingText(
  { checkpoint, options, tokenizer, training }: CheckpointModel,
  need: readonly [what: string, flag: string],
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
      `${need[0]} the text that the run was trained on: put it back, or leave out ${need[1]}.`,
      { cause: error },
    );
  }
}

/**
 * The figures of an n-gram model of `order` that learns from `training` as the model does, with unknown tokens
 * among it, and is scored as the model is.
 *
 * @returns them, and the n-gram model
 */
export async function baselineRow(
  order: number,
  training: TokenSequence,
  { model, convention, size, startProgress, signal }: EvalContext,
): Promise<{ row: EvalRow; ngrams: NgramModel }> {
  const totals = new LossTotals(model.tokenizer.unknownId);
  const progress = startProgress();
  const learned = count(training.length);
  let read: TokenSequence;
  let ngrams: NgramModel;
  try {
    read = (await withUnknowns(training, model.tokenizer)).sequence;
    signal?.throwIfAborted();
    ngrams = await trainNgram(read, {
      order,
      vocabularySize: model.modelConfig.vocabularySize,
      signal,
      onProgress: (share) =>
        progress.update(share, [`counting the ${order}-grams of ${learned} tokens`]),
    });
    for await (const tokens of convention.sequences()) {
      await scoreTokensByNgram(ngrams, tokens, { onLosses: totals.add, signal });
    }
  } finally {
    progress.stop();
  }
  const figures = { name: 'ngram', order, trainTokens: training.length, ...totals.report(size) };
  const note = `modified Kneser–Ney, learned from ${learned} training tokens`;
  const row = {
    name: `${order}-grams`,
    key: 'baseline',
    report: figures,
    note:
      read === training
        ? note
        : `${note}; about half of those that occur once as <unk>, as in training`,
  };
  return { row, ngrams };
}
