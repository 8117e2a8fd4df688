import * as tf from '@tensorflow/tfjs-core';
import { isRecordingGradient, registerComposedKernel, runKernel } from './register.ts';
import { assertShape } from './shapes.ts';
import { floatType, intType, type TensorFlowBackend } from './tensorflow-binding.ts';

/** Kernel: loss [N] and its gradient by the logits [N, V], which falls out of the same pass. */
const SPARSE_SOFTMAX_CROSS_ENTROPY = 'SparseSoftmaxCrossEntropy';

/**
 * −log softmax(logits)[label] for each row, without a one-hot of the labels.
 *
 * @param logits [N, V]
 * @param labels [N] int32, each in [0, V)
 * @returns losses in nats [N]; gradients flow to `logits`
 * @throws Error naming the argument whose shape does not fit
 */
export function sparseSoftmaxCrossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor1D {
  const bound: Record<string, number> = {};
  assertShape('sparseSoftmaxCrossEntropy logits', logits, ['N', 'V'], bound);
  assertShape('sparseSoftmaxCrossEntropy labels', labels, ['N'], bound);
  const [loss, gradient] = crossEntropyWithGradient(logits, labels);
  if (!isRecordingGradient()) gradient.dispose();
  return loss;
}

/**
 * The losses [N] and the gradient of each by its row of logits [N, V]: softmax less the one-hot.
 * Gradients flow through the losses only.
 */
export function crossEntropyWithGradient(
  logits: tf.Tensor2D,
  labels: tf.Tensor1D,
): [losses: tf.Tensor1D, gradient: tf.Tensor2D] {
  return runKernel(SPARSE_SOFTMAX_CROSS_ENTROPY, [logits, labels]) as [tf.Tensor1D, tf.Tensor2D];
}

registerComposedKernel(
  SPARSE_SOFTMAX_CROSS_ENTROPY,
  ([logits, labels]) => {
    const [N, V] = logits!.shape as [number, number];
    const shifted = tf.sub(logits!, tf.max(logits!, 1, true)); // [N, V]
    const exponentials = tf.exp(shifted); // [N, V]
    const sums = tf.sum(exponentials, 1, true); // [N, 1]
    const rowStarts = tf.range(0, N * V, V, 'int32');
    const at = tf.add(rowStarts, labels!) as tf.Tensor1D; // [N], places in the flattened logits
    const chosen = tf.gather(tf.reshape(shifted, [N * V]), at); // [N]
    const loss = tf.sub(tf.log(tf.reshape(sums, [N])), chosen);
    const softmax = tf.reshape(tf.div(exponentials, sums), [N * V]);
    const chosenLessOne = tf.sub(tf.gather(softmax, at), 1); // [N]
    const gradient = tf.tensorScatterUpdate(softmax, tf.reshape(at, [N, 1]), chosenLessOne);
    return [loss, tf.reshape(gradient, [N, V])];
  },
  ['wasm', 'cpu'],
);

tf.registerKernel({
  kernelName: SPARSE_SOFTMAX_CROSS_ENTROPY,
  backendName: 'tensorflow',
  kernelFunc: ({ inputs, backend }) => {
    const tensorflow = backend as TensorFlowBackend;
    return tensorflow.executeMultipleOutputs(
      'SparseSoftmaxCrossEntropyWithLogits',
      [floatType(tensorflow, 'T'), intType(tensorflow, 'Tlabels')],
      Object.values(inputs) as tf.TensorInfo[],
      2,
    );
  },
});

tf.registerGradient({
  kernelName: SPARSE_SOFTMAX_CROSS_ENTROPY,
  outputsToSave: [false, true],
  gradFunc: (dy, saved) => {
    const lossGradient = (dy as unknown as tf.Tensor[])[0] as tf.Tensor; // [N]
    return { 0: () => tf.mul(saved[0] as tf.Tensor, tf.expandDims(lossGradient, 1)) };
  },
});
