import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { type NativeOperations, tensorFlowBackend } from '../../src/ops/tensorflow-binding.ts';
import { selectBackend } from '../../src/runtime/backend.ts';

/** Whether the operations of `native/` are for this machine. */
export const hasNativeOperations = process.platform === 'linux' && process.arch === 'x64';

/**
 * TensorFlow with the operations of `native/`, TensorFlow alone, WebAssembly, and TF.js's own plain
 * JavaScript as a second oracle.
 */
export const testBackends: readonly TestBackend[] = [
  ...(hasNativeOperations ? (['native'] as const) : []),
  'tensorflow',
  'wasm',
  'cpu',
];

/**
 * One with TensorFlow's kernels and one without: for what is not a kernel's own, which tests of the kernels hold to
 * each other on all backends.
 */
export const twoBackends: readonly TestBackend[] = [testBackends[0]!, 'wasm'];

export type TestBackend = 'native' | 'tensorflow' | 'wasm' | 'cpu';

/** TensorFlow's backend, with what a test has taken off it. */
export interface WithheldOperations {
  nativeOperations?: NativeOperations | undefined;
  withheldOperations?: NativeOperations | undefined;
}

/** Makes TF.js run on `name`. */
export async function useBackend(name: TestBackend): Promise<void> {
  // Every kernel is held to what it says that it returns; but on wasm, which copies what is kept for
  // a gradient, that would count as a leak.
  tf.env().set('IS_TEST', name !== 'wasm');
  const tfjsName = name === 'native' ? 'tensorflow' : name;
  if (name === 'cpu') await tf.setBackend('cpu');
  else await selectBackend(name === 'wasm' ? 'wasm' : 'cpu');
  if (tf.getBackend() !== tfjsName) throw new Error(`expected ${name}, found ${tf.getBackend()}`);
  if (tfjsName !== 'tensorflow') return;
  const backend: ReturnType<typeof tensorFlowBackend> & WithheldOperations = tensorFlowBackend();
  // On the backend itself, which outlives this module where a process runs many files.
  backend.withheldOperations ??= backend.nativeOperations;
  const native = backend.withheldOperations;
  if (name === 'tensorflow') delete backend.nativeOperations;
  else if (native) backend.nativeOperations = native;
  else throw new Error('expected the native operations, found TensorFlow without them');
}
