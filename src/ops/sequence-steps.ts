/** What layers over a whole sequence share. Shapes: T steps, B batch, N and H sizes. */
import * as tf from '@tensorflow/tfjs-core';
import { matrixProduct } from './matrix-product.ts';

/** From this many steps on, transposing a weight once beats doing so in each product. */
export const STEPS_WORTH_PREPARING = 4;

/** A product x [B, N] · `weight`ᵀ [N, H], for T uses. */
export function transposedProduct(weight: tf.Tensor2D, T: number): (x: tf.Tensor2D) => tf.Tensor2D {
  if (T < STEPS_WORTH_PREPARING) return (x) => matrixProduct(x, weight, false, true);
  const transposed = tf.transpose(weight);
  return (x) => matrixProduct(x, transposed);
}

/** [T, B, N] as rows [T·B, N]. */
export function flattenSteps(tensor: tf.Tensor): tf.Tensor2D {
  return tf.reshape(tensor, [-1, tensor.shape.at(-1) as number]) as tf.Tensor2D;
}

/** What was there before each step [T, B, H], from the start [B, H] and what each step left. */
export function previousSteps(initial: tf.Tensor2D, after: tf.Tensor3D): tf.Tensor3D {
  const [T, B, H] = after.shape;
  const first = tf.reshape(initial, [1, B, H]) as tf.Tensor3D;
  return T === 1 ? first : tf.concat3d([first, tf.slice(after, 0, T - 1)], 0);
}
