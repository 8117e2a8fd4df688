/** Before each test file of a process that runs many: TF.js as it is when it has just been loaded. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import type { WithheldOperations } from './backends.ts';

tf.env().set('IS_TEST', false);
await tf.setBackend('cpu');
const tensorFlow = tf.findBackend('tensorflow') as WithheldOperations | null;
if (tensorFlow?.withheldOperations) tensorFlow.nativeOperations = tensorFlow.withheldOperations;
