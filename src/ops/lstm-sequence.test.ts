import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { readFixture } from '../../test/support/fixtures.ts';
import {
  expectClose,
  expectNoTensorsLeft,
  finiteDifferences,
  gradientsOf,
  randomValues,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import { lstmSequence } from './lstm-sequence.ts';
import type { LstmForward, LstmTensors } from './lstm-sequence-reference.ts';
import { lstmTensors, randomLstmTensors, type Sizes } from './lstm-sequence-testing.ts';
import './core-gradients.ts';

interface Golden extends Sizes {
  tensors: Record<string, number[]>;
  outputs: number[];
  finalCell: number[];
  outputGradient: number[];
  finalCellGradient: number[];
  gradients: Record<string, number[]>;
}

const goldens = readFixture<{ cases: Golden[] }>('lstm-sequence').cases;
/** Float32's own share, over a few dozen sums of numbers near 1. */
const TOLERANCE = 1e-5;

function goldenTensors(golden: Golden): LstmTensors {
  return lstmTensors(golden, (shape, name) =>
    tf.tensor(Float32Array.from(golden.tensors[name]!), shape),
  );
}

/** The same tensors out of a list in their order. */
function lstmTensorsOf(list: readonly tf.Tensor[]): LstmTensors {
  let next = 0;
  return lstmTensors({ T: 1, B: 1, I: 1, H: 1 }, () => list[next++]!);
}

/** Σ outputs · outputGradient + Σ finalCell · finalCellGradient, with a gradient. */
function lossOf(
  { outputs, finalCell }: LstmForward,
  outputGradient: ArrayLike<number>,
  finalCellGradient: ArrayLike<number>,
): tf.Tensor {
  const weighted = (tensor: tf.Tensor, weights: ArrayLike<number>) => {
    const products = tf.mul(tensor, tf.tensor(Float32Array.from(weights), tensor.shape));
    return tf.mul(tf.mean(tf.reshape(products, [-1])), tensor.size);
  };
  return tf.add(weighted(outputs, outputGradient), weighted(finalCell, finalCellGradient));
}

/** One step by the definition, in double precision, for one stream of text. */
function stepByHand(
  x: number[],
  h: number[],
  c: number[],
  { weightIh, weightHh, biasIh, biasHh }: Record<string, number[]>,
): { h: number[]; c: number[] } {
  const H = h.length;
  const sigmoid = (a: number) => 1 / (1 + Math.exp(-a));
  const dot = (weight: number[], row: number, v: number[]) =>
    v.reduce((sum, value, k) => sum + weight[row * v.length + k]! * value, 0);
  const sum = (row: number) =>
    dot(weightIh!, row, x) + biasIh![row]! + dot(weightHh!, row, h) + biasHh![row]!;
  expect([weightIh!.length, weightHh!.length]).toEqual([4 * H * x.length, 4 * H * H]);
  const cell = c.map(
    (before, k) => sigmoid(sum(H + k)) * before + sigmoid(sum(k)) * Math.tanh(sum(2 * H + k)),
  );
  return { h: cell.map((value, k) => sigmoid(sum(3 * H + k)) * Math.tanh(value)), c: cell };
}

describe.each(testBackends)('lstmSequence on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(goldens)('has the outputs and cell of PyTorch for T=$T B=$B I=$I H=$H', (golden) => {
    const { outputs, finalCell } = lstmSequence(goldenTensors(golden));
    expect(outputs.shape).toEqual([golden.T, golden.B, golden.H]);
    expect(finalCell.shape).toEqual([golden.B, golden.H]);
    expectClose(valuesOf(outputs), golden.outputs, TOLERANCE, 'outputs');
    expectClose(valuesOf(finalCell), golden.finalCell, TOLERANCE, 'finalCell');
  });

  it.each(goldens)('has the gradients of PyTorch for T=$T B=$B I=$I H=$H', (golden) => {
    const tensors = goldenTensors(golden);
    const gradients = gradientsOf(
      () => lossOf(lstmSequence(tensors), golden.outputGradient, golden.finalCellGradient),
      Object.values(tensors),
      Float32Array.of(1),
    );
    for (const [i, name] of Object.keys(tensors).entries()) {
      expectClose(gradients[i]!, golden.gradients[name]!, TOLERANCE, name);
    }
  });

  it('computes the definition, step by step', () => {
    for (const sizes of [
      { T: 1, B: 1, I: 2, H: 3 },
      { T: 2, B: 1, I: 3, H: 2 },
      { T: 5, B: 1, I: 2, H: 3 },
    ]) {
      const tensors = randomLstmTensors(new Random(7), sizes);
      const numbers = Object.fromEntries(
        Object.entries(tensors).map(([name, tensor]) => [name, [...valuesOf(tensor)]]),
      );
      const expected: number[] = [];
      let [h, c] = [numbers.initialState!, numbers.initialCell!];
      for (let t = 0; t < sizes.T; t++) {
        const x = numbers.inputs!.slice(t * sizes.I, (t + 1) * sizes.I);
        ({ h, c } = stepByHand(x, h, c, numbers));
        expected.push(...h);
      }
      const { outputs, finalCell } = lstmSequence(tensors);
      expectClose(valuesOf(outputs), expected, 1e-6, 'outputs');
      expectClose(valuesOf(finalCell), c, 1e-6, 'finalCell');
    }
  });

  // One result at a time: the other's gradient then is zeros that TF.js makes.
  describe.each(['outputs', 'finalCell'] as const)('by its %s alone', (result) => {
    it.each([
      { T: 1, B: 2, I: 2, H: 2 },
      { T: 3, B: 1, I: 3, H: 2 },
      { T: 5, B: 2, I: 1, H: 3 },
    ])('has the gradients that finite differences give for %o', (sizes) => {
      const random = new Random(11);
      const tensors = randomLstmTensors(random, sizes);
      const list = Object.values(tensors) as tf.Tensor[];
      const upstream = randomValues(random, lstmSequence(tensors)[result].size);
      const found = gradientsOf(() => lstmSequence(tensors)[result], list, upstream);
      const expected = finiteDifferences(
        (moved) => lstmSequence(lstmTensorsOf(moved))[result],
        list,
        upstream,
      );
      for (const [i, name] of Object.keys(tensors).entries()) {
        expect(
          found[i]!.some((value) => value !== 0),
          name,
        ).toBe(true);
        expectClose(found[i]!, expected[i]!, 1e-4, name);
      }
    });
  });

  it('gives the same whether a text runs at once or in two parts', () => {
    const sizes = { T: 7, B: 2, I: 3, H: 4 };
    const tensors = randomLstmTensors(new Random(3), sizes);
    const whole = lstmSequence(tensors);
    const first = lstmSequence({ ...tensors, inputs: tf.slice(tensors.inputs, 0, 5) });
    const second = lstmSequence({
      ...tensors,
      inputs: tf.slice(tensors.inputs, 5, 2),
      initialState: tf.reshape(tf.slice(first.outputs, 4, 1), [sizes.B, sizes.H]),
      initialCell: first.finalCell,
    });
    const parts = [...valuesOf(first.outputs), ...valuesOf(second.outputs)];
    expectClose(parts, valuesOf(whole.outputs), 1e-6, 'outputs');
    expectClose(valuesOf(second.finalCell), valuesOf(whole.finalCell), 1e-6, 'finalCell');
  });

  it('gives each bias a gradient of its own, and one tensor as both their sum', () => {
    const tensors = randomLstmTensors(new Random(4), { T: 3, B: 2, I: 2, H: 3 });
    const { biasIh } = tensors;
    const meanWith = (biasHh: tf.Tensor1D) => () =>
      tf.mean(lstmSequence({ ...tensors, biasHh }).outputs);
    const biasHh = tf.clone(biasIh);
    const { grads: apart } = tf.engine().gradients(meanWith(biasHh), [biasIh, biasHh]);
    const { grads: shared } = tf.engine().gradients(meanWith(biasIh), [biasIh]);
    const first = valuesOf(apart[0]!);
    apart[0]!.dispose();
    expect(valuesOf(apart[1]!)).toEqual(first);
    expectClose(
      valuesOf(shared[0]!),
      first.map((value) => 2 * value),
      1e-6,
    );
  });

  it('leaves no tensor behind but its results, with gradients or without', () => {
    for (const T of [1, 3, 6]) {
      const tensors = randomLstmTensors(new Random(5), { T, B: 2, I: 3, H: 4 });
      expectNoTensorsLeft(() => {
        tf.dispose(Object.values(lstmSequence(tensors)));
      });
      for (const by of [Object.values(tensors) as tf.Tensor[], [tensors.biasHh]]) {
        expectNoTensorsLeft(() => {
          const { value, grads } = tf.engine().gradients(() => {
            const { outputs, finalCell } = lstmSequence(tensors);
            return tf.add(tf.mean(outputs), tf.mean(finalCell));
          }, by);
          tf.dispose([value, ...grads]);
        });
      }
    }
  });

  it('names the argument whose shape does not fit', () => {
    const tensors = randomLstmTensors(new Random(1), { T: 2, B: 2, I: 3, H: 4 });
    for (const [name, shape, message] of [
      ['inputs', [2, 3], 'expected shape [T, B, I], found [2,3]'],
      ['initialState', [3, 4], 'expected shape [B=2, H], found [3,4]'],
      ['initialCell', [2, 5], 'expected shape [B=2, H=4], found [2,5]'],
      ['weightIh', [16, 2], 'expected shape [16, I=3], found [16,2]'],
      ['weightHh', [12, 4], 'expected shape [16, H=4], found [12,4]'],
      ['biasIh', [4], 'expected shape [16], found [4]'],
      ['biasHh', [12], 'expected shape [16], found [12]'],
    ] as const) {
      const changed = { ...tensors, [name]: tf.zeros([...shape]) };
      expect(() => lstmSequence(changed)).toThrow(`lstmSequence ${name}: ${message}`);
    }
  });
});
