/**
 * Gradients of the TF.js operations that the model is made of.
 *
 * TF.js registers its gradients in a module that Node cannot load beside `tfjs-core` itself (only
 * the far larger `@tensorflow/tfjs` brings them); the model needs these few. One that is registered
 * already is left as it is.
 */
import * as tf from '@tensorflow/tfjs-core';

type GradientFunction = (
  dy: tf.Tensor,
  saved: tf.Tensor[],
  attributes: Record<string, unknown>,
) => Record<string, () => tf.Tensor>;

function register(kernelName: string, inputsToSave: string[], gradient: GradientFunction): void {
  if (tf.getGradient(kernelName)) return;
  tf.registerGradient({
    kernelName,
    inputsToSave,
    gradFunc: (dy, saved, attributes) =>
      gradient((Array.isArray(dy) ? dy[0] : dy) as tf.Tensor, saved, attributes),
  });
}

/** Undoes broadcasting: sums `gradient` over the dimensions in which `shape` was stretched. */
function sumTo(gradient: tf.Tensor, shape: number[]): tf.Tensor {
  const axes = tf.broadcast_util.getReductionAxes(shape, gradient.shape);
  return tf.reshape(axes.length > 0 ? tf.sum(gradient, axes) : gradient, shape);
}

register(tf.Reshape, ['x'], (dy, [x]) => ({ x: () => tf.reshape(dy, x!.shape) }));

register(tf.Add, ['a', 'b'], (dy, [a, b]) => ({
  a: () => sumTo(dy, a!.shape),
  b: () => sumTo(dy, b!.shape),
}));

register(tf.Multiply, ['a', 'b'], (dy, [a, b]) => ({
  a: () => sumTo(tf.mul(dy, b!), a!.shape),
  b: () => sumTo(tf.mul(dy, a!), b!.shape),
}));

register(tf.Slice, ['x'], (dy, [x], { begin, size }) => {
  const [starts, sizes] = tf.slice_util.parseSliceParams(
    x!,
    begin as number[],
    size as number[],
  ) as [number[], number[]];
  const around = x!.shape.map((length, axis): [number, number] => [
    starts[axis]!,
    length - starts[axis]! - sizes[axis]!,
  ]);
  return { x: () => tf.pad(dy, around) };
});

register(tf.Mean, ['x'], (dy, [x], { axis }) => {
  const axes = tf.util.parseAxisParam(axis as number | number[], x!.shape);
  const [, reduced] = tf.backend_util.computeOutAndReduceShapes(x!.shape, axes);
  const kept = tf.backend_util.expandShapeToKeepDim(
    x!.shape.filter((_, i) => !axes.includes(i)),
    axes,
  );
  const share = 1 / tf.util.sizeFromShape(reduced);
  return { x: () => tf.mul(tf.reshape(dy, kept), tf.fill(x!.shape, share)) };
});
