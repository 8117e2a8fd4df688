import * as tf from '@tensorflow/tfjs-core';
import { registerComposedKernel, runKernel } from './register.ts';
import { assertShape } from './shapes.ts';
import { floatType, intType, type TensorFlowBackend } from './tensorflow-binding.ts';

const EMBEDDING_LOOKUP = 'EmbeddingLookup';
/** Kernel: the sum of the rows of a gradient [N, E] by their ids [N], as a table [V, E]. */
export const EMBEDDING_GRADIENT = 'EmbeddingLookupGradient';

/**
 * The rows of an embedding table, with a gradient on every backend (TF.js's own, of `gather`,
 * needs a kernel that the wasm backend lacks).
 *
 * @param table [V, E]
 * @param ids [N] int32, each in [0, V)
 * @returns [N, E]; gradients flow to `table`, rows of repeated ids summed
 * @throws Error naming the argument whose shape does not fit
 */
export function embeddingLookup(table: tf.Tensor2D, ids: tf.Tensor1D): tf.Tensor2D {
  assertShape('embeddingLookup table', table, ['V', 'E']);
  assertShape('embeddingLookup ids', ids, ['N']);
  return runKernel(EMBEDDING_LOOKUP, [table, ids])[0] as tf.Tensor2D;
}

registerComposedKernel(EMBEDDING_LOOKUP, ([table, ids]) => [
  tf.gather(table as tf.Tensor2D, ids as tf.Tensor1D),
]);

registerComposedKernel(
  EMBEDDING_GRADIENT,
  ([ids, rows], attributes) => {
    const [N, E] = rows!.shape as [number, number];
    const table = tf.scatterND(tf.reshape(ids!, [N, 1]), rows!, [attributes.V as number, E]);
    return [table];
  },
  ['wasm', 'cpu'],
);

tf.registerKernel({
  kernelName: EMBEDDING_GRADIENT,
  backendName: 'tensorflow',
  kernelFunc: ({ inputs, backend, attrs }) => {
    const tensorflow = backend as TensorFlowBackend;
    const [ids, rows] = Object.values(inputs) as [tf.TensorInfo, tf.TensorInfo];
    const rowCount = tf.scalar((attrs as unknown as { V: number }).V, 'int32');
    const table = tensorflow.executeSingleOutput(
      'UnsortedSegmentSum',
      [
        floatType(tensorflow, 'T'),
        intType(tensorflow, 'Tindices'),
        intType(tensorflow, 'Tnumsegments'),
      ],
      [rows, ids, rowCount],
    );
    rowCount.dispose();
    return table;
  },
});

tf.registerGradient({
  kernelName: EMBEDDING_LOOKUP,
  saveAllInputs: true,
  gradFunc: (dy, saved) => {
    const [table, ids] = saved as [tf.Tensor2D, tf.Tensor1D];
    const rows = (Array.isArray(dy) ? dy[0] : dy) as tf.Tensor;
    return { 0: () => runKernel(EMBEDDING_GRADIENT, [ids, rows], { V: table.shape[0] })[0]! };
  },
});
