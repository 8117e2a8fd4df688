import * as tf from '@tensorflow/tfjs-core';
import { registerComposedKernel, runKernel } from './register.ts';
import { floatType, type TensorFlowBackend, wholeNumber } from './tensorflow-binding.ts';

const UNSTACK_STEPS = 'UnstackSteps';

/** What the kernel here uses of TF.js's wasm backend. */
interface WasmBackend {
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array;
}

/**
 * The steps of a sequence, as `tf.unstack` has them, without a gradient.
 *
 * On wasm it copies each step once; TF.js's own kernel copies the whole sequence for each.
 *
 * @param sequence [T, B, H]
 * @returns T × [B, H]
 */
export function unstackSteps(sequence: tf.Tensor3D): tf.Tensor2D[] {
  return runKernel(UNSTACK_STEPS, [sequence]) as tf.Tensor2D[];
}

registerComposedKernel(UNSTACK_STEPS, ([sequence]) => tf.unstack(sequence!), ['cpu']);

tf.registerKernel({
  kernelName: UNSTACK_STEPS,
  backendName: 'tensorflow',
  kernelFunc: ({ inputs, backend }) => {
    const tensorflow = backend as TensorFlowBackend;
    const [sequence] = Object.values(inputs) as [tf.TensorInfo];
    const T = sequence.shape[0] as number;
    const attributes = [
      wholeNumber(tensorflow, 'num', T),
      floatType(tensorflow, 'T'),
      wholeNumber(tensorflow, 'axis', 0),
    ];
    return tensorflow.executeMultipleOutputs('Unpack', attributes, [sequence], T);
  },
});

tf.registerKernel({
  kernelName: UNSTACK_STEPS,
  backendName: 'wasm',
  kernelFunc: ({ inputs, backend }) => {
    const wasm = backend as unknown as WasmBackend;
    const [sequence] = Object.values(inputs) as [tf.TensorInfo];
    const [T, B, H] = sequence.shape as [number, number, number];
    return Array.from({ length: T }, (_, t) => {
      const step = wasm.makeOutput([B, H], 'float32');
      // Looked up for each step: making one may move the heap.
      const values = wasm.typedArrayFromHeap(sequence);
      wasm.typedArrayFromHeap(step).set(values.subarray(t * B * H, (t + 1) * B * H));
      return step;
    });
  },
});
