/** Runs around a model that is given, not trained. */
import { saveCheckpoint } from '../../checkpoint/save.ts';
import { resolveTrainOptions } from '../../config/train.ts';
import type { TrainOptions } from '../../config/train-options.ts';
import type { DataRecord } from '../../data/record.ts';
import type { Tokenizer } from '../../data/tokenizer.ts';
import type { TensorMap } from '../../tensor-data.ts';
import { modelSnapshot } from '../model-snapshot.ts';
import { contentsOf } from '../train-checkpoint.ts';

export interface GivenModel {
  /** As `train` takes them; the model's sizes among them. */
  options: Parameters<typeof resolveTrainOptions>[0];
  tokenizer: Tokenizer;
  /** By the names of `parameterSpecs`. */
  parameters: TensorMap;
  /** The texts that the run is to have been made of. Default none. */
  data?: DataRecord;
}

/** Saves the model as the only checkpoint of a run in `directory`, one that never took a step. */
export async function saveModelRun(
  directory: string,
  { options: given, tokenizer, parameters, data }: GivenModel,
): Promise<void> {
  const options: TrainOptions = resolveTrainOptions({ maxSteps: 1, ...given });
  const snapshot = modelSnapshot(options, tokenizer.vocabularySize, parameters);
  const record = data ?? { corpus: [], valid: [], test: [] };
  const contents = contentsOf(snapshot, options, tokenizer, record);
  await saveCheckpoint(directory, 0, contents, { best: true });
}
