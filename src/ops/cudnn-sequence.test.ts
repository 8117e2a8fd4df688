/**
 * cuDNN's layers without a GPU: the buffer of parameters against Keras's and PyTorch's, the loops that stand
 * in for cuDNN against the reference and PyTorch, and what is sent to TensorFlow and made of its answers.
 */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { type GruSizes, randomGruTensors } from '../../test/support/gru-tensors.ts';
import {
  expectClose,
  expectNoTensorsLeft,
  gradientsOf,
  randomValues,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import { type CudnnParameters, packParameters, unpackParameters } from './cudnn-parameters.ts';
import { embeddedGruSequence } from './embedded-gru-sequence.ts';
import { type GruTensors, gruSequence } from './gru-sequence.ts';
import { lstmSequence } from './lstm-sequence.ts';
import { randomLstmTensors } from './lstm-sequence-testing.ts';
import { tensorFlowBackend } from './tensorflow-binding.ts';
import { type LayerNumbers, layerGradients, type Mode, runLayer } from './testing/cudnn-layer.ts';
import { type StandInGpu, standInForGpu } from './testing/stand-in-gpu.ts';
import './core-gradients.ts';

interface GoldenCase extends GruSizes {
  mode: Mode;
  sent: Record<string, unknown>;
  inputs: number[];
  state: number[];
  cell?: number[];
  tensors: Record<keyof CudnnParameters, number[]>;
  parameters: number[];
  outputs: number[];
  outputGradient: number[];
  gradients: { inputs: number[]; state: number[]; cell?: number[]; parameters: number[] };
}

const { cases } = JSON.parse(
  readFileSync(new URL('./fixtures/cudnn-layers.json', import.meta.url), 'utf8'),
) as { cases: GoldenCase[] };
const titled = cases.map(
  (each) => [`${each.mode} ${[each.T, each.B, each.I, each.H]}`, each] as const,
);

function parametersOf({ mode, I, H, tensors }: GoldenCase): CudnnParameters {
  const rows = (mode === 'gru' ? 3 : 4) * H;
  return {
    weightIh: tf.tensor2d(tensors.weightIh, [rows, I]),
    weightHh: tf.tensor2d(tensors.weightHh, [rows, H]),
    biasIh: tf.tensor1d(tensors.biasIh),
    biasHh: tf.tensor1d(tensors.biasHh),
  };
}

const someSizes: fc.Arbitrary<GruSizes> = fc.record({
  T: fc.integer({ min: 1, max: 6 }),
  B: fc.integer({ min: 1, max: 4 }),
  I: fc.integer({ min: 1, max: 7 }),
  H: fc.integer({ min: 1, max: 7 }),
});

/** What `compute` makes of tensors of these numbers, and the gradients of all of them. */
function measured(tensors: tf.Tensor[], compute: () => tf.Tensor, upstream: Float32Array) {
  const output = tf.tidy(() => valuesOf(compute()));
  const gradients = gradientsOf(compute, tensors, upstream);
  return { output, gradients };
}

describe.each(['cpu', 'wasm', 'tensorflow'] as const)(
  'the buffer of parameters on %s',
  (backend) => {
    beforeAll(() => useBackend(backend));

    it.each(titled)('is what Keras sends to cuDNN, number by number: %s', (_, golden) => {
      tf.tidy(() => {
        const buffer = valuesOf(packParameters(parametersOf(golden)));
        expect(buffer).toEqual(Float32Array.from(golden.parameters));
      });
    });

    it('comes apart into what it was made of, whatever its sizes', () => {
      fc.assert(
        fc.property(someSizes, fc.constantFrom(3, 4), fc.nat(), ({ I, H }, gates, seed) => {
          const random = new Random(seed);
          const make = (...shape: number[]) =>
            tf.tensor(randomValues(random, tf.util.sizeFromShape(shape)), shape);
          tf.tidy(() => {
            const parameters = {
              weightIh: make(gates * H, I),
              weightHh: make(gates * H, H),
              biasIh: make(gates * H),
              biasHh: make(gates * H),
            } as unknown as CudnnParameters;
            const apart = unpackParameters(packParameters(parameters), parameters);
            for (const [name, tensor] of Object.entries(parameters) as [
              keyof CudnnParameters,
              tf.Tensor,
            ][]) {
              expect(apart[name].shape).toEqual(tensor.shape);
              expect(valuesOf(apart[name])).toEqual(valuesOf(tensor));
            }
          });
        }),
        { numRuns: 30 },
      );
    });
  },
);

describe('the loops that stand in for cuDNN', () => {
  it.each(titled)('compute what PyTorch computes from the same buffer: %s', (_, golden) => {
    const { mode, outputs, outputGradient, gradients, B, H } = golden;
    const numbers: LayerNumbers = { ...golden, cell: golden.cell ?? [] };
    expectClose(runLayer(mode, golden, numbers).outputs, outputs, 1e-7);
    const noCell = new Float32Array(B * H);
    const found = layerGradients(mode, golden, numbers, outputGradient, noCell);
    for (const [name, expected] of Object.entries(gradients)) {
      expectClose(found[name as keyof LayerNumbers], expected, 1e-6, name);
    }
  });
});

describe('a layer by cuDNN, of which a stand-in answers', () => {
  let gpu: StandInGpu;
  beforeAll(() => useBackend('tensorflow'));
  beforeEach(() => {
    gpu = standInForGpu();
  });
  afterEach(() => gpu.restore());

  /** The same on TensorFlow's processor, where there is no cuDNN. */
  function onProcessor<Result>(compute: () => Result): Result {
    gpu.restore();
    const result = compute();
    gpu = standInForGpu();
    return result;
  }

  /** The layer's numbers and the gradients of its tensors, which are disposed, are those of a processor. */
  function expectAsOnProcessor(
    tensors: object,
    layer: () => tf.Tensor,
    upstream: Float32Array,
  ): void {
    const list = Object.values(tensors) as tf.Tensor[];
    const compute = () => measured(list, layer, upstream);
    const expected = onProcessor(compute);
    const found = compute();
    expectClose(found.output, expected.output, 1e-5);
    for (const [i, gradient] of expected.gradients.entries()) {
      expectClose(found.gradients[i]!, gradient, 1e-4, Object.keys(tensors)[i]);
    }
    tf.dispose(list);
  }

  it('has the numbers and gradients of gruSequence anywhere, for any sizes', () => {
    fc.assert(
      fc.property(someSizes, fc.nat(), (sizes, seed) => {
        const random = new Random(seed);
        const tensors = randomGruTensors(random, sizes, 'reset-after');
        const upstream = randomValues(random, sizes.T * sizes.B * sizes.H);
        expectAsOnProcessor(tensors, () => gruSequence(tensors, 'reset-after'), upstream);
      }),
      { numRuns: 25 },
    );
  });

  it('has the numbers and gradients of lstmSequence anywhere, of states and of cells', () => {
    fc.assert(
      fc.property(someSizes, fc.boolean(), fc.nat(), (sizes, ofCell, seed) => {
        const random = new Random(seed);
        const tensors = randomLstmTensors(random, sizes);
        const upstream = randomValues(random, (ofCell ? 1 : sizes.T) * sizes.B * sizes.H);
        const layer = () => {
          const { outputs, finalCell } = lstmSequence(tensors);
          return ofCell ? finalCell : outputs;
        };
        expectAsOnProcessor(tensors, layer, upstream);
      }),
      { numRuns: 25 },
    );
  });

  it('is one call forward and one back, which TensorFlow refuses for the want of a GPU alone', () => {
    const random = new Random(1);
    const sizes = { T: 3, B: 2, I: 4, H: 5 };
    const gru = randomGruTensors(random, sizes, 'reset-after');
    const lstm = randomLstmTensors(random, sizes);
    const upstream = randomValues(random, 30);
    tf.dispose(gruSequence(gru, 'reset-after'));
    gradientsOf(() => gruSequence(gru, 'reset-after'), Object.values(gru), upstream);
    tf.dispose(Object.values(lstmSequence(lstm)));
    gradientsOf(() => lstmSequence(lstm).outputs, Object.values(lstm), upstream);
    expect(gpu.calls).toEqual([
      'CudnnRNNV3 gru [3, 2, 4] → 5',
      'CudnnRNNV3 gru training [3, 2, 4] → 5',
      'CudnnRNNBackpropV3 gru [3, 2, 4] → 5',
      'CudnnRNNV3 lstm [3, 2, 4] → 5',
      'CudnnRNNV3 lstm training [3, 2, 4] → 5',
      'CudnnRNNBackpropV3 lstm [3, 2, 4] → 5',
    ]);
    tf.dispose([...Object.values(gru), ...Object.values(lstm)] as tf.Tensor[]);
  });

  it.each(titled)('is sent to TensorFlow as Keras sends it: %s', (_, golden) => {
    const { mode, T, B, I, H, sent } = golden;
    const parameters = parametersOf(golden);
    const inputs = tf.tensor3d(golden.inputs, [T, B, I]);
    const initialState = tf.tensor2d(golden.state, [B, H]);
    const initialCell = tf.tensor2d(golden.cell ?? new Array<number>(B * H).fill(0), [B, H]);
    const layer = () =>
      mode === 'gru'
        ? gruSequence({ inputs, initialState, ...parameters }, 'reset-after')
        : lstmSequence({ inputs, initialState, initialCell, ...parameters }).outputs;
    const list = [inputs, initialState, ...(mode === 'lstm' ? [initialCell] : [])];
    const all = [...list, ...Object.values(parameters)] as tf.Tensor[];
    const { output, gradients } = measured(all, layer, Float32Array.from(golden.outputGradient));

    const { rnn_mode, time_major, is_training } = sent;
    expect(gpu.told[1]).toEqual({
      ...{ T: tensorFlowBackend().binding.TF_FLOAT, rnn_mode, time_major, is_training },
      ...{ input_mode: 'linear_input', direction: 'unidirectional', dropout: 0 },
      ...{ seed: 0, seed2: 0, num_proj: 0 },
    });
    // The stand-in holds shapes and lengths to these: see its checks.
    expect(sent).toMatchObject({ input_h: [1, B, H], sequence_lengths: new Array(B).fill(T) });
    expectClose(output, golden.outputs, 1e-6);
    const { inputs: dInputs, state, cell } = golden.gradients;
    for (const [i, expected] of [dInputs, state, ...(cell ? [cell] : [])].entries()) {
      expectClose(gradients[i]!, expected, 1e-5);
    }
    const ofParameters = gradients.slice(list.length).flatMap((each) => [...each]);
    expectClose(ofParameters, golden.gradients.parameters, 1e-5);
    tf.dispose([initialCell, ...all]);
  });

  it('reads nothing back, and leaves nothing behind', () => {
    const random = new Random(2);
    const sizes = { T: 3, B: 2, I: 4, H: 5 };
    const gru = randomGruTensors(random, sizes, 'reset-after');
    const lstm = randomLstmTensors(random, sizes);
    const gradients = () => {
      const { grads } = tf.engine().gradients(() => {
        const all = [gruSequence(gru, 'reset-after'), lstmSequence(lstm).outputs];
        return tf.mean(tf.reshape(tf.add(all[0]!, all[1]!), [-1]));
      }, [...(Object.values(gru) as tf.Tensor[]), ...(Object.values(lstm) as tf.Tensor[])]);
      tf.dispose(grads);
    };
    expectNoTensorsLeft(() => tf.tidy(gradients));
    expect(gpu.read).toEqual({ tensors: 0, numbers: 0 });
    tf.dispose([...Object.values(gru), ...Object.values(lstm)] as tf.Tensor[]);
  });

  it('is only where cuDNN has the layer: not of reset-before, not of other activations', () => {
    const sizes = { T: 3, B: 2, I: 4, H: 5 };
    const before = randomGruTensors(new Random(3), sizes, 'reset-before');
    const after = randomGruTensors(new Random(3), sizes, 'reset-after');
    const compute = () =>
      tf.tidy(() => [
        valuesOf(gruSequence(before, 'reset-before')),
        valuesOf(gruSequence(after, 'reset-after', 'float32', 'relu')),
      ]);
    expect(compute()).toEqual(onProcessor(compute));
    expect(gpu.calls).toEqual([]);
    tf.dispose([...Object.values(before), ...Object.values(after)] as tf.Tensor[]);
  });

  it('reads embeddings, too', () => {
    const random = new Random(4);
    const { inputs, ...tensors } = randomGruTensors(
      random,
      { T: 3, B: 2, I: 4, H: 5 },
      'reset-after',
    );
    const table = tf.tensor2d(randomValues(random, 7 * 4), [7, 4]);
    const ids = tf.tensor1d([1, 6, 0, 1, 3, 3], 'int32');
    const list = [table, ...(Object.values(tensors) as tf.Tensor[])];
    const compute = () =>
      measured(
        list,
        () => embeddedGruSequence(table, ids, tensors as GruTensors, 'reset-after'),
        Float32Array.from({ length: 30 }, (_, i) => Math.sin(i)),
      );
    const expected = onProcessor(compute);
    const found = compute();
    expectClose(found.output, expected.output, 1e-5);
    for (const [i, gradient] of expected.gradients.entries()) {
      expectClose(found.gradients[i]!, gradient, 1e-4);
    }
    expect(gpu.calls).toHaveLength(3);
    tf.dispose([inputs, ids, ...list]);
  });

  it('would be found out if an attribute had another name, type or value', () => {
    const { binding } = tensorFlowBackend();
    const { TF_ATTR_BOOL, TF_ATTR_INT, TF_ATTR_STRING, TF_ATTR_TYPE, TF_FLOAT } = binding;
    const call =
      (...attributes: { name: string; type: number; value: unknown }[]) =>
      () => {
        const tensors = [
          tf.zeros([3, 2, 4]),
          tf.zeros([1, 2, 5]),
          tf.zeros([1, 2, 5]),
          tf.zeros([165]),
        ];
        const lengths = tf.tensor1d([3, 3], 'int32');
        const ids = tensorFlowBackend().getInputTensorIds([...tensors, lengths]);
        const all = [
          { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT },
          { name: 'is_training', type: TF_ATTR_BOOL, value: true },
          ...attributes,
        ];
        binding.executeOp('CudnnRNNV3', all, ids, 5);
      };
    const mode = { name: 'rnn_mode', type: TF_ATTR_STRING, value: 'gru' };
    tf.tidy(() => {
      expect(call(mode)).not.toThrow();
      expect(call(mode, { name: 'time_mayor', type: TF_ATTR_BOOL, value: true })).toThrow(
        /time_mayor/,
      );
      expect(call(mode, { name: 'time_major', type: TF_ATTR_INT, value: 1 })).toThrow(
        /'int' when 'bool' expected/,
      );
      expect(call({ ...mode, value: 'gruu' })).toThrow(/not in the list of allowed values/);
    });
  });
});
