/** Opens texts for a command: with progress on standard error, from the user's cache. */
import { readFile } from 'node:fs/promises';
import { cacheDirectory } from '../cache-directory.ts';
import {
  type Dataset,
  type DatasetContext,
  type DatasetOptions,
  type DatasetProgress,
  openDataset,
  type TextName,
} from '../data/dataset.ts';
import type { DataRecord } from '../data/record.ts';
import { openRecordedDataset } from '../data/recorded-dataset.ts';
import { parseTokenizerFile, type Tokenizer } from '../data/tokenizer.ts';
import { errorMessage, UserError } from '../errors.ts';
import { type Progress, silentProgress, startProgress } from './progress-bar.ts';

/** How each phase is called while it lasts. */
const PHASES: Record<DatasetProgress['phase'], string> = {
  reading: 'reading text',
  vocabulary: 'learning the vocabulary',
  encoding: 'turning text into tokens',
};
/** What is done sooner needs no bar. */
const PATIENCE_MS = 500;

export interface OpenOptions {
  /** The run that the texts are for; paths are recorded from there. */
  readonly runDirectory: string;
  /** Not learned from the text. */
  readonly tokenizer?: Tokenizer | undefined;
  /** Texts whose names come from a checkpoint. Default none. */
  readonly recorded?: readonly TextName[] | undefined;
  /** Whether the text is to be had from the dataset, too. Default false. */
  readonly keepText?: boolean | undefined;
  readonly silent: boolean;
  readonly signal: AbortSignal;
}

/** The texts that `options` name, as tokens. */
export function openTexts(options: DatasetOptions, open: OpenOptions): Promise<Dataset> {
  return withProgress(open, (context) => openDataset(options, open.runDirectory, context));
}

/** The texts that a run was made of, from where they were. */
export function openRecordedTexts(
  options: Omit<DatasetOptions, 'corpus'>,
  record: DataRecord,
  open: OpenOptions,
): Promise<Dataset> {
  return withProgress(open, (context) =>
    openRecordedDataset(options, record, open.runDirectory, context),
  );
}

async function withProgress(
  { tokenizer, recorded, keepText, silent, signal }: OpenOptions,
  open: (context: DatasetContext) => Promise<Dataset>,
): Promise<Dataset> {
  const { onProgress, stop } = phaseReporter(silent);
  try {
    const cache = cacheDirectory('text');
    return await open({
      ...{ cacheDirectory: cache, tokenizer, recorded, keepText, signal, onProgress },
    });
  } finally {
    stop();
  }
}

/**
 * The tokenizer in the file `path`.
 *
 * @throws UserError `tokenizer-file` if there is none
 */
export async function readTokenizerFile(path: string): Promise<Tokenizer> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new UserError(
      'tokenizer-file',
      `expected a tokenizer.json at ${path}, could not read it: ${errorMessage(error)}`,
      'Check the path; gru-lm tokenize --save and Hugging Face’s tokenizers write such files.',
      { cause: error },
    );
  }
  return parseTokenizerFile(bytes, path);
}

/** A bar for each phase that takes long enough to be waited for. */
function phaseReporter(silent: boolean) {
  let progress: Progress = silentProgress;
  let phase: string | undefined;
  let startedMs = 0;
  const stop = () => {
    progress.stop();
    progress = silentProgress;
  };
  return {
    stop,
    onProgress(event: DatasetProgress) {
      if (silent) return;
      if (event.phase !== phase) {
        stop();
        phase = event.phase;
        startedMs = performance.now();
      }
      if (progress === silentProgress && performance.now() - startedMs > PATIENCE_MS) {
        progress = startProgress();
      }
      progress.update(event.share, [PHASES[event.phase]]);
    },
  };
}
