import * as tf from '@tensorflow/tfjs-core';
import { EMBEDDING_GRADIENT } from './embedding-lookup.ts';
import { runKernel } from './register.ts';
import { assertShape } from './shapes.ts';
import { gpuBackend, nativeBackend } from './tensorflow-binding.ts';

/** The elements of a matrix that are not zero, in any order [N]. */
export interface SparseElements {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  readonly values: Float32Array;
}

/** A matrix [R, C] of few elements; whoever makes one disposes its tensors. */
export interface SparseMatrix {
  /** R */
  readonly rowCount: number;
  /** By rows. */
  readonly elements: SparseElements;
  /** [R + 1]: where in the elements a row's begin. */
  readonly starts: Int32Array;
  readonly tensors: {
    readonly starts: tf.Tensor1D;
    readonly rows: tf.Tensor1D;
    readonly columns: tf.Tensor1D;
    readonly values: tf.Tensor1D;
  };
}

/** The matrix of `rowCount` rows that has these elements. */
export function sparseMatrix(
  rowCount: number,
  { rows, columns, values }: SparseElements,
): SparseMatrix {
  const starts = new Int32Array(rowCount + 1);
  for (const row of rows) starts[row + 1]! += 1;
  for (let row = 0; row < rowCount; row += 1) starts[row + 1]! += starts[row]!;
  const next = starts.slice();
  const order = new Int32Array(rows.length);
  for (const [i, row] of rows.entries()) {
    order[next[row]!] = i;
    next[row]! += 1;
  }
  const elements = {
    rows: order.map((i) => rows[i]!),
    columns: order.map((i) => columns[i]!),
    values: Float32Array.from(order, (i) => values[i]!),
  };
  const ids = (numbers: Int32Array) => tf.keep(tf.tensor1d(numbers, 'int32'));
  const tensors = {
    starts: ids(starts),
    rows: ids(elements.rows),
    columns: ids(elements.columns),
    values: tf.keep(tf.tensor1d(elements.values)),
  };
  return { rowCount, elements, starts, tensors };
}

/**
 * The product of a sparse matrix with a table: one native operation, TensorFlow's on a GPU, and elsewhere loops, as
 * to gather and scatter so many rows takes far longer. It has no gradient.
 *
 * @param matrix [R, C]
 * @param table [C, E]
 * @returns [R, E]
 * @throws Error naming the argument whose shape does not fit
 */
export function sparseProduct(matrix: SparseMatrix, table: tf.Tensor2D): tf.Tensor2D {
  assertShape('sparseProduct table', table, ['C', 'E']);
  const { rowCount, tensors } = matrix;
  const { starts, rows, columns, values } = tensors;
  if (values.size === 0) return tf.zeros([rowCount, table.shape[1]]);
  const native = nativeBackend();
  if (native) {
    const inputs = [starts, columns, values, table];
    return native.executeSingleOutput('GruLmSparseProduct', [], inputs) as tf.Tensor2D;
  }
  if (!gpuBackend()) return productByLoops(matrix, table);
  return tf.tidy(() => {
    const parts = tf.mul(tf.gather(table, columns), tf.reshape(values, [values.size, 1])); // [N, E]
    return runKernel(EMBEDDING_GRADIENT, [rows, parts], { V: rowCount })[0] as tf.Tensor2D;
  });
}

function productByLoops(
  { rowCount, starts, elements: { columns, values } }: SparseMatrix,
  table: tf.Tensor2D,
): tf.Tensor2D {
  const E = table.shape[1];
  const numbers = table.dataSync<'float32'>();
  const product = new Float32Array(rowCount * E);
  for (let row = 0; row < rowCount; row += 1) {
    const to = row * E;
    for (let i = starts[row]!; i < starts[row + 1]!; i += 1) {
      const value = values[i]!;
      const from = columns[i]! * E;
      for (let e = 0; e < E; e += 1) product[to + e]! += value * numbers[from + e]!;
    }
  }
  return tf.tensor2d(product, [rowCount, E]);
}
