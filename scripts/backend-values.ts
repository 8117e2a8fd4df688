/**
 * Writes logits, losses and gradients of small models on one backend, from weights that are the same everywhere:
 *
 *     tsx scripts/backend-values.ts reference|cuda|cpu|wasm FILE
 */
import { writeFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { modelConfigOf, resolveTrainOptions } from '../src/config/train.ts';
import type { TrainOptions } from '../src/config/train-options.ts';
import { learnedNames, windowGradients } from '../src/evaluation/window-gradients.ts';
import { forward, logitsOf, zeroState } from '../src/model/language-model.ts';
import { type ModelConfig, weightSpecs } from '../src/model/parameters.ts';
import { weightsOf } from '../src/model/weights.ts';
import { Random } from '../src/random.ts';
import { selectBackend } from '../src/runtime/backend.ts';
import type { TensorMap } from '../src/tensor-data.ts';

/** `reference` is TF.js's own plain JavaScript, which shares no code with TensorFlow. */
type On = 'reference' | 'cuda' | 'cpu' | 'wasm';

/** T of the window, and tokens to choose among. */
const STEPS = 20;
const VOCABULARY = 50;

const kinds: Readonly<Record<string, Partial<TrainOptions>>> = {
  'GRU, reset after': { gruVariant: 'reset-after' },
  'GRU, reset before': { gruVariant: 'reset-before' },
  LSTM: { cell: 'lstm' },
  minGRU: { cell: 'mingru' },
  'plain RNN': { cell: 'rnn' },
};

function weightsAtRandom(config: ModelConfig): TensorMap {
  const random = new Random(3);
  return new Map(
    weightSpecs(config).map(({ name, shape }) => {
      const size = shape.reduce((product, length) => product * length, 1);
      const data = Float32Array.from({ length: size }, () => 0.4 * random.uniform() - 0.2);
      return [name, { shape, data }];
    }),
  );
}

/** Each kind's logits [T·V], losses [T] and gradients, as numbers in one list by name. */
function valuesOf(options: Partial<TrainOptions>): Record<string, number[]> {
  const size = { embeddingSize: 24, hiddenSize: 48, layers: 2, dropout: 0 };
  const config = modelConfigOf(resolveTrainOptions({ ...size, ...options }), VOCABULARY);
  const random = new Random(5);
  const ids = Int32Array.from({ length: STEPS + 1 }, () => random.integer(VOCABULARY));
  const weights = weightsOf(weightsAtRandom(config));
  const state = zeroState(config, 1);
  const logits = tf.tidy(() => {
    const { features } = forward(config, weights, tf.tensor1d(ids.subarray(0, -1)), state, {});
    return Array.from(logitsOf(weights, features).dataSync());
  });
  const { losses, gradients } = windowGradients(config, weights, ids, state, undefined);
  const all = gradients.flatMap((gradient) => Array.from(gradient.dataSync()));
  if (gradients.length !== learnedNames(config).length) throw new Error('a gradient is missing');
  return { logits, losses: Array.from(losses), gradients: all };
}

const [, , on, path] = process.argv as [string, string, On, string];
if (on === 'reference') await tf.setBackend('cpu');
else await selectBackend(on);
const found = Object.entries(kinds).map(([kind, options]) => [kind, valuesOf(options)]);
writeFileSync(path, JSON.stringify(Object.fromEntries(found)));
