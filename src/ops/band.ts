/**
 * Bands of matrices. Shapes: B matrices, T rows, M entries of a row's band, P = M + T − 1 columns. The band of
 * row t is the columns from t to t + M − 1.
 *
 * Row after row, a band begins P + 1 numbers after the one before it: rows of P + 1 numbers have their bands
 * one below the other (as Shaw et al. 2018 and Huang et al. 2019, "Music Transformer", skew theirs).
 */
import * as tf from '@tensorflow/tfjs-core';

/**
 * The bands alone, without a gradient.
 *
 * @param matrices [B, T, P]
 * @returns [B, T, M]
 */
export function band(matrices: tf.Tensor3D, M: number): tf.Tensor3D {
  const [B, T, P] = matrices.shape;
  if (T === 1) return matrices;
  const rows = tf.reshape(matrices, [B, T * P]) as tf.Tensor2D;
  const longer = tf.pad2d(rows, [
    [0, 0],
    [0, T],
  ]);
  return tf.slice(tf.reshape(longer, [B, T, P + 1]) as tf.Tensor3D, [0, 0, 0], [B, T, M]);
}

/**
 * The matrices with these bands and zeros beside them, without a gradient.
 *
 * @param bands [B, T, M]
 * @returns [B, T, P]
 */
export function bandAsMatrix(bands: tf.Tensor3D): tf.Tensor3D {
  const [B, T, M] = bands.shape;
  if (T === 1) return bands;
  const P = M + T - 1;
  const longer = tf.pad3d(bands, [
    [0, 0],
    [0, 0],
    [0, P + 1 - M],
  ]);
  const rows = tf.reshape(longer, [B, T * (P + 1)]) as tf.Tensor2D;
  return tf.reshape(tf.slice(rows, [0, 0], [B, T * P]), [B, T, P]) as tf.Tensor3D;
}
