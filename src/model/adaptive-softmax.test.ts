import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { readFixture } from '../../test/support/fixtures.ts';
import { expectClose, expectNoTensorsLeft, valuesOf } from '../../test/support/numbers.ts';
import { TokenArray } from '../data/token-sequence.ts';
import { scoreTokens } from '../evaluation/evaluate.ts';
import { Random } from '../random.ts';
import { forward, zeroState } from './language-model.ts';
import { type ModelConfig, parameterSpecs } from './parameters.ts';
import { logProbabilitiesOf, meanLossOf, tokenLossesOf } from './predictions.ts';
import { Stepper } from './stepper.ts';
import { initialParameters, weightsOf } from './weights.ts';

const config: ModelConfig = {
  vocabularySize: 23,
  embeddingSize: 4,
  hiddenSize: 32,
  layers: 2,
  gruVariant: 'reset-after',
  dropout: 0,
  softmaxCutoffs: [5, 11],
};

/** Weights large enough for probabilities to be far from alike. */
function weightsFor(model: ModelConfig) {
  const parameters = initialParameters(model, new Random(3));
  for (const { data } of parameters.values()) for (let i = 0; i < data.length; i++) data[i]! *= 3;
  return weightsOf(parameters);
}

const random = new Random(7);
const ids = Int32Array.from({ length: 41 }, () => random.integer(config.vocabularySize));

it('has the parameters of PyTorch’s AdaptiveLogSoftmaxWithLoss as fc', () => {
  type Golden = { cases: { stateDict: Record<string, { shape: number[] }> }[] };
  const [golden] = readFixture<Golden>('adaptive-softmax').cases; // of 32 features, 23 tokens
  const expected = Object.entries(golden!.stateDict).map(([name, { shape }]) => ({
    name: `fc.${name}`,
    shape,
  }));
  expect(parameterSpecs(config).filter(({ name }) => name.startsWith('fc.'))).toEqual(expected);
});

it('leaves every cluster a feature, and makes a head of all where there is no cluster', () => {
  const shapes = (more: Partial<ModelConfig>) =>
    Object.fromEntries(
      parameterSpecs({ ...config, ...more }).map(({ name, shape }) => [name, shape]),
    );
  const narrow = shapes({ hiddenSize: 5 });
  expect(narrow['fc.tail.0.0.weight']).toEqual([1, 5]);
  expect(narrow['fc.tail.1.0.weight']).toEqual([1, 5]);
  expect(narrow['fc.tail.1.1.weight']).toEqual([12, 1]);
  expect(shapes({ softmaxCutoffs: [] })).toMatchObject({ 'fc.head.weight': [23, 32] });
});

it('begins with weights uniform in ±1/√inputs, and biases of zero', () => {
  const wide = { ...config, vocabularySize: 3000, hiddenSize: 64, softmaxCutoffs: [100, 900] };
  const parameters = initialParameters(wide, new Random(1));
  for (const [name, { shape, data }] of parameters) {
    if (!name.startsWith('fc.')) continue;
    const largest = Math.max(...data.map(Math.abs));
    if (shape.length === 1) expect(largest).toBe(0);
    else expect(largest * Math.sqrt(shape[1]!)).toBeCloseTo(1, 1);
  }
});

describe.each(testBackends)('a model with an adaptive softmax on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(['gru', 'lstm'] as const)(
    'predicts while it generates what it is evaluated by, with %s',
    async (cell) => {
      const model = { ...config, cell };
      const weights = weightsFor(model);
      const all: number[] = [];
      await scoreTokens(model, weights, new TokenArray(ids), {
        onLosses: ({ losses }) => all.push(...losses),
      });
      const stepper = new Stepper(model, weights);
      const first = 7;
      const stepped = Array.from(ids.subarray(first, -1), (id, i) => {
        const read = i === 0 ? ids.subarray(0, first + 1) : Int32Array.of(id);
        const logProbabilities = stepper.read(read);
        expect(logProbabilities).toHaveLength(config.vocabularySize);
        return -logProbabilities[ids[first + i + 1]!]!;
      });
      stepper.dispose();
      expectClose(stepped, all.slice(first), 1e-5);
    },
  );

  it('has the mean of the token losses as its loss', () => {
    const weights = weightsFor(config);
    const { features } = forward(
      config,
      weights,
      tf.tensor1d(ids.slice(0, -1)),
      zeroState(config, 1),
    );
    const targets = tf.tensor1d(ids.slice(1));
    const losses = valuesOf(tokenLossesOf(weights, features, targets));
    const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
    expectClose(valuesOf(meanLossOf(weights, features, targets)), [mean], 1e-5);
    const table = valuesOf(logProbabilitiesOf(weights, features));
    const V = config.vocabularySize;
    const expected = Array.from(ids.subarray(1), (id, row) => -table[row * V + id]!);
    expectClose(losses, expected, 1e-5);
  });

  it('leaves no tensor behind when it steps', () => {
    const weights = weightsFor(config);
    expectNoTensorsLeft(() => {
      const stepper = new Stepper(config, weights);
      stepper.read(ids);
      stepper.read(Int32Array.of(3));
      stepper.dispose();
    });
  });
});
