/**
 * A training step of a plain tfjs-layers model, on the same TensorFlow as gru-lm. Its GRU is
 * reset-before, the only one that tfjs-layers has; what it lacks (clipping by global norm) is written
 * as its users write it.
 */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { startBackend } from './gru-lm.ts';
import { answer, timeSteps, work } from './measure.ts';

const WINDOWS = 16;
const CLIP_NORM = 1;
const { vocabulary, embedding, hidden, batch, steps } = work;

const versions = await startBackend(work);
// Brings the gradients of all of TF.js's operations; it comes with the package it is asked from.
createRequire(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node-gpu/package.json'))(
  '@tensorflow/tfjs',
);
tf.enableProdMode();

const model = sequential();
model.add(
  layers.embedding({ inputDim: vocabulary, outputDim: embedding, batchInputShape: [batch, steps] }),
);
for (let layer = 0; layer < work.layers; layer++) {
  model.add(
    layers.gru({
      units: hidden,
      recurrentActivation: 'sigmoid',
      // The default, orthogonal matrices, takes minutes to draw.
      recurrentInitializer: 'glorotUniform',
      returnSequences: true,
      stateful: true,
    }),
  );
}
model.add(layers.dense({ units: vocabulary }));

const optimizer = tf.train.adam(1e-3);
const windows = Array.from({ length: WINDOWS }, () => ({
  inputs: tf.randomUniform([batch, steps], 0, vocabulary, 'int32'), // [B, T]
  targets: tf.randomUniform([batch * steps], 0, vocabulary, 'int32'), // [B·T]
}));
let step = 0;

/** The mean loss of a window, as a scalar. */
function lossOf({ inputs, targets }: { inputs: tf.Tensor; targets: tf.Tensor }): tf.Scalar {
  const logits = model.apply(inputs, { training: true }) as tf.Tensor; // [B, T, V]
  return tf.losses.softmaxCrossEntropy(
    tf.oneHot(targets as tf.Tensor1D, vocabulary),
    tf.reshape(logits, [batch * steps, vocabulary]),
  ) as tf.Scalar;
}

function trainStep(): void {
  const window = windows[step++ % WINDOWS]!;
  tf.tidy(() => {
    const { value, grads } = tf.variableGrads(() => lossOf(window));
    const squares = Object.values(grads).map((gradient) => tf.sum(tf.square(gradient)));
    const norm = tf.sqrt(tf.addN(squares));
    const scale = tf.minimum(tf.div(CLIP_NORM, norm), 1);
    optimizer.applyGradients(
      Object.entries(grads).map(([name, gradient]) => ({ name, tensor: tf.mul(gradient, scale) })),
    );
    return value.dataSync();
  });
}

answer(timeSteps(trainStep), { ...versions, 'tfjs-layers': tf.version_core });
