/** What of samples stands word for word in the text that their model was trained on. */
import { dirname } from 'node:path';
import type { CheckpointModel } from '../checkpoint/model.ts';
import type { Dataset, TokenizedPart } from '../data/dataset.ts';
import { UserError } from '../errors.ts';
import { findCopies, SHORTEST_COPIED } from '../generation/copied-spans.ts';
import { openRecordedTexts } from './open-dataset.ts';
import { silentProgress, startProgress } from './progress-bar.ts';
import { count } from './terminal.ts';

/** As `--json` gives it. */
export interface CopyReport {
  /** The longest span that is also in the training text; null: not even a token is. */
  longest: {
    tokens: number;
    characters: number;
    text: string;
    /** A line of the training text in which it begins, from 1. */
    line: number;
    /** Where that has several documents, the one that the line is in, from 1. */
    document?: number;
  } | null;
  /** The share of tokens in copied spans of at least `spanTokens`. */
  share: number;
  spanTokens: number;
}

/** Made texts are looked for together until they have so many tokens: with more, each step takes longer. */
export const TOKENS_TOGETHER = 1 << 15;

/**
 * Opens the text that a model was trained on.
 *
 * @throws UserError `corpus-missing` or `corpus-changed` if it is not there as it was
 */
export async function openSource(
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
      'What was copied is looked for in the text that the run was trained on: put it back, or leave out --copied.',
      { cause: error },
    );
  }
}

/** From so many tokens on it takes long enough to be waited for. */
const LONG_SOURCE = 20_000_000;

/** Looks for texts, given by their tokens, in the training part of `source`. */
export async function reportCopies(
  texts: readonly (readonly number[])[],
  source: Dataset,
  silent: boolean,
  signal: AbortSignal,
): Promise<CopyReport[]> {
  const { tokenizer } = source;
  const { sequence, documents } = source.parts.get('train') as TokenizedPart;
  const shortest = SHORTEST_COPIED[tokenizer.kind];
  const without = texts.map((ids) => ids.filter((id) => id !== tokenizer.endOfTextId));
  const isSilent = silent || !process.stderr.isTTY || sequence.length < LONG_SOURCE;
  const progress = isSilent ? silentProgress : startProgress();
  const spans = await findCopies(without, sequence, tokenizer, {
    shortest,
    signal,
    onProgress: (share) =>
      progress.update(share, [`looking through ${count(sequence.length)} tokens`]),
  }).finally(() => progress.stop());
  return spans.map(({ longest, share }, i) => {
    if (!longest) return { longest: null, share, spanTokens: shortest };
    const { start, tokens, line, document } = longest;
    const text = tokenizer.decode(without[i]!.slice(start, start + tokens));
    const characters = [...text].length;
    return {
      longest: { tokens, characters, text, line, ...(documents > 1 ? { document } : {}) },
      ...{ share, spanTokens: shortest },
    };
  });
}
