/** What the measurements of this project share: its backend and its model, as the product has them. */
import * as tf from '@tensorflow/tfjs-core';
import { modelConfigOf, resolveTrainOptions } from '../../src/config/train.ts';
import type { TrainOptions } from '../../src/config/train-options.ts';
import { TokenArray } from '../../src/data/token-sequence.ts';
import type { ModelConfig } from '../../src/model/parameters.ts';
import { Random } from '../../src/random.ts';
import { nativeBinding, selectBackend } from '../../src/runtime/backend.ts';
import { Trainer } from '../../src/training/trainer.ts';
import type { Work } from '../work.ts';

/** Windows of the random text: enough for a run to begin its text anew now and then, as runs do. */
const WINDOWS = 20;

/** The product's options for a training run of this size; all else is as its options stand without a text: Adam, reset-after. */
function optionsOf({ embedding, hidden, layers, batch, steps, precision }: Work): TrainOptions {
  return resolveTrainOptions({
    embeddingSize: embedding,
    hiddenSize: hidden,
    layers,
    batchSize: batch,
    bptt: steps,
    precision,
  });
}

/** The product's model of this size. */
export function modelOf(work: Work): ModelConfig {
  return modelConfigOf(optionsOf(work), work.vocabulary);
}

/** The product's trainer, on random token ids. */
export function trainerOf(work: Work): Trainer {
  const random = new Random(1);
  const ids = Int32Array.from({ length: work.batch * (WINDOWS * work.steps + 1) }, () =>
    random.integer(work.vocabulary),
  );
  return new Trainer({ ...optionsOf(work), model: modelOf(work) }, new TokenArray(ids));
}

/**
 * Starts the backend that the work asks for, and tells its versions.
 *
 * @throws Error for a precision that this machine does not have
 */
export async function startBackend({
  backend,
  threads,
  precision,
}: Work): Promise<Record<string, string>> {
  const { nativeOperations } = await selectBackend(backend, { threads });
  if (precision === 'bfloat16' && nativeOperations === undefined) {
    throw new Error('bfloat16 takes the native operations, which this machine does not run');
  }
  if (backend === 'wasm') return { 'tfjs-backend-wasm': tf.version_core };
  const versions = { tensorflow: nativeBinding().TF_Version };
  if (nativeOperations === undefined) return versions;
  return { ...versions, oneDNN: nativeOperations.oneDnnVersion };
}
