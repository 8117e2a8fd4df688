/**
 * Matrix products of 16-bit numbers on a GPU, by TensorFlow's own kernels, which also round what comes out.
 * They are for the large products that TensorFlow multiplies itself: the output layer's and Muon's. Layers
 * that cuDNN runs multiply as `cudnn-sequence.ts` says, whatever the precision.
 */
import * as tf from '@tensorflow/tfjs-core';
import { matrixProduct } from './matrix-product.ts';
import {
  flag,
  gpuBackend,
  type OpAttribute,
  type Precision,
  type TensorFlowBackend,
} from './tensorflow-binding.ts';

type Rounded = Exclude<Precision, 'float32'>;

/** TensorFlow's numbers of the types, which tfjs-node's binding has no names for. */
const TYPES: Readonly<Record<Rounded, number>> = { bfloat16: 14, float16: 19 };

/** Sums of float16 may be up to 65504; of numbers up to 1, this many surely are no more. */
const SURE_TERMS = 2 ** 15;

/**
 * `matrixProduct`, in `precision` on a GPU; it has no gradient.
 *
 * @param a [M, K], or [K, M] with `transposeA`
 * @param b [K, N], or [N, K] with `transposeB`
 * @returns [M, N]
 */
export function productIn(
  precision: Precision,
  a: tf.Tensor2D,
  b: tf.Tensor2D,
  transposeA = false,
  transposeB = false,
): tf.Tensor2D {
  const gpu = precision === 'float32' ? undefined : gpuBackend();
  return gpu
    ? roundedProduct(gpu, precision as Rounded, a, b, transposeA, transposeB)
    : matrixProduct(a, b, transposeA, transposeB);
}

/** The same of matrices that lie side by side [N, ·, ·], one product each. */
export function productsIn(
  precision: Precision,
  a: tf.Tensor3D,
  b: tf.Tensor3D,
  transposeA = false,
  transposeB = false,
): tf.Tensor3D {
  const gpu = precision === 'float32' ? undefined : gpuBackend();
  return gpu
    ? roundedProduct(gpu, precision as Rounded, a, b, transposeA, transposeB)
    : tf.matMul(a, b, transposeA, transposeB);
}

/**
 * The product of matrices, or of each of some, rounded to `type` before and after.
 *
 * float16 has no numbers above 65504, and few below 6e-5, where gradients are. So either operand is divided by
 * its largest number first, and the product multiplied by both: no matter how large the operands are, only
 * what is 2²⁴ times smaller than their largest is lost.
 *
 * @returns of float32, as the operands are
 */
export function roundedProduct<T extends tf.Tensor>(
  backend: TensorFlowBackend,
  type: Rounded,
  a: T,
  b: T,
  transposeA: boolean,
  transposeB: boolean,
): T {
  if (type === 'bfloat16') return castProduct(backend, type, a, b, transposeA, transposeB);
  return tf.tidy(() => {
    const terms = a.shape.at(transposeA ? -2 : -1) as number;
    const room = Math.max(1, terms / SURE_TERMS);
    const [largestA, largestB] = [a, b].map((each) => tf.max(tf.abs(each))) as [
      tf.Tensor,
      tf.Tensor,
    ];
    const dividedA = tf.divNoNan<T>(a, room === 1 ? largestA : tf.mul(largestA, room));
    const dividedB = tf.divNoNan<T>(b, largestB);
    const product = castProduct(backend, type, dividedA, dividedB, transposeA, transposeB);
    const scale = tf.mul(largestA, largestB);
    return tf.mul<T>(product, room === 1 ? scale : tf.mul(scale, room));
  });
}

/** TF.js has no tensors of these types: they live from one operation to the next. */
function castProduct<T extends tf.Tensor>(
  backend: TensorFlowBackend,
  type: Rounded,
  a: T,
  b: T,
  transposeA: boolean,
  transposeB: boolean,
): T {
  const { binding } = backend;
  const run = (name: string, attributes: OpAttribute[], ids: number[]) => {
    const [made] = binding.executeOp(name, attributes, ids, 1);
    return made!;
  };
  const typeOf = (name: string, value: number): OpAttribute => ({
    ...{ name, type: binding.TF_ATTR_TYPE, value },
  });
  const cast = (id: number, from: number, to: number) =>
    run('Cast', [typeOf('SrcT', from), typeOf('DstT', to)], [id]);
  const rounded = backend
    .getInputTensorIds([a, b])
    .map((id) => cast(id, binding.TF_FLOAT, TYPES[type]).id);
  const isOne = a.rank === 2;
  const product = run(
    isOne ? 'MatMul' : 'BatchMatMulV2',
    [
      typeOf('T', TYPES[type]),
      flag(backend, isOne ? 'transpose_a' : 'adj_x', transposeA),
      flag(backend, isOne ? 'transpose_b' : 'adj_y', transposeB),
    ],
    rounded,
  );
  const result = cast(product.id, TYPES[type], binding.TF_FLOAT);
  for (const id of [...rounded, product.id]) binding.deleteTensor(id);
  return backend.createOutputTensor(result) as T;
}
