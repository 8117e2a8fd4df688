import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { TokenArray } from '../data/token-sequence.ts';
import { tensorFlowBackend } from '../ops/tensorflow-binding.ts';
import { Trainer } from '../training/trainer.ts';
import { nativeBinding, type TensorflowBinding } from './backend.ts';
import { keepScalars } from './kept-scalars.ts';

/** An addon that tells which float32 tensors it makes. */
function counted(binding: TensorflowBinding): { counting: TensorflowBinding; made: number[][] } {
  const made: number[][] = [];
  const createTensor: TensorflowBinding['createTensor'] = (shape, dtype, values) => {
    if (dtype === binding.TF_FLOAT) made.push(shape);
    return binding.createTensor(shape, dtype, values);
  };
  return { counting: Object.create(binding, { createTensor: { value: createTensor } }), made };
}

describe('numbers that are kept', () => {
  beforeAll(() => useBackend('tensorflow'));

  it('are what they were given as, however many there are and whatever was deleted', () => {
    const binding = nativeBinding();
    const number = fc.oneof(
      fc.constantFrom(0, -0, 1, -1, Number.NaN, Number.POSITIVE_INFINITY),
      fc.float(),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(number, fc.boolean()), { maxLength: 40 }), (numbers) => {
        const keeping = keepScalars(binding, 3);
        const alive: [id: number, value: number][] = [];
        for (const [value, isDeleted] of numbers) {
          const id = keeping.createTensor([], binding.TF_FLOAT, Float32Array.of(value));
          if (isDeleted) keeping.deleteTensor(id);
          else alive.push([id, value]);
        }
        for (const [id, value] of alive) {
          expect([...keeping.tensorDataSync(id)]).toEqual([value]);
          keeping.deleteTensor(id);
        }
      }),
    );
  });

  it('are made once, until so many others were used', () => {
    const { counting, made } = counted(nativeBinding());
    const before = counting.getNumOfTensors();
    const keeping = keepScalars(counting, 2);
    const use = (value: number) =>
      keeping.deleteTensor(keeping.createTensor([], counting.TF_FLOAT, Float32Array.of(value)));
    for (const value of [1, 2, 1, 1, 2]) use(value);
    expect(made.length).toBe(2);
    for (const value of [3, 2, 1]) use(value); // 1 had gone
    expect(made.length).toBe(4);
    expect(counting.getNumOfTensors()).toBe(before + 2);
  });

  it('are no vectors, and no whole numbers', () => {
    const binding = nativeBinding();
    const keeping = keepScalars(binding);
    const before = binding.getNumOfTensors();
    for (const [shape, type, values] of [
      [[1], binding.TF_FLOAT, Float32Array.of(1)],
      [[], binding.TF_INT32, Int32Array.of(1)],
    ] as const) {
      keeping.deleteTensor(keeping.createTensor([...shape], type, values));
    }
    expect(binding.getNumOfTensors()).toBe(before);
  });

  it('leave a step of training to make but those that change, and dropout masks', () => {
    const tokens = new TokenArray(Int32Array.from({ length: 300 }, (_, i) => (i * 7) % 11));
    const backend = tensorFlowBackend() as unknown as { binding: TensorflowBinding };
    const { binding } = backend;
    const { counting, made } = counted(binding);
    const model = { vocabularySize: 11, embeddingSize: 4, hiddenSize: 6, layers: 2 };
    const losses = (addon: TensorflowBinding) => {
      backend.binding = addon;
      const trainer = new Trainer(
        {
          model: { ...model, gruVariant: 'reset-before', dropout: 0.2 },
          ...{ batchSize: 4, bptt: 7, seed: 5, precision: 'float32' },
          ...{ optimizer: 'muon', clipNorm: 0.5, clipValue: 0, weightDecay: 0.1 },
        },
        tokens,
      );
      const found: number[] = [];
      for (let step = 0; step < 4; step++) {
        made.length = 0;
        found.push(trainer.trainStep(0.01).loss);
      }
      trainer.dispose();
      return found;
    };
    try {
      const expected = losses(counting);
      expect(made.length).toBeGreaterThan(80);
      expect(losses(keepScalars(counting))).toEqual(expected);
      // Two masks; β₁ᵗ and β₂ᵗ; the share by which the gradients are clipped, where they are.
      expect(made.length).toBeLessThanOrEqual(5);
    } finally {
      backend.binding = binding;
    }
  });
});
