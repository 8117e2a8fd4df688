/** A product of two square float32 matrices by TensorFlow, as the product calls it. */
import * as tf from '@tensorflow/tfjs-core';
import { matrixProduct } from '../../src/ops/matrix-product.ts';
import { startBackend } from './gru-lm.ts';
import { answer, timeSteps, work } from './measure.ts';

const versions = await startBackend(work);
const shape: [number, number] = [work.matrixSize, work.matrixSize];
const [a, b] = [tf.randomUniform(shape), tf.randomUniform(shape)] as [tf.Tensor2D, tf.Tensor2D];
answer(
  timeSteps(() => matrixProduct(a, b).dispose()),
  versions,
);
