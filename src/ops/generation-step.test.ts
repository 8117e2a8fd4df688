import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasNativeOperations, useBackend } from '../../test/support/backends.ts';
import { expectClose, heldTensors, randomValues, valuesOf } from '../../test/support/numbers.ts';
import { forward, type HiddenState, logitsOf, type Weights } from '../model/language-model.ts';
import { elementCount, type ModelConfig, parameterSpecs } from '../model/parameters.ts';
import { generationTensors } from '../model/stepper.ts';
import { Random } from '../random.ts';
import { NativeGeneration } from './generation-step.ts';
import { tensorFlowBackend } from './tensorflow-binding.ts';

interface Case extends Omit<ModelConfig, 'dropout'> {
  batch: number;
}

/** Tokens read one after the other by each stream. */
const STEPS = 4;

function weightsOf(config: ModelConfig, random: Random): Weights {
  const scale = Math.min(0.5, 3 / Math.sqrt(config.hiddenSize));
  const entries = parameterSpecs(config).map(({ name, shape }) => [
    name,
    tf.tensor(randomValues(random, elementCount(shape), scale), shape),
  ]);
  return Object.fromEntries(entries) as Weights;
}

function nativeGeneration(config: ModelConfig, weights: Weights, state: HiddenState) {
  const states = tf.stack(state) as tf.Tensor3D; // [L, B, H]
  const tensors = generationTensors(config, weights);
  const generation = new NativeGeneration(tensorFlowBackend(), tensors, config.gruVariant, states);
  states.dispose();
  const dispose = () => {
    generation.dispose();
    if (weights['fc.projection']) tensors.outputWeight.dispose();
  };
  return { step: (ids: Int32Array) => generation.step(ids), dispose };
}

/** Holds the scores of some tokens in a row against those of the model's forward pass. */
async function expectSameScores({ batch, ...sizes }: Case, seed: number): Promise<void> {
  const config = { ...sizes, dropout: 0 };
  const random = new Random(seed);
  const windows = Array.from({ length: STEPS }, () =>
    Int32Array.from({ length: batch }, () => random.integer(config.vocabularySize)),
  );
  await useBackend('native');
  const before = heldTensors();
  const weights = weightsOf(config, random);
  let state: HiddenState = Array.from({ length: config.layers }, () =>
    tf.tensor2d(randomValues(random, batch * config.hiddenSize), [batch, config.hiddenSize]),
  );
  const generation = nativeGeneration(config, weights, state);
  // TensorFlow alone: the forward pass, not the native operations, is the measure here.
  await useBackend('tensorflow');
  const expected = windows.map((ids) => {
    const { logits, next } = tf.tidy(() => {
      const { features, state: after } = forward(config, weights, tf.tensor1d(ids), state);
      return { logits: tf.logSoftmax(logitsOf(weights, features)), next: after };
    });
    tf.dispose(state);
    state = next;
    const values = valuesOf(logits);
    logits.dispose();
    return values;
  });
  await useBackend('native');
  const held = heldTensors();
  const found = windows.map((ids) => generation.step(ids));
  expect(heldTensors()).toEqual(held);
  for (const [step, scores] of found.entries()) {
    expectClose(scores, expected[step]!, 1e-4, `scores of step ${step}`);
  }
  generation.dispose();
  tf.dispose([weights, state]);
  expect(heldTensors()).toEqual(before);
}

const someCases: fc.Arbitrary<Case> = fc.record({
  batch: fc.integer({ min: 1, max: 5 }),
  layers: fc.integer({ min: 1, max: 3 }),
  gruVariant: fc.constantFrom('reset-after', 'reset-before'),
  tied: fc.boolean(),
  vocabularySize: fc.integer({ min: 1, max: 130 }),
  embeddingSize: fc.integer({ min: 1, max: 70 }),
  hiddenSize: fc.integer({ min: 1, max: 80 }),
});

describe.runIf(hasNativeOperations)('a native step of generation', () => {
  it('has the scores of the forward pass, token by token', async () => {
    await fc.assert(fc.asyncProperty(someCases, fc.nat(), expectSameScores), { numRuns: 60 });
  });

  it.each(['reset-after', 'reset-before'] as const)(
    'has them where it is worth several threads, with %s',
    async (gruVariant) => {
      const odd = { layers: 2, vocabularySize: 997, embeddingSize: 77, hiddenSize: 301 };
      await expectSameScores({ ...odd, batch: 3, gruVariant }, 1);
      const even = { layers: 1, vocabularySize: 2048, embeddingSize: 256, hiddenSize: 512 };
      await expectSameScores({ ...even, batch: 1, gruVariant }, 2);
    },
  );
});
