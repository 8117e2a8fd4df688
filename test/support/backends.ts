import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { selectBackend } from '../../src/runtime/backend.ts';

/** TensorFlow itself, WebAssembly, and TF.js's own plain JavaScript as a second oracle. */
export const testBackends = ['tensorflow', 'wasm', 'cpu'] as const;

export type TestBackend = (typeof testBackends)[number];

// No advice on faster backends; and every kernel is held to what it says that it returns.
tf.env().set('IS_TEST', true);

/** Makes TF.js run on `name`. */
export async function useBackend(name: TestBackend): Promise<void> {
  if (name === 'cpu') await tf.setBackend('cpu');
  else await selectBackend(name === 'tensorflow' ? 'cpu' : 'wasm');
  if (tf.getBackend() !== name) throw new Error(`expected ${name}, found ${tf.getBackend()}`);
}
