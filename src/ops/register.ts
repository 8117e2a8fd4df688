import * as tf from '@tensorflow/tfjs-core';

/** The TF.js backends that the project's kernels are registered for. */
const OP_BACKENDS = ['tensorflow', 'wasm', 'cpu'] as const;

/** A kernel with a list of inputs, written with plain TF.js ops: it runs wherever those run. */
export type ComposedKernel = (
  inputs: readonly tf.Tensor[],
  attributes: Record<string, unknown>,
) => tf.Tensor[];

/**
 * Registers `composed` for every backend, or for those without a kernel of their own.
 *
 * What the kernel makes on the way is disposed when it returns.
 */
export function registerComposedKernel(
  kernelName: string,
  composed: ComposedKernel,
  backends: readonly string[] = OP_BACKENDS,
): void {
  for (const backendName of backends) {
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs }) =>
        tf.tidy(() => composed(Object.values(inputs) as tf.Tensor[], attrs ?? {})),
    });
  }
}

/** Runs a registered kernel on a list of inputs; the result is always a list. */
export function runKernel(
  kernelName: string,
  inputs: readonly tf.Tensor[],
  attributes: Record<string, unknown> = {},
): tf.Tensor[] {
  const result: unknown = tf
    .engine()
    .runKernel(
      kernelName,
      inputs as unknown as tf.NamedTensorMap,
      attributes as unknown as tf.NamedAttrMap,
    );
  return Array.isArray(result) ? (result as tf.Tensor[]) : [result as tf.Tensor];
}

/**
 * Runs an operation, with its gradient if one is being recorded.
 *
 * A gradient registered by `tf.registerGradient` would be given one of zeros for every output that
 * nothing depends on, and what an operation keeps for its gradient is such an output: tens of
 * megabytes of zeros a step.
 *
 * @param forward gives the result, then what else the gradient needs
 * @param backward the gradients of `inputs`, from the result's gradient, all that `forward` gave, and
 *   the inputs as they were
 */
export function runWithGradient(
  inputs: readonly tf.Tensor[],
  forward: () => tf.Tensor[],
  backward: (dy: tf.Tensor, results: tf.Tensor[], inputs: tf.Tensor[]) => tf.Tensor[],
): tf.Tensor {
  const results = forward();
  const [result, ...rest] = results as [tf.Tensor, ...tf.Tensor[]];
  if (!isRecordingGradient()) {
    tf.dispose(rest);
    return result;
  }
  const withGradient = tf.customGrad((...given) => {
    const save = given.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
    save([...results, ...inputs]);
    return {
      value: tf.clone(result),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        backward(dy, saved.slice(0, results.length), saved.slice(results.length)),
    };
  })(...inputs);
  tf.dispose([result, ...rest]);
  return withGradient;
}

/** Whether a gradient is being recorded now, so that a kernel must keep what its gradient needs. */
export function isRecordingGradient(): boolean {
  return tf.engine().state.gradientDepth > 0;
}

let leavesOutWeightGradients = false;

/**
 * Runs `fn`, in which a gradient is taken that no weight of a recurrent layer takes part in: operations that can
 * save the work of those weights' gradients then leave these out.
 */
export function withoutWeightGradients<Result>(fn: () => Result): Result {
  const before = leavesOutWeightGradients;
  leavesOutWeightGradients = true;
  try {
    return fn();
  } finally {
    leavesOutWeightGradients = before;
  }
}

/** Whether the gradients of a recurrent layer's weights are to be computed. */
export function wantsWeightGradients(): boolean {
  return !leavesOutWeightGradients;
}
