import * as tf from '@tensorflow/tfjs-core';
import type { Random } from '../random.ts';
import type { TensorData, TensorMap } from '../tensor-data.ts';
import { frequencyBiases, initialValues } from './initial-values.ts';
import type { Weights } from './language-model.ts';
import { assertTensors, type ModelConfig, weightSpecs } from './parameters.ts';

/** A tensor on the current backend with a copy of the data. */
export function tensorOf({ shape, data }: TensorData): tf.Tensor {
  return tf.tensor(Float32Array.from(data), [...shape]);
}

/** A tensor's values, off its backend: a copy of them, or what the backend holds and never changes. */
export function dataOf(tensor: tf.Tensor): TensorData {
  return { shape: tensor.shape, data: tensor.dataSync<'float32'>() };
}

/**
 * The weights of a new model, in the order of `weightSpecs`.
 *
 * @param tokenCounts how often each token occurs [V], for the output layer's biases. Default: they are zero
 */
export function initialParameters(
  config: ModelConfig,
  random: Random,
  tokenCounts?: Float64Array,
): TensorMap {
  const parameters: TensorMap = new Map(
    weightSpecs(config).map((spec) => [
      spec.name,
      { shape: spec.shape, data: initialValues(spec, random, config) },
    ]),
  );
  if (!tokenCounts) return parameters;
  const { softmaxCutoffs } = config;
  const data = frequencyBiases(tokenCounts, softmaxCutoffs);
  const name = softmaxCutoffs ? 'fc.head.bias' : 'fc.bias';
  return new Map([...parameters, [name, { shape: [data.length], data }]]);
}

/**
 * The weights of `config` out of what a file holds, in the order of `weightSpecs`.
 *
 * @param where the file, for the message
 * @throws UserError `checkpoint-damaged` naming a tensor that is missing or of another shape
 */
export function selectParameters(
  config: ModelConfig,
  tensors: TensorMap,
  where: string,
): TensorMap {
  const specs = weightSpecs(config);
  assertTensors(tensors, specs, where);
  return new Map(specs.map(({ name }) => [name, tensors.get(name) as TensorData]));
}

/** Weights as tensors on the current backend; the caller disposes them. */
export function weightsOf(parameters: TensorMap): Weights {
  return Object.fromEntries([...parameters].map(([name, data]) => [name, tensorOf(data)]));
}
