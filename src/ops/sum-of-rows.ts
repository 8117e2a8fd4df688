import * as tf from '@tensorflow/tfjs-core';
import { registerComposedKernel, runKernel } from './register.ts';
import { assertShape } from './shapes.ts';
import { floatType, intType, type TensorFlowBackend } from './tensorflow-binding.ts';

/** Kernel: sums of rows of a table [G, E]. */
const SUM_OF_ROWS = 'SumOfRows';

/**
 * The product of a sparse matrix of ones with a table: row i of the result is the sum of the rows that belong
 * to it. It has no gradient.
 *
 * @param table [G, E]
 * @param rows [N] int32, each in [0, G)
 * @param sums [N] int32, to which row of the result each belongs: ascending, each in [0, V)
 * @param count V
 * @returns [V, E]; zeros where nothing belongs to a row
 * @throws Error naming the argument whose shape does not fit
 */
export function sumOfRows(
  table: tf.Tensor2D,
  rows: tf.Tensor1D,
  sums: tf.Tensor1D,
  count: number,
): tf.Tensor2D {
  const bound: Record<string, number> = {};
  assertShape('sumOfRows table', table, ['G', 'E'], bound);
  assertShape('sumOfRows rows', rows, ['N'], bound);
  assertShape('sumOfRows sums', sums, ['N'], bound);
  return runKernel(SUM_OF_ROWS, [table, rows, sums], { count })[0] as tf.Tensor2D;
}

registerComposedKernel(
  SUM_OF_ROWS,
  ([table, rows, sums], { count }) => {
    const places = tf.reshape(sums!, [sums!.size, 1]);
    const parts = tf.gather(table!, rows as tf.Tensor1D); // [N, E]
    return [tf.scatterND(places, parts, [count as number, table!.shape[1]!])];
  },
  ['wasm', 'cpu'],
);

tf.registerKernel({
  kernelName: SUM_OF_ROWS,
  backendName: 'tensorflow',
  kernelFunc: ({ inputs, backend, attrs }) => {
    const tensorflow = backend as TensorFlowBackend;
    const count = tf.scalar((attrs as unknown as { count: number }).count, 'int32');
    const result = tensorflow.executeSingleOutput(
      'SparseSegmentSumWithNumSegments',
      [
        floatType(tensorflow, 'T'),
        ...['Tidx', 'Tnumsegments', 'Tsegmentids'].map((name) => intType(tensorflow, name)),
      ],
      [...(Object.values(inputs) as tf.TensorInfo[]), count],
    );
    count.dispose();
    return result;
  },
});
