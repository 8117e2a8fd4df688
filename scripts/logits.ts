/**
 * Prints what a checkpoint's model says of a text, as one JSON object: the checkpoint's path, the
 * token ids, the logits [T][V] after each of them (of an adaptive softmax, the logarithms of the
 * probabilities), and the state [layers][H] after the last.
 *
 *     npx tsx scripts/logits.ts <run or checkpoint> --ids 3,1,4 [--backend cpu|wasm]
 *     npx tsx scripts/logits.ts <run or checkpoint> --text 'To be' [--backend cpu|wasm]
 *
 * `scripts/check-pytorch.py` holds it against PyTorch.
 */
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { openModel } from '../src/checkpoint/model.ts';
import { forward, logitsOf, zeroState } from '../src/model/language-model.ts';
import { logProbabilitiesOf } from '../src/model/predictions.ts';
import { selectParameters, weightsOf } from '../src/model/weights.ts';
import { selectBackend } from '../src/runtime/backend.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ids: { type: 'string' },
    text: { type: 'string' },
    backend: { type: 'string', default: 'cpu' },
  },
});
const { checkpoint, modelConfig, tokenizer } = await openModel(positionals[0], ['weights']);
const ids = values.ids
  ? Int32Array.from(values.ids.split(','), Number)
  : tokenizer.encode(values.text ?? '');
await selectBackend(values.backend as 'cpu' | 'wasm');
const weights = weightsOf(selectParameters(modelConfig, checkpoint.weights, checkpoint.path));
const { features, state } = forward(
  modelConfig,
  weights,
  tf.tensor1d(ids),
  zeroState(modelConfig, 1),
);
const scores = modelConfig.softmaxCutoffs
  ? logProbabilitiesOf(weights, features)
  : logitsOf(weights, features);
const result = {
  path: checkpoint.path,
  ids: [...ids],
  logits: scores.arraySync(), // [T, V]
  state: state.map((layer) => layer.arraySync()[0]), // [layers, H]
};
process.stdout.write(`${JSON.stringify(result)}\n`);
