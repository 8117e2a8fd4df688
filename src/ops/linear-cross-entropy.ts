import * as tf from '@tensorflow/tfjs-core';
import {
  isRecordingGradient,
  registerComposedKernel,
  runKernel,
  runWithGradient,
} from './register.ts';
import { productIn } from './rounded-product.ts';
import { assertShape } from './shapes.ts';
import {
  crossEntropyWithGradient,
  sparseSoftmaxCrossEntropy,
} from './sparse-softmax-cross-entropy.ts';
import {
  flag,
  nativeBackend,
  type Precision,
  precisionAttribute,
  runsOnGpu,
} from './tensorflow-binding.ts';

/** Kernel: the mean loss [], then, where a gradient is recorded, its gradients by each float input. */
const LINEAR_CROSS_ENTROPY = 'LinearCrossEntropy';
/** Kernel: the loss of each row [N]. */
const LINEAR_TOKEN_LOSSES = 'LinearTokenLosses';

/** Scores held at a time: what an allocator serves from memory that it has, and not in fresh pages. */
const SCORES_A_BLOCK = 6e6;

/** How many rows of scores [·, V] to hold at a time. */
function rowsInABlock(vocabularySize: number): number {
  return Math.max(1, Math.floor(SCORES_A_BLOCK / vocabularySize));
}

/**
 * The output layer and its loss in one: the mean of −log softmax(features · weightᵀ + bias)[label].
 *
 * Rows go through in blocks, so that the scores [N, V], by far the largest tensor of a language
 * model, are never there all at once; their gradient is used as soon as it is known.
 *
 * @param features [N, H]
 * @param weight [V, H]
 * @param bias [V]
 * @param labels [N] int32, each in [0, V)
 * @param precision what products are multiplied in where the native library or a GPU runs them
 * @returns the mean loss in nats []; gradients flow to `features`, `weight` and `bias`
 * @throws Error naming the argument whose shape does not fit
 */
export function linearCrossEntropy(
  features: tf.Tensor2D,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D,
  labels: tf.Tensor1D,
  precision: Precision = 'float32',
): tf.Scalar {
  const inputs = [features, weight, bias, labels] as const;
  assertShapes('linearCrossEntropy', inputs);
  const withGradient = isRecordingGradient();
  return runWithGradient(
    [features, weight, bias],
    () => runKernel(LINEAR_CROSS_ENTROPY, inputs, { withGradient, precision }),
    (dy, [, ...gradients]) => {
      if (runsOnGpu()) return gradients.map((each) => tf.mul(each, dy)); // nothing is read back
      // Nearly always 1, the loss's gradient by itself: no pass over the gradients is spent on that.
      const scale = dy.dataSync()[0] as number;
      return gradients.map((each) => (scale === 1 ? tf.clone(each) : tf.mul(each, scale)));
    },
  ) as tf.Scalar;
}

/**
 * As {@link linearCrossEntropy}, but the loss of each row. It has no gradient.
 *
 * @returns nats [N]
 */
export function linearTokenLosses(
  features: tf.Tensor2D,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D,
  labels: tf.Tensor1D,
  precision: Precision = 'float32',
): tf.Tensor1D {
  const inputs = [features, weight, bias, labels] as const;
  assertShapes('linearTokenLosses', inputs);
  return runKernel(LINEAR_TOKEN_LOSSES, inputs, { precision })[0] as tf.Tensor1D;
}

type Inputs = readonly [
  features: tf.Tensor2D,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D,
  labels: tf.Tensor1D,
];

function assertShapes(op: string, [features, weight, bias, labels]: Inputs): void {
  const bound: Record<string, number> = {};
  assertShape(`${op} features`, features, ['N', 'H'], bound);
  assertShape(`${op} weight`, weight, ['V', 'H'], bound);
  assertShape(`${op} bias`, bias, ['V'], bound);
  assertShape(`${op} labels`, labels, ['N'], bound);
}

/** The native operation, where there is one: loss [], losses [N] and, if asked for, the gradients. */
function runNative(
  inputs: readonly tf.Tensor[],
  withGradient: boolean,
  precision: unknown,
): tf.Tensor[] | undefined {
  const backend = nativeBackend();
  return backend?.executeMultipleOutputs(
    'GruLmLinearCrossEntropy',
    [
      flag(backend, 'with_gradient', withGradient),
      precisionAttribute(backend, precision as Precision),
    ],
    inputs,
    5,
  );
}

interface Block {
  lossSum: tf.Tensor;
  dFeatures?: tf.Tensor2D;
  dWeight?: tf.Tensor2D;
  dBias?: tf.Tensor;
}

registerComposedKernel(LINEAR_TOKEN_LOSSES, (inputs, { precision }) => {
  const native = runNative(inputs, false, precision);
  if (native) return [native[1] as tf.Tensor];
  const [features, weight, bias, labels] = inputs as unknown as Inputs;
  const product = productIn.bind(undefined, precision as Precision);
  const N = features.shape[0];
  const rows = Math.min(N, rowsInABlock(weight.shape[0]));
  const blocks: tf.Tensor1D[] = [];
  for (let start = 0; start < N; start += rows) {
    const count = Math.min(rows, N - start);
    blocks.push(
      tf.tidy(() => {
        const x = tf.slice(features, start, count); // [n, H]
        const scores = tf.add(product(x, weight, false, true), bias) as tf.Tensor2D; // [n, V]
        return sparseSoftmaxCrossEntropy(scores, tf.slice(labels, start, count)); // [n]
      }),
    );
  }
  return [tf.concat1d(blocks)];
});

registerComposedKernel(LINEAR_CROSS_ENTROPY, (inputs, { withGradient, precision }) => {
  const native = runNative(inputs, withGradient === true, precision);
  if (native) {
    const [loss, , ...gradients] = native;
    return withGradient === true ? [loss!, ...gradients] : [loss!];
  }
  const [features, weight, bias, labels] = inputs as unknown as Inputs;
  const product = productIn.bind(undefined, precision as Precision);
  const [N, V] = [features.shape[0], weight.shape[0]];
  const rows = Math.min(N, rowsInABlock(V));
  let total: Block | undefined;
  for (let start = 0; start < N; start += rows) {
    const count = Math.min(rows, N - start);
    const block = tf.tidy(() => {
      const x = tf.slice(features, start, count); // [n, H]
      const y = tf.slice(labels, start, count); // [n]
      const scores = tf.add(product(x, weight, false, true), bias) as tf.Tensor2D; // [n, V]
      const [losses, dScores] = crossEntropyWithGradient(scores, y);
      scores.dispose();
      const lossSum = tf.sum(losses);
      if (withGradient !== true) return { lossSum };
      // The mean's 1/N goes to the small factors, so that no pass over the scores is spent on it.
      return {
        lossSum,
        dFeatures: tf.mul(product(dScores, weight), 1 / N),
        dWeight: product(dScores, tf.mul(x, 1 / N) as tf.Tensor2D, true),
        dBias: tf.mul(tf.sum(dScores, 0), 1 / N),
      };
    }) as Block;
    total = total ? addBlocks(total, block) : block;
  }
  const { lossSum, dFeatures, dWeight, dBias } = total as Block;
  const loss = tf.div(lossSum, N);
  return dFeatures ? [loss, dFeatures, dWeight as tf.Tensor, dBias as tf.Tensor] : [loss];
});

/** Rows after rows, sums with sums; both blocks are disposed. */
function addBlocks(a: Block, b: Block): Block {
  return tf.tidy(() => {
    const lossSum = tf.add(a.lossSum, b.lossSum);
    const sum = a.dFeatures
      ? {
          lossSum,
          dFeatures: tf.concat2d([a.dFeatures, b.dFeatures as tf.Tensor2D], 0),
          dWeight: tf.add(a.dWeight as tf.Tensor, b.dWeight as tf.Tensor),
          dBias: tf.add(a.dBias as tf.Tensor, b.dBias as tf.Tensor),
        }
      : { lossSum };
    tf.dispose(Object.values(a));
    tf.dispose(Object.values(b));
    return sum as unknown as tf.TensorContainer;
  }) as unknown as Block;
}
