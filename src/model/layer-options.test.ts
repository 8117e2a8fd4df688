/** What options put around the recurrent layers, held against PyTorch. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { readFixture } from '../../test/support/fixtures.ts';
import { expectClose, heldTensors, valuesOf } from '../../test/support/numbers.ts';
import { linearCrossEntropy } from '../ops/linear-cross-entropy.ts';
import { Random } from '../random.ts';
import type { TensorMap } from '../tensor-data.ts';
import {
  forward,
  type HiddenState,
  logitsOf,
  outputLayer,
  type Weights,
  zeroState,
} from './language-model.ts';
import { nextRunningMean } from './normalisation.ts';
import { type ModelConfig, parameterSpecs, weightSpecs } from './parameters.ts';
import { Stepper } from './stepper.ts';
import { initialParameters, weightsOf } from './weights.ts';

interface Golden {
  options: Pick<ModelConfig, 'residual' | 'norm'>;
  E: number;
  stateDict: Record<string, { shape: number[]; data: number[] }>;
  ids: number[];
  targets: number[];
  state: number[];
  logits: number[];
  /** By the statistics that the state dict has, not by those of the window. */
  evaluatedLogits: number[];
  /** Running means and variances after the window. */
  statistics: Record<string, { data: number[] }>;
  finalState: number[];
  loss: number;
  gradients: Record<string, number[]>;
}

const { sizes, cases } = readFixture<{
  sizes: { V: number; H: number; layers: number; T: number; B: number };
  cases: Record<string, Golden>;
}>('language-model-options');
const { V, H, layers, T, B } = sizes;

function configOf({ E, options }: Golden): ModelConfig {
  return {
    vocabularySize: V,
    embeddingSize: E,
    hiddenSize: H,
    layers,
    gruVariant: 'reset-after',
    dropout: 0,
    ...options,
  };
}

function parametersOf({ stateDict }: Golden): TensorMap {
  return new Map(
    Object.entries(stateDict).map(([name, { shape, data }]) => [
      name,
      { shape, data: Float32Array.from(data) },
    ]),
  );
}

function stateOf({ state }: Golden): HiddenState {
  return tf.unstack(tf.tensor3d(state, [layers, B, H])) as HiddenState;
}

const training = () => ({ dropout: new Random(4) });

/** In training: the loss with what is added to it, and the gradient of each parameter, by name. */
function lossAndGradients(
  config: ModelConfig,
  weights: Weights,
  { ids, targets }: Golden,
  state: () => HiddenState,
): Record<string, Float32Array> {
  const names = parameterSpecs(config).map(({ name }) => name);
  return tf.tidy(() => {
    const { value, grads } = tf.engine().gradients(
      () => {
        const inputs = tf.tensor1d(ids, 'int32');
        const { features, penalty } = forward(config, weights, inputs, state(), training());
        const labels = tf.tensor1d(targets, 'int32');
        const loss = linearCrossEntropy(...outputLayer(weights, features), labels);
        return penalty ? tf.add(loss, penalty) : loss;
      },
      names.map((name) => weights[name]!),
    );
    const gradients = Object.fromEntries(grads.map((g, i) => [names[i]!, valuesOf(g)]));
    return { loss: valuesOf(value), ...gradients };
  });
}

describe.each(testBackends)('on %s a model with', (backend) => {
  beforeAll(() => useBackend(backend));

  describe.each(Object.entries(cases))('%s', (_, golden) => {
    const config = configOf(golden);

    it('has the parameters, logits and final states of PyTorch', () => {
      const shapes = Object.fromEntries(
        weightSpecs(config).map(({ name, shape }) => [name, shape]),
      );
      expect(shapes).toEqual(
        Object.fromEntries(
          Object.entries(golden.stateDict).map(([name, { shape }]) => [name, shape]),
        ),
      );
      const names = parameterSpecs(config).map(({ name }) => name);
      expect(names).toEqual(Object.keys(golden.gradients));
      const weights = weightsOf(parametersOf(golden));
      const ids = tf.tensor1d(golden.ids, 'int32');
      const { features, state } = forward(config, weights, ids, stateOf(golden), training());
      expectClose(valuesOf(logitsOf(weights, features)), golden.logits, 1e-5);
      expectClose(
        state.flatMap((each) => [...valuesOf(each)]),
        golden.finalState,
        1e-5,
      );
    });

    it('has the logits of PyTorch in evaluation, and its running statistics after training', () => {
      const weights = weightsOf(parametersOf(golden));
      const ids = tf.tensor1d(golden.ids, 'int32');
      const evaluated = forward(config, weights, ids, stateOf(golden));
      expectClose(valuesOf(logitsOf(weights, evaluated.features)), golden.evaluatedLogits, 1e-5);
      expect(evaluated.statistics).toEqual({});
      const { statistics } = forward(config, weights, ids, stateOf(golden), training());
      expect(Object.keys(statistics)).toEqual(Object.keys(golden.statistics));
      for (const [name, value] of Object.entries(statistics)) {
        const next = nextRunningMean(weights[name]!, value);
        expectClose(valuesOf(next), golden.statistics[name]!.data, 1e-6, name);
      }
    });

    it('has the loss and the gradient of every parameter of PyTorch', () => {
      const weights = weightsOf(parametersOf(golden));
      const found = lossAndGradients(config, weights, golden, () => stateOf(golden));
      const { loss, ...gradients } = found;
      expectClose(loss!, [golden.loss], 1e-5);
      for (const [name, gradient] of Object.entries(gradients)) {
        expectClose(gradient, golden.gradients[name]!, 2e-5, name);
      }
    });

    it('reads a text token by token as it reads it at once', () => {
      const weights = weightsOf(parametersOf(golden));
      const ids = golden.ids.slice(0, 9);
      const { features } = forward(
        config,
        weights,
        tf.tensor1d(ids, 'int32'),
        zeroState(config, 1),
      );
      const expected = tf.logSoftmax(logitsOf(weights, features)); // [9, V]
      const stepper = new Stepper(config, weights);
      const found = ids.flatMap((id) => [...stepper.read(Int32Array.of(id))]);
      expectClose(found, valuesOf(expected), 1e-5);
      stepper.dispose();
    });

    it('goes on from the state that a first part of the text left', () => {
      const weights = weightsOf(parametersOf(golden));
      const run = (from: number, to: number, state: HiddenState) =>
        forward(config, weights, tf.tensor1d(golden.ids.slice(from * B, to * B), 'int32'), state);
      const whole = run(0, T, stateOf(golden));
      const first = run(0, 2, stateOf(golden));
      const second = run(2, T, first.state);
      const features = [first, second].flatMap((part) => [...valuesOf(part.features)]);
      expectClose(features, valuesOf(whole.features), 1e-5);
      for (const [i, state] of second.state.entries()) {
        expectClose(valuesOf(state), valuesOf(whole.state[i]!), 1e-5);
      }
    });

    it('leaves no tensor behind', () => {
      const weights = weightsOf(parametersOf(golden));
      const run = () => lossAndGradients(config, weights, golden, () => stateOf(golden));
      run();
      const held = heldTensors();
      run();
      expect(heldTensors()).toEqual(held);
    });
  });
});

describe.each(Object.entries(cases))('with %s', (_, golden) => {
  it.each([
    ['dropout', { dropout: 0.4, dropoutEmbedding: 0.3 }],
    ['LSTMs', { cell: 'lstm' as const }],
    ['reset-before', { gruVariant: 'reset-before' as const }],
    ['penalties', { activationRegularisation: 1, temporalRegularisation: 1, tied: true }],
  ])('and %s all backends agree', async (_, more) => {
    const config = { ...configOf(golden), ...more };
    const parameters = initialParameters(config, new Random(3));
    const results = [];
    for (const backend of testBackends) {
      await useBackend(backend);
      const zeros = () => zeroState(config, B);
      results.push(lossAndGradients(config, weightsOf(parameters), golden, zeros));
    }
    const [reference, ...others] = results;
    for (const other of others) {
      for (const [name, values] of Object.entries(reference!)) {
        expectClose(other[name]!, values, 2e-5, name);
      }
    }
  });
});
