import type { Weights } from '../../src/model/language-model.ts';
import { elementCount, type ModelConfig, weightSpecs } from '../../src/model/parameters.ts';
import { weightsOf } from '../../src/model/weights.ts';
import { Random } from '../../src/random.ts';
import type { TensorMap } from '../../src/tensor-data.ts';
import { randomValues } from './numbers.ts';

/** Random numbers for every weight, large enough for all of them to matter; variances are above 0. */
export function randomParameters(config: ModelConfig, seed: number, scale = 0.8): TensorMap {
  const random = new Random(seed);
  return new Map(
    weightSpecs(config).map(({ name, shape }) => {
      const data = randomValues(random, elementCount(shape), scale);
      return [name, { shape, data: name.endsWith('running_var') ? data.map(Math.abs) : data }];
    }),
  );
}

/** The same as tensors on the current backend. */
export function randomWeights(config: ModelConfig, seed: number, scale?: number): Weights {
  return weightsOf(randomParameters(config, seed, scale));
}

/** Random tokens of a model's vocabulary. */
export function randomIds({ vocabularySize }: ModelConfig, count: number, seed = 2): Int32Array {
  const random = new Random(seed);
  return Int32Array.from({ length: count }, () => random.integer(vocabularySize));
}
