/** What the tests of `lstmSequence` share: its tensors, and what it can run on. */
import * as tf from '@tensorflow/tfjs-core';
import type { TestContext } from 'vitest';
import { type TestBackend, testBackends, useBackend } from '../../test/support/backends.ts';
import { randomTensor } from '../../test/support/numbers.ts';
import type { Random } from '../random.ts';
import type { LstmTensors } from './lstm-sequence-reference.ts';
import { type TensorFlowBackend, tensorFlowBackend } from './tensorflow-binding.ts';

/** T steps, B batch, I input size, H hidden size. */
export interface Sizes {
  T: number;
  B: number;
  I: number;
  H: number;
}

/** The tensors of an LSTM layer in the order of `lstmSequence`, by name. */
export function lstmTensors(
  { T, B, I, H }: Sizes,
  make: (shape: number[], name: string) => tf.Tensor,
): LstmTensors {
  const shapes = {
    inputs: [T, B, I],
    initialState: [B, H],
    initialCell: [B, H],
    weightIh: [4 * H, I],
    weightHh: [4 * H, H],
    biasIh: [4 * H],
    biasHh: [4 * H],
  };
  const entries = Object.entries(shapes).map(([name, shape]) => [name, make(shape, name)]);
  return Object.fromEntries(entries) as LstmTensors;
}

/** Tensors of numbers uniform in ± `scale`. */
export function randomLstmTensors(random: Random, sizes: Sizes, scale = 1): LstmTensors {
  return lstmTensors(sizes, (shape) => randomTensor(random, shape, scale));
}

/** The reference on each backend of the tests, and the native library's operations on TensorFlow. */
export const lstmBackends = [...testBackends, 'native'] as const;

interface NativeOperations {
  oneDnnVersion: string;
  instructionSet: string;
  bfloat16: boolean;
}

/** What the library offers, once TensorFlow's backend was used. */
let offered: NativeOperations | undefined;

/** Makes `lstmSequence` run on `name`. */
export async function useLstmBackend(name: TestBackend | 'native'): Promise<void> {
  await useBackend(name === 'native' ? 'tensorflow' : name);
  if (tf.getBackend() !== 'tensorflow') return;
  const backend: TensorFlowBackend & { nativeOperations?: NativeOperations | undefined } =
    tensorFlowBackend();
  offered ??= backend.nativeOperations;
  backend.nativeOperations = name === 'native' ? offered : undefined;
}

/** What the native library offers; skips the test where it is not there. */
export function needNative(ctx: TestContext): NativeOperations {
  if (!offered) return ctx.skip('the native library is not loaded');
  if (!hasLstm(tensorFlowBackend())) return ctx.skip('the native library has no LSTM operations');
  return offered;
}

/** Whether TensorFlow knows the operations, whatever it says of a call without inputs. */
function hasLstm(backend: TensorFlowBackend): boolean {
  try {
    backend.executeMultipleOutputs('GruLmLstmForward', [], [], 4);
  } catch (error) {
    return !String(error).includes('is neither a type of a primitive operation');
  }
  return true;
}
