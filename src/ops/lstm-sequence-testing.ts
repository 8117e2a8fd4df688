/** What the tests of `lstmSequence` share: its tensors. */
import type * as tf from '@tensorflow/tfjs-core';
import { randomTensor } from '../../test/support/numbers.ts';
import type { Random } from '../random.ts';
import type { LstmTensors } from './lstm-sequence-reference.ts';

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
