import * as tf from '@tensorflow/tfjs-core';
import { registerComposedKernel, runKernel } from './register.ts';
import { floatType, type TensorFlowBackend } from './tensorflow-binding.ts';

/** Kernel: half the sum of squares, as TensorFlow's L2Loss has it. */
const HALF_SUM_OF_SQUARES = 'HalfSumOfSquares';

/**
 * Σx² over all values of a tensor, in one pass on TensorFlow. It has no gradient.
 *
 * @param tensor of any shape
 * @returns []
 */
export function sumOfSquares(tensor: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.mul(runKernel(HALF_SUM_OF_SQUARES, [tensor])[0]!, 2) as tf.Scalar);
}

registerComposedKernel(
  HALF_SUM_OF_SQUARES,
  ([tensor]) => [tf.mul(tf.sum(tf.square(tensor!)), 0.5)],
  ['wasm', 'cpu'],
);

tf.registerKernel({
  kernelName: HALF_SUM_OF_SQUARES,
  backendName: 'tensorflow',
  kernelFunc: ({ inputs, backend }) => {
    const tensorflow = backend as TensorFlowBackend;
    const tensors = Object.values(inputs) as tf.TensorInfo[];
    return tensorflow.executeSingleOutput('L2Loss', [floatType(tensorflow, 'T')], tensors);
  },
});
