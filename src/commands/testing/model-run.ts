/** Runs around a model that is given, not trained. */
import { saveCheckpoint } from '../../checkpoint/save.ts';
import { modelConfigOf, resolveTrainOptions, type TrainOptions } from '../../config/train.ts';
import type { DataRecord } from '../../data/record.ts';
import type { Tokenizer } from '../../data/tokenizer.ts';
import { elementCount, type ParameterSpec, parameterSpecs } from '../../model/parameters.ts';
import { stateSpecs } from '../../model/states.ts';
import { Random } from '../../random.ts';
import type { TensorMap } from '../../tensor-data.ts';
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
  const config = modelConfigOf(options, tokenizer.vocabularySize);
  const specs = parameterSpecs(config);
  const random = new Random(1).state();
  const snapshot = {
    parameters,
    optimizer: new Map([...zeros('mean.', specs), ...zeros('variance.', specs)]),
    hiddenState: zeros('', stateSpecs(config, options.batchSize)),
    progress: {
      step: 0,
      cursor: { epoch: 0, position: 0, offset: 0 },
      offsetRandom: random,
      dropoutRandom: random,
    },
    run: { best: null, plateaus: 0, validLoss: null, finished: false },
    history: [],
    clock: { elapsedSeconds: 0, validationSeconds: 0, history: [] },
  };
  const record = data ?? { corpus: [], valid: [], test: [] };
  const contents = contentsOf(snapshot, options, tokenizer, record);
  await saveCheckpoint(directory, 0, contents, { best: true });
}

function zeros(prefix: string, specs: readonly ParameterSpec[]): TensorMap {
  return new Map(
    specs.map(({ name, shape }) => [
      `${prefix}${name}`,
      { shape, data: new Float32Array(elementCount(shape)) },
    ]),
  );
}
