import { describe, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { frequencyBiases, initialValues, randomOrthogonal } from './initial-values.ts';

describe('randomOrthogonal', () => {
  test.each([1, 2, 3, 17, 64])('of size %i times its transpose is the identity', (size) => {
    const matrix = randomOrthogonal(size, new Random(size));
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        let product = 0;
        for (let k = 0; k < size; k++) product += matrix[i * size + k]! * matrix[j * size + k]!;
        expect(product).toBeCloseTo(i === j ? 1 : 0, 5);
      }
    }
  });

  test('spreads every row over all columns', () => {
    const size = 64;
    const matrix = randomOrthogonal(size, new Random(5));
    const large = matrix.filter((value) => Math.abs(value) > 0.6).length;
    expect(large).toBe(0);
    expect(matrix.filter((value) => Math.abs(value) > 0.01).length).toBeGreaterThan(
      0.85 * size ** 2,
    );
  });
});

describe('initialValues', () => {
  const standardDeviation = (values: Float32Array) =>
    Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);

  test('draws each kind of parameter from its own distribution', () => {
    const random = new Random(1);
    const embedding = initialValues({ name: 'embedding.weight', shape: [200, 50] }, random);
    expect(standardDeviation(embedding)).toBeCloseTo(1, 1);

    const inputWeights = initialValues({ name: 'gru.weight_ih_l0', shape: [3 * 40, 20] }, random);
    const bound = Math.sqrt(6 / (20 + 40));
    expect(Math.max(...inputWeights.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(standardDeviation(inputWeights)).toBeCloseTo(bound / Math.sqrt(3), 2);

    const output = initialValues({ name: 'fc.weight', shape: [30, 100] }, random);
    expect(Math.max(...output.map(Math.abs))).toBeLessThanOrEqual(0.1);

    for (const name of ['gru.bias_ih_l0', 'gru.bias_hh_l0', 'fc.bias']) {
      expect(initialValues({ name, shape: [9] }, random)).toEqual(new Float32Array(9));
    }
  });

  test('begins attention with queries and keys, and values of zero', () => {
    const random = new Random(1);
    const query = initialValues({ name: 'attention.1.query.weight', shape: [20, 40] }, random);
    expect(standardDeviation(query)).toBeCloseTo(Math.sqrt(6 / 60 / 3), 2);
    const value = initialValues({ name: 'attention.1.value.weight', shape: [4, 4] }, random);
    expect(value).toEqual(new Float32Array(16));
  });

  test('opens the forget gate of an LSTM', () => {
    const bias = initialValues({ name: 'lstm.bias_ih_l0', shape: [8] }, new Random(1));
    expect([...bias]).toEqual([0, 0, 1, 1, 0, 0, 0, 0]);
    const other = initialValues({ name: 'lstm.bias_hh_l0', shape: [8] }, new Random(1));
    expect(other).toEqual(new Float32Array(8));
  });

  test('gives each gate an orthogonal recurrent matrix of its own', () => {
    const size = 8;
    const values = initialValues(
      { name: 'gru.weight_hh_l0', shape: [3 * size, size] },
      new Random(2),
    );
    const gates = [0, 1, 2].map((gate) =>
      values.subarray(gate * size ** 2, (gate + 1) * size ** 2),
    );
    for (const gate of gates) {
      expect(gate.reduce((sum, value) => sum + value ** 2, 0)).toBeCloseTo(size, 4);
    }
    expect(gates[0]).not.toEqual(gates[1]);
  });
});

describe('frequencyBiases', () => {
  // Half a time more of each: 3.5, 0.5, 1.5, 2.5 of 8.
  const counts = Float64Array.of(3, 0, 1, 2);

  test('are the logarithms of how often tokens occur', () => {
    const expected = [3.5, 0.5, 1.5, 2.5].map((count) => Math.log(count / 8));
    expect(frequencyBiases(counts)).toEqual(Float32Array.from(expected));
    expect(frequencyBiases(counts, [])).toEqual(Float32Array.from(expected));
  });

  test('are those of an adaptive softmax’s head and of its clusters', () => {
    const expected = [3.5, 0.5 + 1.5, 2.5].map((count) => Math.log(count / 8));
    expect(frequencyBiases(counts, [1, 3])).toEqual(Float32Array.from(expected));
  });
});
