import * as tf from '@tensorflow/tfjs-core';
import { EMBEDDING_GRADIENT } from './embedding-lookup.ts';
import { runKernel } from './register.ts';
import { assertShape } from './shapes.ts';
import { nativeBackend } from './tensorflow-binding.ts';

/** The elements of a matrix that are not zero, in any order [N]. */
export interface SparseElements {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  readonly values: Float32Array;
}

/** A matrix [R, C] of few elements; whoever makes one disposes it. */
export interface SparseMatrix {
  /** R */
  readonly rowCount: number;
  /** [R + 1] int32: where in the others a row's elements begin. */
  readonly starts: tf.Tensor1D;
  /** [N] int32 */
  readonly rows: tf.Tensor1D;
  /** [N] int32 */
  readonly columns: tf.Tensor1D;
  /** [N] */
  readonly values: tf.Tensor1D;
}

/** The matrix of `rowCount` rows that has these elements. */
export function sparseMatrix(rowCount: number, elements: SparseElements): SparseMatrix {
  const { rows } = elements;
  const starts = new Int32Array(rowCount + 1);
  for (const row of rows) starts[row + 1]! += 1;
  for (let row = 0; row < rowCount; row += 1) starts[row + 1]! += starts[row]!;
  const next = starts.slice();
  const order = new Int32Array(rows.length);
  for (const [i, row] of rows.entries()) {
    order[next[row]!] = i;
    next[row]! += 1;
  }
  const ids = (numbers: Int32Array) => tf.keep(tf.tensor1d(numbers, 'int32'));
  return {
    rowCount,
    starts: ids(starts),
    rows: ids(order.map((i) => rows[i]!)),
    columns: ids(order.map((i) => elements.columns[i]!)),
    values: tf.keep(tf.tensor1d(Float32Array.from(order, (i) => elements.values[i]!))),
  };
}

/**
 * The product of a sparse matrix with a table. It has no gradient.
 *
 * @param matrix [R, C]
 * @param table [C, E]
 * @returns [R, E]
 * @throws Error naming the argument whose shape does not fit
 */
export function sparseProduct(matrix: SparseMatrix, table: tf.Tensor2D): tf.Tensor2D {
  assertShape('sparseProduct table', table, ['C', 'E']);
  const { rowCount, starts, rows, columns, values } = matrix;
  if (values.size === 0) return tf.zeros([rowCount, table.shape[1]]);
  const native = nativeBackend();
  if (native) {
    const inputs = [starts, columns, values, table];
    return native.executeSingleOutput('GruLmSparseProduct', [], inputs) as tf.Tensor2D;
  }
  return tf.tidy(() => {
    const parts = tf.mul(tf.gather(table, columns), tf.reshape(values, [values.size, 1])); // [N, E]
    return runKernel(EMBEDDING_GRADIENT, [rows, parts], { V: rowCount })[0] as tf.Tensor2D;
  });
}
