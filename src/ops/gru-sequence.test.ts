import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { readFixture } from '../../test/support/fixtures.ts';
import {
  type GruSizes,
  gruTensors,
  gruTensorsOf,
  randomGruTensors,
} from '../../test/support/gru-tensors.ts';
import {
  expectClose,
  expectNoTensorsLeft,
  finiteDifferences,
  gradientsOf,
  largestDifference,
  randomValues,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import type { Activation } from './activation.ts';
import { type GruVariant, gruSequence } from './gru-sequence.ts';
import './core-gradients.ts';

interface Golden extends GruSizes {
  tensors: Record<string, number[]>;
  outputs: number[];
  outputGradient: number[];
  gradients: Record<string, number[]>;
}

interface ActivatedGolden extends Golden {
  variant: GruVariant;
  activation: Activation;
}

const { cases: goldens, activated } = readFixture<{
  cases: Golden[];
  activated: ActivatedGolden[];
}>('gru-sequence');
const variants: readonly GruVariant[] = ['reset-after', 'reset-before'];
/** Float32's own share, over a few dozen sums of numbers near 1. */
const TOLERANCE = 1e-5;

/** One step by the definitions, in double precision, for one stream of text. */
function stepByHand(
  variant: GruVariant,
  x: number[],
  h: number[],
  { weightIh, weightHh, biasIh, biasHh }: Record<string, number[]>,
): number[] {
  const [I, H] = [x.length, h.length];
  const sigmoid = (a: number) => 1 / (1 + Math.exp(-a));
  const dot = (weight: number[], row: number, v: number[]) =>
    v.reduce((sum, value, k) => sum + weight[row * v.length + k]! * value, 0);
  const inputSide = (row: number) => dot(weightIh!, row, x) + biasIh![row]!;
  const recurrent = (row: number, v: number[]) => dot(weightHh!, row, v) + (biasHh?.[row] ?? 0);
  expect([weightIh!.length, weightHh!.length]).toEqual([3 * H * I, 3 * H * H]);
  const r = h.map((_, k) => sigmoid(inputSide(k) + recurrent(k, h)));
  const z = h.map((_, k) => sigmoid(inputSide(H + k) + recurrent(H + k, h)));
  if (variant === 'reset-after') {
    const n = h.map((_, k) => Math.tanh(inputSide(2 * H + k) + r[k]! * recurrent(2 * H + k, h)));
    return h.map((before, k) => (1 - z[k]!) * n[k]! + z[k]! * before);
  }
  const reset = h.map((before, k) => r[k]! * before);
  const n = h.map((_, k) => Math.tanh(inputSide(2 * H + k) + recurrent(2 * H + k, reset)));
  return h.map((before, k) => (1 - z[k]!) * before + z[k]! * n[k]!);
}

describe.each(testBackends)('gruSequence on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(goldens)('has the outputs of PyTorch for T=$T B=$B I=$I H=$H', (golden) => {
    const tensors = gruTensors(golden, 'reset-after', (name) => golden.tensors[name]!);
    const outputs = gruSequence(tensors, 'reset-after');
    expect(outputs.shape).toEqual([golden.T, golden.B, golden.H]);
    expectClose(valuesOf(outputs), golden.outputs, TOLERANCE);
  });

  it.each(goldens)('has the gradients of PyTorch for T=$T B=$B I=$I H=$H', (golden) => {
    const tensors = gruTensors(golden, 'reset-after', (name) => golden.tensors[name]!);
    const gradients = gradientsOf(
      () => gruSequence(tensors, 'reset-after'),
      Object.values(tensors),
      Float32Array.from(golden.outputGradient),
    );
    for (const [i, name] of Object.keys(tensors).entries()) {
      expectClose(gradients[i]!, golden.gradients[name]!, TOLERANCE, name);
    }
  });

  it.each(activated)(
    'has the outputs and gradients of $variant with $activation in PyTorch for T=$T',
    ({ variant, activation, ...golden }) => {
      const tensors = gruTensors(golden, variant, (name) => golden.tensors[name]!);
      const run = () => gruSequence(tensors, variant, 'float32', activation);
      expectClose(valuesOf(run()), golden.outputs, TOLERANCE, 'outputs');
      const upstream = Float32Array.from(golden.outputGradient);
      const gradients = gradientsOf(run, Object.values(tensors), upstream);
      for (const [i, name] of Object.keys(tensors).entries()) {
        expectClose(gradients[i]!, golden.gradients[name]!, TOLERANCE, name);
      }
      expectNoTensorsLeft(() => run().dispose());
    },
  );

  it.each(variants)('computes the definition of %s, step by step', (variant) => {
    for (const sizes of [
      { T: 1, B: 1, I: 2, H: 3 },
      { T: 2, B: 1, I: 3, H: 2 },
      { T: 5, B: 1, I: 2, H: 3 },
    ]) {
      const tensors = randomGruTensors(new Random(7), sizes, variant);
      const numbers = Object.fromEntries(
        Object.entries(tensors).map(([name, tensor]) => [name, [...valuesOf(tensor)]]),
      );
      const expected: number[] = [];
      let h = numbers.initialState!;
      for (let t = 0; t < sizes.T; t++) {
        const x = numbers.inputs!.slice(t * sizes.I, (t + 1) * sizes.I);
        h = stepByHand(variant, x, h, numbers);
        expected.push(...h);
      }
      expectClose(valuesOf(gruSequence(tensors, variant)), expected, 1e-6);
    }
  });

  describe.each(variants)('%s', (variant) => {
    it.each([
      { T: 1, B: 2, I: 2, H: 2 },
      { T: 3, B: 1, I: 3, H: 2 },
      { T: 5, B: 2, I: 1, H: 3 },
    ])('has the gradients that finite differences give for %o', (sizes) => {
      const random = new Random(11);
      const tensors = randomGruTensors(random, sizes, variant);
      const list = Object.values(tensors) as tf.Tensor[];
      const upstream = randomValues(random, sizes.T * sizes.B * sizes.H);
      const found = gradientsOf(() => gruSequence(tensors, variant), list, upstream);
      const expected = finiteDifferences(
        (moved) => gruSequence(gruTensorsOf(moved, variant), variant),
        list,
        upstream,
      );
      for (const [i, name] of Object.keys(tensors).entries()) {
        expectClose(found[i]!, expected[i]!, 1e-4, name);
      }
    });

    it('gives the same whether a text runs at once or in two parts', () => {
      const sizes = { T: 7, B: 2, I: 3, H: 4 };
      const tensors = randomGruTensors(new Random(3), sizes, variant);
      const whole = valuesOf(gruSequence(tensors, variant));
      const first = gruSequence({ ...tensors, inputs: tf.slice(tensors.inputs, 0, 5) }, variant);
      const second = gruSequence(
        {
          ...tensors,
          inputs: tf.slice(tensors.inputs, 5, 2),
          initialState: tf.reshape(tf.slice(first, 4, 1), [sizes.B, sizes.H]),
        },
        variant,
      );
      expectClose([...valuesOf(first), ...valuesOf(second)], whole, 1e-6);
    });

    it('leaves no tensor behind but its result, with gradients or without', () => {
      for (const T of [1, 3, 6]) {
        const tensors = randomGruTensors(new Random(5), { T, B: 2, I: 3, H: 4 }, variant);
        expectNoTensorsLeft(() => gruSequence(tensors, variant).dispose());
        for (const by of [Object.values(tensors) as tf.Tensor[], [tensors.weightHh]]) {
          expectNoTensorsLeft(() => {
            const { value, grads } = tf
              .engine()
              .gradients(() => tf.mean(gruSequence(tensors, variant)), by);
            tf.dispose([value, ...grads]);
          });
        }
      }
    });

    it('names the argument whose shape does not fit', () => {
      const tensors = randomGruTensors(new Random(1), { T: 2, B: 2, I: 3, H: 4 }, variant);
      const message = (changed: object) => {
        try {
          gruSequence({ ...tensors, ...changed }, variant);
          return 'no error';
        } catch (error) {
          return (error as Error).message;
        }
      };
      expect(message({ inputs: tf.zeros([2, 3]) })).toBe(
        'gruSequence inputs: expected shape [T, B, I], found [2,3]',
      );
      expect(message({ initialState: tf.zeros([3, 4]) })).toBe(
        'gruSequence initialState: expected shape [B=2, H], found [3,4]',
      );
      expect(message({ weightIh: tf.zeros([12, 2]) })).toBe(
        'gruSequence weightIh: expected shape [12, I=3], found [12,2]',
      );
      expect(message({ weightHh: tf.zeros([8, 4]) })).toBe(
        'gruSequence weightHh: expected shape [12, H=4], found [8,4]',
      );
      expect(message({ biasIh: tf.zeros([4]) })).toBe(
        'gruSequence biasIh: expected shape [12], found [4]',
      );
      expect(message({ biasHh: variant === 'reset-after' ? undefined : tf.zeros([12]) })).toBe(
        variant === 'reset-after'
          ? 'gruSequence biasHh: expected a tensor with the variant reset-after, found none'
          : 'gruSequence biasHh: expected none with the variant reset-before, found a tensor',
      );
    });
  });
});

it('reset-after and reset-before are different functions', async () => {
  await useBackend('cpu');
  const tensors = randomGruTensors(new Random(2), { T: 2, B: 1, I: 2, H: 3 }, 'reset-after');
  const { biasHh, ...before } = { ...tensors, biasHh: tf.zeros([9]) as tf.Tensor1D };
  const a = valuesOf(gruSequence({ ...before, biasHh }, 'reset-after'));
  const b = valuesOf(gruSequence(before, 'reset-before'));
  expect(largestDifference(a, b)).toBeGreaterThan(1e-3);
});
