/** Models whose predictions are known by hand. */
import { elementCount, type ModelConfig, parameterSpecs } from '../../model/parameters.ts';
import type { TensorMap } from '../../tensor-data.ts';

/** A GRU that gives each token the same probability wherever it stands: all is zero but the output's bias. */
export function unigramModel(probabilities: readonly number[]): {
  config: ModelConfig;
  parameters: TensorMap;
} {
  const config: ModelConfig = {
    vocabularySize: probabilities.length,
    embeddingSize: 2,
    hiddenSize: 3,
    layers: 1,
    gruVariant: 'reset-after',
    dropout: 0,
  };
  const parameters = new Map(
    parameterSpecs(config).map(({ name, shape }) => {
      const data = new Float32Array(elementCount(shape));
      if (name === 'fc.bias') data.set(probabilities.map(Math.log));
      return [name, { shape, data }];
    }),
  );
  return { config, parameters };
}
