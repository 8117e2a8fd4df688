/**
 * What the native operations say of arguments that do not fit. The public operations check first;
 * here they are called as TensorFlow calls them. None of it may end the process.
 */
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasNativeOperations, useBackend } from '../../test/support/backends.ts';
import {
  heldTensors,
  largestDifference,
  randomTensor,
  valuesOf,
} from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import {
  flag,
  number,
  type OpAttribute,
  tensorFlowBackend,
  wholeNumber,
} from './tensorflow-binding.ts';

/** The shapes of an operation's inputs, by their names in its declaration, in its order. */
type Shapes = Record<string, number[]>;

interface Operation {
  name: string;
  shapes: Shapes;
  /** Inputs that are whole numbers. */
  integers?: string[];
  flags?: Record<string, boolean>;
  numbers?: Record<string, number>;
  outputs: number;
}

const [T, B, I, H, N, V, E] = [3, 2, 5, 4, 6, 7, 3];

const gruForward: Operation = {
  name: 'GruLmGruForward',
  shapes: {
    x: [T, B, I],
    h0: [B, H],
    w_ih: [3 * H, I],
    w_hh: [3 * H, H],
    b_ih: [3 * H],
    b_hh: [3 * H],
  },
  flags: { reset_after: true, keep_workspace: true },
  outputs: 3,
};

const gruBackward: Operation = {
  name: 'GruLmGruBackward',
  shapes: {
    ...{ x: [T, B, I], h0: [B, H], w_ih: [3 * H, I], w_hh: [3 * H, H] },
    ...{ y: [T, B, H], gates: [T, B, 3 * H], recurrent_n: [T, B, H], dy: [T, B, H] },
  },
  flags: { reset_after: true, weight_gradients: true },
  outputs: 6,
};

const lstmForward: Operation = {
  name: 'GruLmLstmForward',
  shapes: {
    ...{ x: [T, B, I], h0: [B, H], c0: [B, H], w_ih: [4 * H, I], w_hh: [4 * H, H] },
    ...{ b_ih: [4 * H], b_hh: [4 * H] },
  },
  flags: { keep_workspace: true },
  outputs: 4,
};

const lstmBackward: Operation = {
  name: 'GruLmLstmBackward',
  shapes: {
    ...{ x: [T, B, I], h0: [B, H], c0: [B, H], w_ih: [4 * H, I], w_hh: [4 * H, H] },
    ...{ y: [T, B, H], gates: [T, B, 4 * H], cells: [T, B, H], dy: [T, B, H] },
    d_final_cell: [B, H],
  },
  flags: { weight_gradients: true },
  outputs: 6,
};

const linearCrossEntropy: Operation = {
  name: 'GruLmLinearCrossEntropy',
  shapes: { features: [N, H], weight: [V, H], bias: [V], labels: [N] },
  integers: ['labels'],
  flags: { with_gradient: true },
  outputs: 5,
};

/** Of one weight. */
const muonUpdate: Operation = {
  name: 'GruLmMuonUpdate',
  shapes: {
    ...{ rate: [], kept: [], gates: [1] },
    ...{ value: [3 * H, I], velocity: [3 * H, I], gradient: [3 * H, I] },
  },
  integers: ['gates'],
  numbers: { momentum: 0.5 },
  outputs: 2,
};

/** Of one variable. */
const moveMeans: Operation = {
  name: 'GruLmMoveMeans',
  shapes: { share: [], mean: [H, I], value: [H, I] },
  outputs: 1,
};

/** Two layers; the second reads the first one's states. */
const generationStep: Operation = {
  name: 'GruLmGenerationStep',
  shapes: {
    ...{ ids: [B], states: [2, B, H], embedding: [V, E], output_weight: [V, H], output_bias: [V] },
    ...{ 'w_ih 0': [3 * H, E], 'w_hh 0': [3 * H, H], 'b_ih 0': [3 * H], 'b_hh 0': [3 * H] },
    ...{ 'w_ih 1': [3 * H, H], 'w_hh 1': [3 * H, H], 'b_ih 1': [3 * H], 'b_hh 1': [3 * H] },
  },
  integers: ['ids'],
  flags: { reset_after: true },
  outputs: 2,
};

const operations = [
  ...[gruForward, gruBackward, lstmForward, lstmBackward],
  ...[linearCrossEntropy, generationStep, muonUpdate],
];

interface Change {
  /** Other shapes for some inputs; without one, the input is left out. */
  shapes?: Record<string, number[] | undefined>;
  flags?: Record<string, boolean>;
  /** Other values for the inputs of whole numbers. */
  integers?: number[];
}

/** Runs the operation with one thing or another changed; the values are the same each time. */
function run(operation: Operation, change: Change = {}) {
  const { name, shapes, integers = [], flags = {}, numbers = {}, outputs } = operation;
  const backend = tensorFlowBackend();
  const random = new Random(1);
  let results: Float32Array[] = [];
  tf.tidy(() => {
    const inputs = Object.entries({ ...shapes, ...change.shapes }).flatMap(([input, shape]) => {
      if (shape === undefined) return [];
      if (!integers.includes(input)) return [randomTensor(random, shape, 0.5)];
      const count = tf.util.sizeFromShape(shape);
      const values = change.integers ?? Array.from({ length: count }, (_, i) => 1 + (i % (V - 1)));
      return [tf.tensor(values, shape, 'int32')];
    });
    const attributes: OpAttribute[] = Object.entries({ ...flags, ...change.flags }).map(
      ([attribute, value]) => flag(backend, attribute, value),
    );
    for (const [attribute, value] of Object.entries(numbers)) {
      attributes.push(number(backend, attribute, value));
    }
    if (name === muonUpdate.name || name === moveMeans.name) {
      attributes.push(wholeNumber(backend, 'count', 1));
    }
    if (name === generationStep.name) {
      attributes.push(wholeNumber(backend, 'layer_tensors', inputs.length - 5));
    }
    results = backend.executeMultipleOutputs(name, attributes, inputs, outputs).map(valuesOf);
  });
  return results;
}

/** The message of the error that the changed operation fails with. */
function messageOf(operation: Operation, change: Change): string {
  try {
    run(operation, change);
  } catch (error) {
    return (error as Error).message;
  }
  return 'no error';
}

/** What the message should be but for what TensorFlow puts around it. */
function expectMessage(operation: Operation, change: Change, expected: string): void {
  expect(messageOf(operation, change)).toContain(`${operation.name}: ${expected}`);
}

describe.runIf(hasNativeOperations)('the native operations', () => {
  beforeAll(() => useBackend('native'));

  let expected: Float32Array[][];
  let held: number[];

  beforeEach(() => {
    expected = operations.map((operation) => run(operation));
    held = heldTensors();
  });

  // After whatever was refused, each of them works as before.
  afterEach(() => {
    for (const [i, operation] of operations.entries()) {
      for (const [output, values] of run(operation).entries()) {
        expect(largestDifference(values, expected[i]![output]!), operation.name).toBe(0);
      }
    }
    expect(heldTensors()).toEqual(held);
  });

  it.each(operations)('$name names each argument whose shape does not fit', (operation) => {
    for (const [name, shape] of Object.entries(operation.shapes)) {
      const argument = name.replace(/ (\d)$/, ' of layer $1');
      const wrongRank = [...shape, 1];
      const message = messageOf(operation, { shapes: { [name]: wrongRank } });
      expect(message).toContain(`${operation.name}: ${argument} should be [`);
      expect(message).toContain(`; it is [${wrongRank.join(', ')}]`);
      // Nothing else says how long its sides are.
      if (Object.keys(operation.shapes).length === 1) continue;
      for (const axis of shape.keys()) {
        // A step more is right where nothing else has one size a step.
        if (name === 'x' && axis === 0 && !('y' in operation.shapes)) continue;
        const other = shape.map((size, i) => (i === axis ? size + 1 : size));
        // Where the first to have a letter is changed, the next that has it does not fit.
        expect(messageOf(operation, { shapes: { [name]: other } })).toMatch(
          /: [\w ]+ should be (\[.*\] = \[.*\]; it is \[.*\]|4L = 12 tensors; they are 8)$/,
        );
      }
    }
  });

  it('say what the shape should be, in letters and in numbers, and what it is', () => {
    expectMessage(
      gruForward,
      { shapes: { x: [T, B] } },
      'x should be [T, B, I] = [T, B, I]; it is [3, 2]',
    );
    expectMessage(
      gruForward,
      { shapes: { h0: [3, H] } },
      'h0 should be [B, H] = [2, H]; it is [3, 4]',
    );
    expectMessage(
      gruForward,
      { shapes: { w_ih: [11, I] } },
      'w_ih should be [3H, I] = [12, 5]; it is [11, 5]',
    );
    expectMessage(
      gruBackward,
      { shapes: { gates: [T, B, 2 * H] } },
      'gates should be [T, B, 3H] = [3, 2, 12]; it is [3, 2, 8]',
    );
    expectMessage(
      lstmForward,
      { shapes: { c0: [B, 5] } },
      'c0 should be [B, H] = [2, 4]; it is [2, 5]',
    );
    expectMessage(
      lstmBackward,
      { shapes: { d_final_cell: [H] } },
      'd_final_cell should be [B, H] = [2, 4]; it is [4]',
    );
    expectMessage(
      linearCrossEntropy,
      { shapes: { labels: [N + 1] } },
      'labels should be [N] = [6]; it is [7]',
    );
    expectMessage(
      generationStep,
      { shapes: { states: [2, 3, H] } },
      'states should be [L, B, H] = [L, 2, H]; it is [2, 3, 4]',
    );
    expectMessage(
      generationStep,
      { shapes: { 'w_ih 1': [3 * H, E] } },
      'w_ih of layer 1 should be [3H, I] = [12, 4]; it is [12, 3]',
    );
  });

  it.each(operations)('$name refuses arguments without elements', (operation) => {
    for (const [name, shape] of Object.entries(operation.shapes)) {
      if (shape.length === 0) continue; // always one
      const empty = shape.map((size, i) => (i === 0 ? 0 : size));
      const message = messageOf(operation, { shapes: { [name]: empty } });
      expect(message, name).toContain(`${operation.name}: `);
      expect(message, name).toMatch(/should be \[.*; it (is|has no elements)/);
    }
  });

  it('refuse the second bias of the other variant', () => {
    expectMessage(
      gruForward,
      { shapes: { b_hh: [0] } },
      'b_hh should be [3H] with reset_after; it has no elements',
    );
    expectMessage(
      gruForward,
      { flags: { reset_after: false } },
      'b_hh should have no elements without reset_after; it has some',
    );
    expectMessage(
      gruBackward,
      { shapes: { recurrent_n: [0, 0, 0] } },
      'recurrent_n should be [T, B, H] with reset_after; it has no elements',
    );
    expectMessage(
      generationStep,
      { shapes: { 'b_hh 1': [0] } },
      'b_hh should be [3H] with reset_after; it has no elements',
    );
    expectMessage(
      generationStep,
      { flags: { reset_after: false } },
      'b_hh should have no elements without reset_after; it has some',
    );
  });

  it('refuse labels and ids that are not in the vocabulary', () => {
    for (const wrong of [V, -1, 2 ** 31 - 1, -(2 ** 31)]) {
      expectMessage(
        linearCrossEntropy,
        { integers: [0, 1, 2, wrong, 4, 5] },
        `labels should be in [0, V) = [0, 7); at 3 is ${wrong}`,
      );
      expectMessage(
        generationStep,
        { integers: [0, wrong] },
        `ids should be in [0, V) = [0, 7); at 1 is ${wrong}`,
      );
    }
  });

  it('refuse tensors of layers that are not four a state', () => {
    expectMessage(
      generationStep,
      { shapes: { 'b_hh 1': undefined } },
      'layers should be 4L = 8 tensors; they are 7',
    );
    expectMessage(
      generationStep,
      { shapes: { states: [1, B, H] } },
      'layers should be 4L = 4 tensors; they are 8',
    );
    expectMessage(
      generationStep,
      { shapes: { states: [3, B, H] } },
      'layers should be 4L = 12 tensors; they are 8',
    );
  });

  it('refuse means of another shape than their values', () => {
    const change = { shapes: { value: [I, H] } };
    expectMessage(
      moveMeans,
      change,
      'value 0 should have the shape of its mean, [4, 5]; it is [5, 4]',
    );
  });

  it('refuse matrices that do not make up the rows of their weight', () => {
    for (const gates of [0, -1, 5, 13]) {
      const expected = `gates should divide R = 12; they are ${gates}`;
      expectMessage(muonUpdate, { integers: [gates] }, expected);
    }
  });

  it('refuse a sparse matrix whose places are not there', () => {
    const product = (starts: number[], columns: number[], values: number[], table: number[][]) => {
      const inputs = [tf.tensor1d(starts, 'int32'), tf.tensor1d(columns, 'int32')];
      const all = [...inputs, tf.tensor1d(values), tf.tensor2d(table, [table.length, 1])];
      try {
        tf.dispose(tensorFlowBackend().executeSingleOutput('GruLmSparseProduct', [], all));
        return 'no error';
      } catch (error) {
        return (error as Error).message;
      } finally {
        tf.dispose(all);
      }
    };
    const table = [[1], [2], [3]];
    expect(product([0, 1, 2], [2, 0], [1, 1], table)).toBe('no error');
    const inStarts = 'GruLmSparseProduct: starts should ascend from 0 to N = 2; they do not';
    for (const starts of [[1, 1, 2], [0, 1, 1], [0, 1, 3], [0, 2, 1, 2], [0, -1, 2], [2]]) {
      expect(product(starts, [2, 0], [1, 1], table)).toContain(inStarts);
    }
    for (const wrong of [3, -1, 2 ** 31 - 1]) {
      expect(product([0, 1, 2], [0, wrong], [1, 1], table)).toContain(
        `GruLmSparseProduct: columns should be in [0, V) = [0, 3); at 1 is ${wrong}`,
      );
    }
    expect(product([0, 1, 2], [2, 0], [1], table)).toContain('values should be [N] = [2]');
    expect(product([0, 1, 2], [2, 0], [1, 1], [])).toContain('should be [');
  });

  it('let go of what they refused', () => {
    // 8 MB each time, which are right, beside a state that is not.
    const change = { shapes: { x: [1, 1, 2 ** 21], h0: [2, H] } };
    expect(messageOf(gruForward, change)).toContain('h0 should be [B, H] = [1, H]; it is [2, 4]');
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 20; i++) messageOf(gruForward, change);
    expect((process.memoryUsage.rss() - before) / 2 ** 20).toBeLessThan(80);
  });

  it('refuse numbers of another type', () => {
    expect(messageOf({ ...linearCrossEntropy, integers: [] }, {})).toMatch(/int32.*float/);
  });
});
