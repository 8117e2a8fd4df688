import * as tf from '@tensorflow/tfjs-core';
import { nativeBinding, selectBackend } from '../backend.ts';

/** Selects the backend named by the first argument, multiplies two matrices, prints what came of it. */
const request = process.argv[2] as 'auto' | 'cpu';
const phases: string[] = [];
const before = { ...process.env };
const selected = await selectBackend(request, {
  threads: 1,
  onEvent: (event) => {
    if (event.type === 'phase') phases.push(event.phase);
  },
});
const matrix = tf.tensor2d([1, 2, 3, 4], [2, 2]);
console.log(
  JSON.stringify({
    selected,
    phases,
    product: [...(await tf.matMul(matrix, matrix).data())],
    changed: Object.keys({ ...before, ...process.env }).filter(
      (name) => before[name] !== process.env[name],
    ),
    nativeTensors: selected.tfjsName === 'tensorflow' ? nativeBinding().getNumOfTensors() : 0,
  }),
);
