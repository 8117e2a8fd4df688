/**
 * A layer's parameters as cuDNN takes them, in one flat buffer.
 *
 * Of one layer that reads its inputs by a matrix (`linear_input`) cuDNN has, in this order, the input
 * matrices W of its gates [H, I], their recurrent matrices R [H, H], the biases b_W [H] and the biases b_R
 * [H], each row by row, each for the gates in the order of their numbers (`linLayerID` of
 * `cudnnGetRNNWeightParams`): of a GRU reset, update, new memory, which are r, z, n; of an LSTM input,
 * forget, new memory, output, which are i, f, g, o. These are PyTorch's order of parameters and of gates, and
 * so ours: nothing has to be transposed or put in another order, what is ours stands one after the other.
 * Keras, whose gates and matrices are laid out otherwise, makes the same buffer of its own.
 *
 * Shapes: I input size, H hidden size, G gates (3 or 4), P = G·H·(I + H + 2) numbers of the buffer.
 */
import * as tf from '@tensorflow/tfjs-core';

export interface CudnnParameters {
  /** [G·H, I] */
  weightIh: tf.Tensor2D;
  /** [G·H, H] */
  weightHh: tf.Tensor2D;
  /** [G·H] */
  biasIh: tf.Tensor1D;
  /** [G·H] */
  biasHh: tf.Tensor1D;
}

/** The buffer [P] of a layer's parameters, put together where they lie; it has no gradient. */
export function packParameters({
  weightIh,
  weightHh,
  biasIh,
  biasHh,
}: CudnnParameters): tf.Tensor1D {
  return tf.tidy(() =>
    tf.concat1d([weightIh, weightHh, biasIh, biasHh].map((each) => tf.reshape(each, [each.size]))),
  );
}

/**
 * Undoes {@link packParameters}, for the gradient that cuDNN lays out in the same way.
 *
 * @param buffer [P]
 * @param like parameters of the same shapes
 */
export function unpackParameters(
  buffer: tf.Tensor1D,
  { weightIh, weightHh, biasIh, biasHh }: CudnnParameters,
): CudnnParameters {
  return tf.tidy(() => {
    const sizes = [weightIh, weightHh, biasIh, biasHh].map(({ size }) => size);
    const [ih, hh, dBiasIh, dBiasHh] = tf.split(buffer, sizes) as [
      tf.Tensor1D,
      tf.Tensor1D,
      tf.Tensor1D,
      tf.Tensor1D,
    ];
    return {
      weightIh: tf.reshape<tf.Rank.R2>(ih, weightIh.shape),
      weightHh: tf.reshape<tf.Rank.R2>(hh, weightHh.shape),
      biasIh: dBiasIh,
      biasHh: dBiasHh,
    };
  });
}
