import * as tf from '@tensorflow/tfjs-core';
import type { GruTensors, GruVariant } from '../../src/ops/gru-sequence.ts';
import type { Random } from '../../src/random.ts';
import { randomValues } from './numbers.ts';

/** T steps, B batch, I input size, H hidden size. */
export interface GruSizes {
  T: number;
  B: number;
  I: number;
  H: number;
}

/** The inputs of a GRU layer in the order of `gruSequence`, with their shapes. */
function gruShapes({ T, B, I, H }: GruSizes, variant: GruVariant): Record<string, number[]> {
  return {
    inputs: [T, B, I],
    initialState: [B, H],
    weightIh: [3 * H, I],
    weightHh: [3 * H, H],
    biasIh: [3 * H],
    ...(variant === 'reset-after' ? { biasHh: [3 * H] } : {}),
  };
}

/** Tensors of these values, by name. */
export function gruTensors(
  sizes: GruSizes,
  variant: GruVariant,
  valuesOf: (name: string, count: number) => ArrayLike<number>,
): GruTensors {
  const entries = Object.entries(gruShapes(sizes, variant)).map(([name, shape]) => {
    const values = valuesOf(name, tf.util.sizeFromShape(shape));
    return [name, tf.tensor(Float32Array.from(values), shape)];
  });
  return Object.fromEntries(entries) as GruTensors;
}

/** Tensors of random values that saturate no gate. */
export function randomGruTensors(random: Random, sizes: GruSizes, variant: GruVariant): GruTensors {
  return gruTensors(sizes, variant, (_, count) => randomValues(random, count));
}

/** The same tensors out of a list in their order. */
export function gruTensorsOf(list: readonly tf.Tensor[], variant: GruVariant): GruTensors {
  const names = Object.keys(gruShapes({ T: 1, B: 1, I: 1, H: 1 }, variant));
  return Object.fromEntries(names.map((name, i) => [name, list[i]])) as unknown as GruTensors;
}
