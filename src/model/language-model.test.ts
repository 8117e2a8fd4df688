import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { readFixture } from '../../test/support/fixtures.ts';
import { expectClose, heldTensors, valuesOf } from '../../test/support/numbers.ts';
import type { GruVariant } from '../ops/gru-sequence.ts';
import { linearCrossEntropy } from '../ops/linear-cross-entropy.ts';
import { matrixProduct } from '../ops/matrix-product.ts';
import { Random } from '../random.ts';
import type { TensorMap } from '../tensor-data.ts';
import { cellKind } from './cells.ts';
import {
  forward,
  type HiddenState,
  logitsOf,
  outputLayer,
  type Weights,
  zeroState,
} from './language-model.ts';
import { type ModelConfig, parameterCount, parameterSpecs } from './parameters.ts';
import { stateSpecs } from './states.ts';
import { initialParameters, selectParameters, weightsOf } from './weights.ts';

interface Golden {
  sizes: { V: number; E: number; H: number; layers: number; T: number; B: number };
  stateDict: Record<string, { shape: number[]; data: number[] }>;
  ids: number[];
  targets: number[];
  state: number[];
  logits: number[];
  finalState: number[];
  loss: number;
  gradients: Record<string, number[]>;
}

const golden = readFixture<Golden>('language-model');
const { V, E, H, layers, T, B } = golden.sizes;
const config: ModelConfig = {
  vocabularySize: V,
  embeddingSize: E,
  hiddenSize: H,
  layers,
  gruVariant: 'reset-after',
  dropout: 0.5,
};
const stateDict: TensorMap = new Map(
  Object.entries(golden.stateDict).map(([name, { shape, data }]) => [
    name,
    { shape, data: Float32Array.from(data) },
  ]),
);

function goldenState(): HiddenState {
  return tf.unstack(tf.tensor3d(golden.state, [layers, B, H])) as HiddenState;
}

/** The golden state; for an LSTM as both of a layer's. */
function statesFor({ cell }: ModelConfig): HiddenState {
  return goldenState().flatMap((state) => (cell === 'lstm' ? [state, state] : [state]));
}

interface Example {
  ids: number[];
  targets: number[];
  state: () => HiddenState;
}

/** The loss and the gradient of each parameter, by name. */
function lossAndGradients(
  model: ModelConfig,
  weights: Weights,
  dropout?: Random,
  { ids, targets, state }: Example = { ...golden, state: () => statesFor(model) },
): Record<string, Float32Array> {
  return tf.tidy(() => {
    const names = Object.keys(weights);
    const { value, grads } = tf.engine().gradients(() => {
      const inputs = tf.tensor1d(ids, 'int32');
      const { features, penalty } = forward(model, weights, inputs, state(), { dropout });
      const labels = tf.tensor1d(targets, 'int32');
      const loss = linearCrossEntropy(...outputLayer(weights, features), labels);
      return penalty ? tf.add(loss, penalty) : loss;
    }, Object.values(weights));
    return {
      loss: valuesOf(value),
      ...Object.fromEntries(grads.map((g, i) => [names[i], valuesOf(g)])),
    };
  });
}

describe.each(testBackends)('the model on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('has the logits and final state of the same weights in PyTorch', () => {
    const weights = weightsOf(selectParameters(config, stateDict, 'golden'));
    const ids = tf.tensor1d(golden.ids, 'int32');
    const { features, state } = forward(config, weights, ids, goldenState());
    expect(features.shape).toEqual([T * B, H]);
    expectClose(valuesOf(logitsOf(weights, features)), golden.logits, 1e-5);
    expect(state.map(({ shape }) => shape)).toEqual(new Array(layers).fill([B, H]));
    expectClose(
      state.flatMap((layer) => [...valuesOf(layer)]),
      golden.finalState,
      1e-5,
    );
  });

  it('has the loss and the gradient of every parameter of PyTorch', () => {
    const weights = weightsOf(selectParameters(config, stateDict, 'golden'));
    const { loss, ...gradients } = lossAndGradients(config, weights);
    expectClose(loss!, [golden.loss], 1e-5);
    expect(Object.keys(gradients)).toEqual(parameterSpecs(config).map(({ name }) => name));
    for (const [name, gradient] of Object.entries(gradients)) {
      expectClose(gradient, golden.gradients[name]!, 1e-5, name);
    }
  });

  it('goes on from the state that a first part of the text left', () => {
    const weights = weightsOf(stateDict);
    const run = (from: number, to: number, state: HiddenState) =>
      forward(config, weights, tf.tensor1d(golden.ids.slice(from * B, to * B), 'int32'), state);
    const first = run(0, 2, goldenState());
    const second = run(2, T, first.state);
    const logits = [first, second].flatMap(({ features }) => [
      ...valuesOf(logitsOf(weights, features)),
    ]);
    expectClose(logits, golden.logits, 1e-5);
  });

  it('leaves no tensor behind but what it returns', () => {
    const weights = weightsOf(stateDict);
    const state = goldenState();
    const run = () =>
      tf.dispose(
        tf.tidy(() => {
          const result = forward(config, weights, tf.tensor1d(golden.ids, 'int32'), state);
          return [logitsOf(weights, result.features), ...result.state];
        }),
      );
    run();
    lossAndGradients(config, weights);
    const held = heldTensors();
    run();
    lossAndGradients(config, weights);
    expect(heldTensors()).toEqual(held);
  });
});

describe.each(['reset-after', 'reset-before'] as const)('with %s', (gruVariant: GruVariant) => {
  it('all backends agree on the loss and every gradient, dropout included', async () => {
    const model = { ...config, gruVariant };
    const parameters = initialParameters(model, new Random(3));
    const results = [];
    for (const backend of testBackends) {
      await useBackend(backend);
      results.push(lossAndGradients(model, weightsOf(parameters), new Random(4)));
    }
    const [reference, ...others] = results;
    expect(Object.keys(reference!)).toHaveLength(gruVariant === 'reset-after' ? 12 : 10);
    for (const other of others) {
      for (const [name, values] of Object.entries(reference!)) {
        expectClose(other[name]!, values, 1e-5, name);
      }
    }
  });
});

const otherCells = (['lstm', 'rnn', 'mingru'] as const).flatMap((cell) =>
  testBackends.map((backend) => [cell, backend] as const),
);

describe.each(otherCells)('a model of cell %s on %s', (cell, backend) => {
  const golden = readFixture<Golden>(`language-model-${cell}`);
  const model: ModelConfig = { ...config, cell };
  const kinds = cellKind(cell).states.length;
  const weights = (): Weights =>
    weightsOf(
      new Map(
        Object.entries(golden.stateDict).map(([name, { shape, data }]) => [
          name,
          { shape, data: Float32Array.from(data) },
        ]),
      ),
    );
  /** PyTorch's h of all layers, then an LSTM's c of all layers, as h and c of each layer. */
  const statesOf = (values: number[]): HiddenState => {
    const all = tf.tensor4d(values, [kinds, layers, B, H]);
    const byLayer = tf.reshape(tf.transpose(all, [1, 0, 2, 3]), [kinds * layers, B, H]);
    return tf.unstack(byLayer) as HiddenState;
  };
  const state = () => statesOf(golden.state);
  beforeAll(() => useBackend(backend));

  it('has the logits and final states of the same weights in PyTorch', () => {
    expect(parameterSpecs(model)).toEqual(
      Object.entries(golden.stateDict).map(([name, { shape }]) => ({ name, shape })),
    );
    const run = (from: number, to: number, before: HiddenState) =>
      forward(model, weights(), tf.tensor1d(golden.ids.slice(from * B, to * B), 'int32'), before);
    const first = run(0, 2, state());
    const second = run(2, T, first.state);
    const logits = [first, second].flatMap(({ features }) => [
      ...valuesOf(logitsOf(weights(), features)),
    ]);
    expectClose(logits, golden.logits, 1e-5);
    const expected = statesOf(golden.finalState);
    expect(second.state).toHaveLength(expected.length);
    for (const [i, each] of second.state.entries()) {
      expectClose(valuesOf(each), valuesOf(expected[i]!), 1e-5, stateSpecs(model, B)[i]?.name);
    }
  });

  it('has the loss and the gradient of every parameter of PyTorch', () => {
    const { loss, ...gradients } = lossAndGradients(model, weights(), undefined, {
      ...golden,
      state,
    });
    expectClose(loss!, [golden.loss], 1e-5);
    for (const [name, gradient] of Object.entries(gradients)) {
      expectClose(gradient, golden.gradients[name]!, 1e-5, name);
    }
  });
});

describe('a model with all that regularises', () => {
  it.each([
    ['without embeddings that are dropped', {}],
    ['with', { dropoutEmbedding: 0.2 }],
    ['of LSTMs', { cell: 'lstm' as const }],
    ['of RNNs', { cell: 'rnn' as const, activation: 'relu' as const }],
    ['of minGRUs', { cell: 'mingru' as const }],
    ['of GRUs by another activation', { activation: 'leaky-relu' as const }],
  ])('has the same loss and gradients on all backends, %s', async (_, more) => {
    const model: ModelConfig = {
      ...{ ...config, ...more, tied: true, dropout: 0.3, dropoutOutput: 0.5, weightDrop: 0.4 },
      ...{ activationRegularisation: 2, temporalRegularisation: 1 },
    };
    const parameters = initialParameters(model, new Random(3));
    const results = [];
    for (const backend of testBackends) {
      await useBackend(backend);
      results.push(lossAndGradients(model, weightsOf(parameters), new Random(4)));
    }
    const [reference, ...others] = results;
    expect(Object.keys(reference!)).toContain('fc.projection');
    for (const other of others) {
      for (const [name, values] of Object.entries(reference!)) {
        expectClose(other[name]!, values, 1e-5, name);
      }
    }
  });

  it('drops what each rate is of, once a window, and is penalised for its outputs', async () => {
    await useBackend('wasm');
    const rates = { dropoutEmbedding: 0.2, weightDrop: 0.4, dropout: 0.3, dropoutOutput: 0.5 };
    const penalties = { activationRegularisation: 2, temporalRegularisation: 3 };
    const model: ModelConfig = { ...config, ...rates, ...penalties, layers: 2 };
    const weights = weightsOf(initialParameters(model, new Random(3)));
    const ids = tf.tensor1d(golden.ids, 'int32');
    const passes: Record<'below' | 'outputs' | 'weightIh' | 'weightHh', Float32Array>[] = [];
    const { features, penalty } = forward(model, weights, ids, zeroState(model, B), {
      dropout: new Random(4),
      onLayer: ({ below, outputs, tensors: { weightIh, weightHh } }) =>
        passes.push({
          ...{ below: valuesOf(below), outputs: valuesOf(outputs) },
          ...{ weightIh: valuesOf(weightIh), weightHh: valuesOf(weightHh!) },
        }),
    });
    /** What is left of values is scaled up; of each `length` values the same are dropped. */
    const expectDropped = (
      found: Float32Array,
      whole: Float32Array,
      rate: number,
      length = found.length,
    ) => {
      const kept = Array.from(found.subarray(0, length), (value) => value !== 0);
      expect(kept).toContain(true);
      expect(kept).toContain(false);
      const expected = Array.from(whole, (value, i) => (kept[i % length] ? value / (1 - rate) : 0));
      expectClose(found, expected, 1e-6);
    };
    const [first, second] = passes;
    const embeddings = golden.ids.flatMap((id) => [
      ...valuesOf(weights['embedding.weight']!).subarray(id * E, (id + 1) * E),
    ]);
    expectDropped(first!.below, Float32Array.from(embeddings), rates.dropoutEmbedding, B * E);
    expectDropped(second!.below, first!.outputs, rates.dropout, B * H);
    expectDropped(valuesOf(features), second!.outputs, rates.dropoutOutput, B * H);
    for (const [layer, { weightIh, weightHh }] of passes.entries()) {
      expect(weightIh).toEqual(valuesOf(weights[`gru.weight_ih_l${layer}`]!));
      const whole = valuesOf(weights[`gru.weight_hh_l${layer}`]!);
      expectDropped(weightHh, whole, rates.weightDrop);
    }
    const meanSquare = (values: number[]) =>
      values.reduce((sum, value) => sum + value * value, 0) / values.length;
    const { outputs } = second!;
    const changes = Array.from(outputs.subarray(B * H), (value, i) => value - outputs[i]!);
    const expected = 2 * meanSquare([...valuesOf(features)]) + 3 * meanSquare(changes);
    expectClose(valuesOf(penalty!), [expected], 1e-5);
  });

  it('is as one without when it does not learn', async () => {
    await useBackend('wasm');
    const weights = weightsOf(stateDict);
    const model = {
      ...config,
      weightDrop: 0.5,
      dropoutEmbedding: 0.5,
      activationRegularisation: 1,
    };
    const ids = tf.tensor1d(golden.ids, 'int32');
    const { features, penalty } = forward(model, weights, ids, goldenState());
    expectClose(valuesOf(logitsOf(weights, features)), golden.logits, 1e-5);
    expect(penalty).toBeUndefined();
  });
});

describe.each(testBackends)('a tied model on %s', (backend) => {
  beforeAll(() => useBackend(backend));
  const square: ModelConfig = { ...config, embeddingSize: H, tied: true };

  it('has the embedding as output weights, and the gradients of both uses', () => {
    const { 'fc.bias': bias, ...tied } = weightsOf(initialParameters(square, new Random(5)));
    expect(Object.keys(tied)).not.toContain('fc.weight');
    const embedding = tied['embedding.weight']!;
    const found = lossAndGradients(square, { ...tied, 'fc.bias': bias! });
    const apart = { ...tied, 'fc.weight': embedding.clone(), 'fc.bias': bias! };
    const expected = lossAndGradients({ ...square, tied: false }, apart);
    expectClose(found.loss!, expected.loss!, 1e-6);
    const sum = expected['embedding.weight']!.map((value, i) => value + expected['fc.weight']![i]!);
    expectClose(found['embedding.weight']!, sum, 1e-6);
  });

  it('projects its outputs where they are not as long as an embedding', () => {
    const model = { ...config, embeddingSize: H + 2, tied: true };
    const weights = weightsOf(initialParameters(model, new Random(6)));
    expect(weights['fc.projection']!.shape).toEqual([H + 2, H]);
    const features = tf.ones([3, H]) as tf.Tensor2D;
    const [embedding, projection] = ['embedding.weight', 'fc.projection'].map(
      (name) => weights[name] as tf.Tensor2D,
    );
    const untied = {
      'fc.weight': matrixProduct(embedding!, projection!),
      'fc.bias': weights['fc.bias']!,
    };
    expectClose(valuesOf(logitsOf(weights, features)), valuesOf(logitsOf(untied, features)), 1e-6);
  });
});

describe('dropout', () => {
  beforeAll(() => useBackend('wasm'));

  it('drops outputs, scales up the rest, and leaves the states alone', () => {
    const model = { ...config, layers: 1 };
    const weights = weightsOf(initialParameters(model, new Random(1)));
    const ids = tf.tensor1d(golden.ids, 'int32');
    const state = zeroState(model, B);
    const plain = forward(model, weights, ids, state);
    const dropped = forward(model, weights, ids, state, { dropout: new Random(2) });
    const [before, after] = [valuesOf(plain.features), valuesOf(dropped.features)];
    const ratios = new Set(Array.from(after, (value, i) => Math.round((value / before[i]!) * 1e4)));
    expect(ratios).toEqual(new Set([0, 20_000]));
    expect(valuesOf(dropped.state[0]!)).toEqual(valuesOf(plain.state[0]!));
  });

  it('follows from its random numbers alone', () => {
    const weights = weightsOf(initialParameters(config, new Random(1)));
    const losses = [5, 5, 6].map(
      (seed) => lossAndGradients(config, weights, new Random(seed)).loss![0],
    );
    expect(losses[0]).toBe(losses[1]);
    expect(losses[0]).not.toBe(losses[2]);
  });
});

describe('parameters', () => {
  it('are those of PyTorch: names, order and shapes', () => {
    expect(parameterSpecs(config)).toEqual(
      Object.entries(golden.stateDict).map(([name, { shape }]) => ({ name, shape })),
    );
  });

  it('of reset-before lack the recurrent bias', () => {
    const names = parameterSpecs({ ...config, gruVariant: 'reset-before' }).map(({ name }) => name);
    expect(names.filter((name) => name.includes('bias'))).toEqual([
      'gru.bias_ih_l0',
      'gru.bias_ih_l1',
      'fc.bias',
    ]);
  });

  it('are counted: the model of the seed has 10 956 240', () => {
    // Embedding(10000, 300), GRU(300, 512, 2 layers), Linear(512, 10000)
    const seed = { ...config, vocabularySize: 10_000, embeddingSize: 300, hiddenSize: 512 };
    const layer = (inputs: number) => 3 * 512 * (inputs + 512 + 2);
    const expected = 10_000 * 300 + layer(300) + layer(512) + 512 * 10_000 + 10_000;
    expect(parameterCount({ ...seed, layers: 2 })).toBe(expected);
    expect(expected).toBe(10_956_240);
  });

  it('that are missing or of another shape are named', () => {
    const { 'fc.bias': _, ...rest } = Object.fromEntries(stateDict);
    const without: TensorMap = new Map(Object.entries(rest));
    expect(() => selectParameters(config, without, 'w.safetensors')).toThrow(
      'w.safetensors: expected a tensor "fc.bias" of shape [7], found none',
    );
    const other = new Map(stateDict).set('gru.bias_hh_l1', {
      shape: [3],
      data: new Float32Array(3),
    });
    expect(() => selectParameters(config, other, 'w.safetensors')).toThrow(
      'w.safetensors: expected a tensor "gru.bias_hh_l1" of shape [15], found [3]',
    );
  });
});
