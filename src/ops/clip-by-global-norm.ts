import * as tf from '@tensorflow/tfjs-core';
import { sumOfSquares } from './sum-of-squares.ts';
import { nativeBackend, number, wholeNumber } from './tensorflow-binding.ts';

/**
 * Scales tensors down together, so that their global norm √Σx² is at most `limit` (Pascanu et al.
 * 2013, algorithm 1). It has no gradient.
 *
 * @param tensors of any shapes; they are disposed
 * @param limit 0: they stay as they are
 * @returns the norm as it was, and the tensors in their order
 */
export function clipByGlobalNorm(
  tensors: tf.Tensor[],
  limit: number,
): { norm: number; clipped: tf.Tensor[] } {
  return clipNative(tensors, limit) ?? clipComposed(tensors, limit);
}

/**
 * As {@link clipByGlobalNorm}, without a number that is read: the norm is a tensor []. Where it is not
 * finite, neither are the tensors given back.
 */
export function clipUnread(
  tensors: tf.Tensor[],
  limit: number,
): { norm: tf.Scalar; clipped: tf.Tensor[] } {
  const norm = tf.tidy(() => tf.sqrt(tf.addN(tensors.map((each) => sumOfSquares(each)))));
  if (limit === 0) return { norm, clipped: tensors };
  // Exactly 1 where the norm is below the limit.
  const scale = tf.tidy(() => tf.div(limit, tf.maximum(norm, limit)));
  const clipped = tensors.map((tensor) => tf.mul(tensor, scale));
  tf.dispose([scale, ...tensors]);
  return { norm, clipped };
}

function clipComposed(tensors: tf.Tensor[], limit: number) {
  const norm = tf.tidy(() => {
    const sums = tensors.map((tensor) => sumOfSquares(tensor));
    return Math.sqrt(tf.addN(sums).dataSync()[0] as number);
  });
  if (limit === 0 || !(norm > limit)) return { norm, clipped: tensors };
  const clipped = tensors.map((tensor) => tf.mul(tensor, limit / norm));
  tf.dispose(tensors);
  return { norm, clipped };
}

function clipNative(tensors: tf.Tensor[], limit: number) {
  const backend = nativeBackend();
  if (!backend) return undefined;
  const [total, ...clipped] = backend.executeMultipleOutputs(
    'GruLmClipByGlobalNorm',
    [wholeNumber(backend, 'count', tensors.length), number(backend, 'limit', limit)],
    tensors,
    1 + tensors.length,
  ) as [tf.Tensor, ...tf.Tensor[]];
  const norm = total.dataSync()[0] as number;
  tf.dispose([total, ...tensors]);
  return { norm, clipped };
}
