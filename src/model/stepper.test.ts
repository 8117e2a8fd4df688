import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { expectClose, heldTensors, randomValues, valuesOf } from '../../test/support/numbers.ts';
import { Random } from '../random.ts';
import { forward, logitsOf, zeroState } from './language-model.ts';
import { elementCount, type ModelConfig, parameterSpecs } from './parameters.ts';
import { Stepper } from './stepper.ts';
import { weightsOf } from './weights.ts';

const gru: ModelConfig = {
  vocabularySize: 5,
  embeddingSize: 3,
  hiddenSize: 4,
  layers: 2,
  gruVariant: 'reset-after',
  dropout: 0,
};
const models: Partial<ModelConfig>[] = [
  {},
  { activation: 'relu' },
  { activation: 'leaky-relu', gruVariant: 'reset-before' },
  { cell: 'lstm' },
  { cell: 'rnn' },
  { cell: 'mingru' },
  { cell: 'rnn', activation: 'relu' },
  { attentionSpan: 3 },
  { attentionSpan: 9, cell: 'lstm', layers: 3 },
];
const prompt = Int32Array.of(3, 0, 4, 1);
const next = [2, 2, 1];

describe.each(testBackends)('a stepper on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  function weightsFor(config: ModelConfig) {
    const random = new Random(8);
    return weightsOf(
      new Map(
        parameterSpecs(config).map(({ name, shape }) => [
          name,
          { shape, data: randomValues(random, elementCount(shape)) },
        ]),
      ),
    );
  }

  it('says after each token of a text what the forward pass says there', () => {
    const config = { ...gru, layers: 1 };
    const held = heldTensors();
    const weights = weightsFor(config);
    // More than are read at once.
    const ids = Int32Array.from({ length: 515 }, (_, i) => (i * i) % 5);
    const expected = tf.tidy(() => {
      const { features } = forward(config, weights, tf.tensor1d(ids), zeroState(config, 1));
      return valuesOf(tf.logSoftmax(logitsOf(weights, features)));
    });
    const stepper = new Stepper(config, weights);
    const told: number[][] = [];
    for (const some of [ids.subarray(0, 514), ids.subarray(514)]) {
      const from = told.length;
      const last = stepper.readEach(some, (place, scores) => {
        expect(from + place).toBe(told.length);
        told.push([...scores]);
      });
      expect(told.at(-1)).toEqual([...last]);
    }
    expectClose(told.flat(), [...expected], 1e-5);
    stepper.dispose();
    tf.dispose(weights);
    expect(heldTensors()).toEqual(held);
  });

  it.each(models)('says of single tokens what the forward pass says of the text, with %o', (of) => {
    const config = { ...gru, ...of };
    const held = heldTensors();
    const weights = weightsFor(config);
    const expected = tf.tidy(() => {
      const ids = tf.tensor1d([...prompt, ...next], 'int32');
      const { features } = forward(config, weights, ids, zeroState(config, 1));
      return valuesOf(tf.logSoftmax(logitsOf(weights, features)));
    });
    const stepper = new Stepper(config, weights);
    const found = [prompt, ...next.map((id) => Int32Array.of(id))].flatMap((ids) => [
      ...stepper.read(ids),
    ]);
    const read = expected.slice((prompt.length - 1) * config.vocabularySize);
    expectClose(found, read, 1e-5);
    stepper.dispose();
    tf.dispose(weights);
    expect(heldTensors()).toEqual(held);
  });

  it.each(models)(
    'reads streams side by side as each alone, however they are arranged, with %o',
    (of) => {
      const config = { ...gru, ...of };
      const held = heldTensors();
      const weights = weightsFor(config);
      const texts = [
        [3, 0, 4, 1],
        [1, 1, 2, 0],
        [0, 4, 4, 2],
      ];
      /** What comes after a text that is read alone. */
      const scoresAfter = (text: number[]) => {
        const alone = new Stepper(config, weights);
        const found = text.map((id) => alone.read(Int32Array.of(id))).at(-1)!;
        alone.dispose();
        return [...found];
      };
      const stepper = new Stepper(config, weights, [undefined, undefined, undefined]);
      // Two tokens of each stream at once, then one.
      stepper.read(Int32Array.from([0, 1].flatMap((step) => texts.map((text) => text[step]!))));
      const third = stepper.read(Int32Array.from(texts, (text) => text[2]!));
      expectClose(
        third,
        texts.flatMap((text) => scoresAfter(text.slice(0, 3))),
        1e-5,
      );
      const states = stepper.states();
      stepper.arrange([2, 0, states[1]!, 2]);
      const arranged = [2, 0, 1, 2].map((text) => texts[text]!);
      const fourth = stepper.read(Int32Array.from(arranged, (text) => text[3]!));
      expectClose(fourth, arranged.flatMap(scoresAfter), 1e-5);
      stepper.dispose();
      const fromState = new Stepper(config, weights, [states[2]]);
      expectClose(fromState.read(Int32Array.of(texts[2]![3]!)), scoresAfter(texts[2]!), 1e-5);
      fromState.dispose();
      tf.dispose(weights);
      expect(heldTensors()).toEqual(held);
    },
  );
});
