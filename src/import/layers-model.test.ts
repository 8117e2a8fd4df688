/**
 * Models of tf.layers, held against what tf.layers itself computes. The file is its own, since `@tensorflow/tfjs`
 * registers gradients for all of TF.js.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import {
  model as functional,
  input,
  type LayersModel,
  layers,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { expectClose } from '../../test/support/numbers.ts';
import { modelConfigOf } from '../config/train.ts';
import { trainOptions } from '../config/train-options.ts';
import { toFloat16 } from '../half-precision.ts';
import { forward, logitsOf, zeroState } from '../model/language-model.ts';
import { weightsOf } from '../model/weights.ts';
import { withDefaults } from '../option-table.ts';
import { readLayersModel } from './layers-model.ts';

// It comes with the package that it is asked from.
createRequire(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node-gpu/package.json'))(
  '@tensorflow/tfjs',
);

const directory = mkdtempSync(join(tmpdir(), 'gru-lm-layers-'));
const path = join(directory, 'model.json');
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeAll(() => useBackend('cpu'));

const [V, E, H] = [7, 3, 4];
const IDS = [1, 5, 2, 2, 0, 6, 3];

type Json = Record<string, unknown>;

/** Saves a model as `tf.io` has it for files, its weights cut into two shards. */
async function save(model: LayersModel): Promise<Json> {
  let json: Json = {};
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      const bytes = new Uint8Array(artifacts.weightData as ArrayBuffer);
      json = {
        format: 'layers-model',
        modelTopology: artifacts.modelTopology,
        weightsManifest: [{ paths: ['a.bin', 'b.bin'], weights: artifacts.weightSpecs }],
      };
      writeFileSync(join(directory, 'a.bin'), bytes.subarray(0, 50));
      writeFileSync(join(directory, 'b.bin'), bytes.subarray(50));
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' as const } };
    }),
  );
  writeFileSync(path, JSON.stringify(json));
  return json;
}

/** log p of every token after each of `IDS` [T·V], by the imported model. */
async function imported(): Promise<{ logProbabilities: Float32Array; options: object }> {
  const { options, weights, vocabularySize } = await readLayersModel(path);
  const config = modelConfigOf(withDefaults(trainOptions, options), vocabularySize);
  const tensors = weightsOf(weights);
  const { features } = forward(config, tensors, tf.tensor1d(IDS, 'int32'), zeroState(config, 1));
  const scores = tf.logSoftmax(logitsOf(tensors, features));
  return { logProbabilities: scores.dataSync<'float32'>(), options };
}

/** The same by the model itself, which ends with a softmax. */
function own(model: LayersModel): Float32Array {
  const probabilities = model.predict(tf.tensor2d(IDS, [1, IDS.length])) as tf.Tensor;
  return tf.log(probabilities).dataSync<'float32'>();
}

const gru = { units: H, returnSequences: true, recurrentActivation: 'sigmoid' } as const;
const biased = { biasInitializer: 'randomNormal' } as const;

describe('a model of tf.layers gives what it gives there', () => {
  const noise = { biasInitializer: 'randomNormal', recurrentInitializer: 'randomNormal' } as const;
  test.each([
    ['gru', () => [layers.gru({ ...gru, ...noise }), layers.gru({ ...gru, ...noise })]],
    ['gru by relu', () => [layers.gru({ ...gru, ...noise, activation: 'relu' })]],
    ['lstm', () => [layers.lstm({ ...gru, ...noise }), layers.lstm({ ...gru, ...noise })]],
    ['rnn', () => [layers.simpleRNN({ units: H, returnSequences: true, ...noise })]],
    ['gru without biases', () => [layers.gru({ ...gru, useBias: false })]],
  ])('%s', async (name, recurrent) => {
    const model = sequential({
      layers: [
        layers.embedding({ inputDim: V, outputDim: E }),
        layers.dropout({ rate: 0.5 }),
        ...recurrent(),
        layers.dense({ units: V, activation: 'softmax', ...biased }),
      ],
    });
    await save(model);
    const { logProbabilities, options } = await imported();
    expectClose(logProbabilities, own(model), 1e-5);
    expect(options).toMatchObject({
      cell: name.split(' ')[0],
      activation: name.endsWith('relu') ? 'relu' : 'tanh',
      ...(name.startsWith('gru') ? { gruVariant: 'reset-before' } : {}),
    });
  });

  test('as a functional one, with Dense for each step by itself', async () => {
    const tokens = input({ shape: [null] });
    const table = layers.embedding({ inputDim: V, outputDim: E }).apply(tokens);
    const states = layers.gru(gru).apply(table);
    const scores = layers
      .timeDistributed({ layer: layers.dense({ units: V, activation: 'softmax', ...biased }) })
      .apply(states);
    const model = functional({ inputs: tokens, outputs: scores as SymbolicTensor });
    await save(model);
    expectClose((await imported()).logProbabilities, own(model), 1e-5);
  });
});

interface Golden {
  modelTopology: object;
  weights: { name: string; shape: number[]; data: string }[];
  ids: number[];
  /** [T·V] */
  probabilities: number[];
}

// tf.layers has no GRU that resets after the product, which is Keras's own.
test.each([
  ['keras-gru', { cell: 'gru', gruVariant: 'reset-after', layers: 2 }],
  ['keras-lstm', { cell: 'lstm', layers: 2 }],
])('%s gives what Keras gives', async (name, options) => {
  const url = new URL(`fixtures/${name}.json`, import.meta.url);
  const golden = JSON.parse(readFileSync(url, 'utf8')) as Golden;
  const { modelTopology, weights } = golden;
  const entries = weights.map(({ data, ...entry }) => ({ ...entry, dtype: 'float32' }));
  const weightsManifest = [{ paths: ['a.bin'], weights: entries }];
  writeFileSync(path, JSON.stringify({ format: 'layers-model', modelTopology, weightsManifest }));
  const data = weights.map((weight) => Buffer.from(weight.data, 'base64'));
  writeFileSync(join(directory, 'a.bin'), Buffer.concat(data));

  expect(golden.ids).toEqual(IDS);
  const found = await imported();
  expect(found.options).toMatchObject(options);
  expectClose(found.logProbabilities, golden.probabilities.map(Math.log), 1e-5);
});

describe('a file that is not right is refused', () => {
  let json: Json;
  const bytes: Record<string, Buffer> = {};
  beforeAll(async () => {
    json = await save(
      sequential({
        layers: [
          layers.embedding({ inputDim: V, outputDim: E }),
          layers.gru(gru),
          layers.dense({ units: V, activation: 'softmax' }),
        ],
      }),
    );
    for (const name of ['a.bin', 'b.bin']) bytes[name] = readFileSync(join(directory, name));
  });

  type Group = { paths: unknown; weights: Record<string, unknown>[] };
  type Layer = { class_name: string; config: Record<string, unknown> };
  const changed = (change: (group: Group, layers: Layer[]) => void): string => {
    const copy = structuredClone(json) as {
      modelTopology: { config: { layers: Layer[] } };
      weightsManifest: Group[];
    };
    change(copy.weightsManifest[0]!, copy.modelTopology.config.layers);
    return JSON.stringify(copy);
  };

  test.each<[string, () => string, string]>([
    [
      'paths that lead elsewhere',
      () =>
        changed((group) => {
          group.paths = ['../a.bin'];
        }),
      'expected the names of files beside it in "paths", found "../a.bin"',
    ],
    [
      'missing files',
      () =>
        changed((group) => {
          group.paths = ['c.bin'];
        }),
      'expected the file c.bin, found none',
    ],
    [
      'too few bytes',
      () =>
        changed((group) => {
          group.paths = ['a.bin'];
        }),
      'bytes of weights, found 50 in a.bin',
    ],
    [
      'enormous weights',
      () =>
        changed(({ weights }) => {
          weights[0]!.shape = [1e9, 1e4];
        }),
      'expected groups of weights of less than 2 GiB, found',
    ],
    [
      'shapes that do not fit',
      () =>
        changed(({ weights }) => {
          weights[0]!.shape = [3, 7];
        }),
      'expected kernel of "',
    ],
    [
      'other numbers',
      () =>
        changed(({ weights }) => {
          weights[0]!.dtype = 'int32';
        }),
      'to be of float32, found "int32"',
    ],
    [
      'a tensor of no layer',
      () =>
        changed(({ weights }) => {
          weights.push({ name: 'mystery/alpha', shape: [0], dtype: 'float32' });
        }),
      'expected the weights of its layers alone, found "mystery/alpha"',
    ],
    [
      'hard gates',
      () =>
        changed((_, [, layer]) => {
          layer!.config.recurrent_activation = 'hard_sigmoid';
        }),
      'by "sigmoid", found "hard_sigmoid"',
    ],
    [
      'a layer that is not known',
      () =>
        changed((_, list) => {
          list[1]!.class_name = 'Conv1D';
        }),
      'expected layers of a language model, found Embedding, Conv1D, Dense',
    ],
    [
      'one that reads from the end',
      () =>
        changed((_, list) => {
          list[1]!.config.go_backwards = true;
        }),
      'expected layers that read a text from its beginning on, found',
    ],
    [
      'no layers',
      () => '{"modelTopology": 5}',
      'expected a model of layers in "modelTopology", found 5',
    ],
    [
      'no weights',
      () => JSON.stringify({ ...json, weightsManifest: undefined }),
      'expected "weightsManifest" to be an array, found nothing',
    ],
    [
      'a graph',
      () => '{"format": "graph-model"}',
      'expected a layers model of TensorFlow.js, found a graph model',
    ],
    ['no JSON', () => '{"format"', 'expected JSON, found'],
  ])('%s', async (_, content, message) => {
    for (const [name, all] of Object.entries(bytes)) writeFileSync(join(directory, name), all);
    writeFileSync(path, content());
    await expect(readLayersModel(path)).rejects.toThrow(message);
  });
});

test('a tokenizer.json beside a model is its own', async () => {
  const model = sequential({
    layers: [
      layers.embedding({ inputDim: V, outputDim: E }),
      layers.gru(gru),
      layers.dense({ units: V }),
    ],
  });
  await save(model);
  expect((await readLayersModel(path)).tokenizerFile).toBeUndefined();
  const tokenizer = join(directory, 'tokenizer.json');
  writeFileSync(tokenizer, '{}');
  expect((await readLayersModel(path)).tokenizerFile).toBe(tokenizer);
  rmSync(tokenizer);
});

test('weights of fewer bits mean what the list of them says', async () => {
  const quantised = { dtype: 'uint8', scale: 0.5, min: -1 };
  const half = { dtype: 'float16' };
  const entry = (name: string, shape: number[], quantization: object) => ({
    ...{ name, shape, dtype: 'float32', quantization },
  });
  const { readWeights } = await import('./layers-weights.ts');
  writeFileSync(
    join(directory, 'a.bin'),
    Buffer.concat([Buffer.of(0, 1, 255), Buffer.from(toFloat16(Float32Array.of(1.5)).buffer)]),
  );
  const weights = [entry('a', [3], quantised), entry('b', [1], half)];
  const found = await readWeights([{ paths: ['a.bin'], weights } as never], directory, path);
  expect([...found.get('a')!.data]).toEqual([-1, -0.5, 126.5]);
  expect([...found.get('b')!.data]).toEqual([1.5]);
});
