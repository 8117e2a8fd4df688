/** What a run is that never took a step: a model from elsewhere. */
import { modelConfigOf } from '../config/train.ts';
import type { TrainOptions } from '../config/train-options.ts';
import { elementCount, type ParameterSpec, parameterSpecs } from '../model/parameters.ts';
import { stateSpecs } from '../model/states.ts';
import { Random } from '../random.ts';
import type { TensorMap } from '../tensor-data.ts';
import type { RunSnapshot } from '../training/run-snapshot.ts';

/**
 * The snapshot of a run that begins with `parameters`, as one that trains by Adam would have it.
 *
 * @param options with the optimizer `adam`
 * @param parameters by the names of `weightSpecs`
 */
export function modelSnapshot(
  options: TrainOptions,
  vocabularySize: number,
  parameters: TensorMap,
): RunSnapshot {
  const config = modelConfigOf(options, vocabularySize);
  const specs = parameterSpecs(config);
  const random = new Random(1).state();
  return {
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
}

function zeros(prefix: string, specs: readonly ParameterSpec[]): TensorMap {
  return new Map(
    specs.map(({ name, shape }) => [
      `${prefix}${name}`,
      { shape, data: new Float32Array(elementCount(shape)) },
    ]),
  );
}
