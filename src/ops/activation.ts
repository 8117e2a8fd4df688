/** The functions that a recurrent layer's new values go through. */
import * as tf from '@tensorflow/tfjs-core';

/** `leaky-relu` is x for x > 0, else x / 100, as PyTorch's (Maas, Hannun and Ng 2013). */
export type Activation = 'tanh' | 'relu' | 'leaky-relu';

/** The slope of `leaky-relu` below 0. */
export const LEAK = 0.01;

/** Of each number of a tensor of any shape; it has no gradient of its own: see {@link activationSlope}. */
export function activate<T extends tf.Tensor>(sums: T, activation: Activation): T {
  if (activation === 'relu') return tf.relu(sums);
  return activation === 'leaky-relu' ? tf.leakyRelu(sums, LEAK) : tf.tanh(sums);
}

/** The derivative at each number, by what {@link activate} made of it; at 0 it is that from the left. */
export function activationSlope<T extends tf.Tensor>(values: T, activation: Activation): T {
  if (activation === 'tanh') return tf.sub(1, tf.square(values));
  const positive = tf.cast(tf.greater(values, 0), 'float32') as T;
  return activation === 'relu' ? positive : tf.add(tf.mul(positive, 1 - LEAK), LEAK);
}
