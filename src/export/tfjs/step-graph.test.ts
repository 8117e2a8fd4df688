import type { GraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../../test/support/backends.ts';
import { randomIds, randomParameters } from '../../../test/support/models.ts';
import { expectClose, heldTensors, valuesOf } from '../../../test/support/numbers.ts';
import { contentOf, jsonOf, loadExported } from '../../../test/support/tfjs-model.ts';
import { forward, zeroState } from '../../model/language-model.ts';
import type { ModelConfig } from '../../model/parameters.ts';
import { logProbabilitiesOf } from '../../model/predictions.ts';
import { stateSpecs } from '../../model/states.ts';
import { weightsOf } from '../../model/weights.ts';
import type { TensorMap } from '../../tensor-data.ts';
import { roundTrip } from '../quantize.ts';
import { modelFiles } from './model-files.ts';

const B = 3;
const STEPS = 6;

const plain: ModelConfig = {
  vocabularySize: 13,
  embeddingSize: 5,
  hiddenSize: 8,
  layers: 2,
  gruVariant: 'reset-after',
  dropout: 0,
};

const models: Record<string, Partial<ModelConfig>> = {
  'a reset-after GRU': {},
  'a reset-before GRU': { gruVariant: 'reset-before' },
  'one layer': { layers: 1 },
  'an LSTM': { cell: 'lstm' },
  'an RNN': { cell: 'rnn' },
  'an RNN with relu': { cell: 'rnn', activation: 'relu' },
  'a GRU with leaky-relu': { activation: 'leaky-relu' },
  'a minGRU': { cell: 'mingru' },
  'tied weights': { tied: true, embeddingSize: 8 },
  'tied weights of another size': { tied: true },
  'residual layers': { residual: true, embeddingSize: 8, layers: 3 },
  'layer normalisation': { norm: 'layer' },
  'batch normalisation': { norm: 'batch' },
  attention: { attentionSpan: 3, layers: 3 },
  'attention to one step': { attentionSpan: 1, cell: 'lstm' },
  'an adaptive softmax': { softmaxCutoffs: [4, 9] },
  'an adaptive softmax without clusters': { softmaxCutoffs: [] },
};

type Outputs = Record<string, tf.Tensor>;

/** What the graph gives after each token, and its states after the last, on the current backend. */
function runGraph(graph: GraphModel, config: ModelConfig, ids: Int32Array) {
  let states: Outputs = Object.fromEntries(
    stateSpecs(config, B).map(({ name, shape }) => [name, tf.zeros(shape)]),
  );
  const logProbabilities: number[] = [];
  for (let start = 0; start < ids.length; start += B) {
    const tokens = tf.tensor1d(ids.subarray(start, start + B), 'int32');
    const { logits, ...after } = graph.predict({ tokens, ...states }) as Outputs;
    logProbabilities.push(...valuesOf(tf.logSoftmax(logits as tf.Tensor2D)));
    states = after;
  }
  return { logProbabilities, states: Object.values(states).map(valuesOf) };
}

/** The same by the model itself. */
function runModel(config: ModelConfig, parameters: TensorMap, ids: Int32Array) {
  const weights = weightsOf(parameters);
  const zeros = zeroState(config, B);
  const { features, state } = forward(config, weights, tf.tensor1d(ids, 'int32'), zeros);
  return {
    logProbabilities: valuesOf(logProbabilitiesOf(weights, features)),
    states: state.map(valuesOf),
  };
}

describe.each(['cpu', 'wasm'] as const)('a model as a graph on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(Object.entries(models))('predicts as the model does, with %s', async (_, options) => {
    const config = { ...plain, ...options };
    const parameters = randomParameters(config, 1);
    const ids = randomIds(config, B * STEPS);
    const graph = await loadExported(modelFiles(config, parameters, 'none', {}));
    const found = tf.tidy(() => runGraph(graph, config, ids));
    const expected = tf.tidy(() => runModel(config, parameters, ids));
    expectClose(found.logProbabilities, expected.logProbabilities, 1e-5);
    for (const [i, state] of expected.states.entries()) expectClose(found.states[i]!, state, 1e-5);
    graph.dispose();
  });

  const fewerBits = [
    ['float16', {}],
    ['int8', {}],
    ['int8', { tied: true, embeddingSize: 8, gruVariant: 'reset-before' }],
    ['int8', { softmaxCutoffs: [4, 9], attentionSpan: 2 }],
    ['float16', { norm: 'batch' }],
  ] as const;

  it.each(fewerBits)('predicts as %s weights let it, with %j', async (quantization, options) => {
    const config: ModelConfig = { ...plain, ...options };
    const parameters = randomParameters(config, 1);
    const ids = randomIds(config, B * STEPS);
    const graph = await loadExported(modelFiles(config, parameters, quantization, {}));
    const found = tf.tidy(() => runGraph(graph, config, ids));
    const rounded = roundTrip(parameters, quantization);
    const expected = tf.tidy(() => runModel(config, rounded, ids));
    expectClose(found.logProbabilities, expected.logProbabilities, 1e-5);
    graph.dispose();
  });

  it('keeps no tensor of a step but what it gives', async () => {
    const config = { ...plain, attentionSpan: 2, tied: true };
    const graph = await loadExported(modelFiles(config, randomParameters(config, 1), 'none', {}));
    const run = () => tf.tidy(() => runGraph(graph, config, randomIds(config, B)));
    run();
    const before = heldTensors();
    run();
    expect(heldTensors()).toEqual(before);
  });
});

describe('the files of a model', () => {
  it('hold each weight once, with a tied embedding', () => {
    const config = { ...plain, tied: true, embeddingSize: 8 };
    const files = modelFiles(config, randomParameters(config, 1), 'none', {});
    const { weightsManifest } = jsonOf<tf.io.ModelJSON>(files, 'model/model.json');
    const [group] = weightsManifest;
    const shapes = Object.fromEntries(group!.weights.map(({ name, shape }) => [name, shape]));
    expect(shapes['embedding.weight']).toEqual([8, 13]);
    expect(Object.keys(shapes)).not.toContain('fc.weight');
  });

  it('cut weights into shards of 4 MiB, of which model.json comes last', async () => {
    const config = { ...plain, vocabularySize: 1 << 17, layers: 1 };
    const parameters = randomParameters(config, 1);
    const files = modelFiles(config, parameters, 'none', {});
    const sizes = files.map(({ name }) => [name, contentOf(files, name).length]);
    expect(sizes.slice(0, 2)).toEqual([
      ['model/weights-1-of-2.bin', 2 ** 22],
      ['model/weights-2-of-2.bin', expect.any(Number)],
    ]);
    expect(files.at(-1)?.name).toBe('model/model.json');
  });
});
