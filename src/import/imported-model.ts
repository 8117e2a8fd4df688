/** A model as another framework kept it, with its weights by the names that they have here. */
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TrainOptions } from '../config/train-options.ts';
import { UserError } from '../errors.ts';
import type { TensorMap } from '../tensor-data.ts';

/** The options that say what a model is made of. */
export type ModelOptions = Pick<TrainOptions, 'embeddingSize' | 'hiddenSize' | 'layers'> &
  Partial<TrainOptions>;

export interface ImportedModel {
  readonly options: ModelOptions;
  /** By the names of `parameterSpecs`; rows for tokens by the ids that they have in the source. */
  readonly weights: TensorMap;
  readonly vocabularySize: number;
  /** A tokenizer.json that stands beside the weights, if one does. */
  readonly tokenizerFile: string | undefined;
  /** Whether its activation is that of the options, since the source does not say it. */
  readonly takesActivation: boolean;
  /** Whether ids must stay, since the weights are cut by them. */
  readonly keepsIds: boolean;
}

/** The tokenizer.json beside the file `path`; undefined: there is none. */
export async function tokenizerBeside(path: string): Promise<string | undefined> {
  const beside = join(dirname(path), 'tokenizer.json');
  return (await stat(beside).catch(() => undefined)) && beside;
}

/** A file that cannot be imported as it is. */
export function unfit(path: string, expected: string, found: string, hint: string): UserError {
  return new UserError('import-file', `${path}: expected ${expected}, found ${found}`, hint);
}

/** An error about a file as what it means here: that it is not one to be imported, not that a checkpoint is damaged. */
export function asImportError(error: unknown): unknown {
  if (!(error instanceof UserError) || !error.code.startsWith('checkpoint-')) return error;
  return new UserError(
    'import-file',
    error.message,
    'Check that the file is whole; docs/other-frameworks.md says what can be imported.',
    { cause: error },
  );
}
