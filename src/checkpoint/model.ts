/** A model out of a checkpoint, ready to be put on a backend. */
import { join } from 'node:path';
import { modelConfigOf, type TrainOptions, trainOptions } from '../config/train.ts';
import { type Tokenizer, tokenizerFromJson } from '../data/tokenizer.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { parseStored } from '../option-table.ts';
import { PART_FILES } from './format.ts';
import { type LoadedCheckpoint, loadCheckpoint, type OptionalPart } from './load.ts';
import { resolveCheckpoint } from './run-directory.ts';

export interface CheckpointModel {
  checkpoint: LoadedCheckpoint;
  options: TrainOptions;
  tokenizer: Tokenizer;
  modelConfig: ModelConfig;
}

/**
 * Opens the checkpoint that `name` means (see `resolveCheckpoint`).
 *
 * @param parts what to read beside config, tokenizer and training record
 * @throws UserError for what is missing, damaged or does not fit together
 */
export async function openModel(
  name: string | undefined,
  parts: readonly OptionalPart[],
  prefer: 'best' | 'last' = 'best',
): Promise<CheckpointModel> {
  const checkpoint = await loadCheckpoint(await resolveCheckpoint(name, { prefer }), { parts });
  const options = parseStored(
    trainOptions,
    checkpoint.config,
    join(checkpoint.path, PART_FILES.config),
  );
  const tokenizer = tokenizerFromJson(checkpoint.tokenizer);
  const modelConfig = modelConfigOf(options, tokenizer.vocabularySize);
  return { checkpoint, options, tokenizer, modelConfig };
}
