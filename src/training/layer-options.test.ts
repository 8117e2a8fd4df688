/** What options put around the recurrent layers, as they are trained. */
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { heldTensors } from '../../test/support/numbers.ts';
import { TokenArray } from '../data/token-sequence.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { Trainer, type TrainerConfig, type TrainerSnapshot } from './trainer.ts';

/** 300 tokens of a vocabulary of 11 without much of a pattern. */
const tokens = new TokenArray(
  Int32Array.from({ length: 300 }, (_, i) => (i * 7 + (i >> 2) + ((i * i) >> 5)) % 11),
);

function configOf(model: Partial<ModelConfig>): TrainerConfig {
  return {
    model: {
      vocabularySize: 11,
      embeddingSize: 4,
      hiddenSize: 6,
      layers: 2,
      gruVariant: 'reset-after',
      dropout: 0.25,
      ...model,
    },
    batchSize: 4,
    bptt: 7,
    seed: 5,
    precision: 'float32',
    optimizer: 'adamw',
    clipNorm: 0.5,
    clipValue: 0,
    weightDecay: 0.1,
    ema: 0.9,
  };
}

function train(trainer: Trainer, count: number): number[] {
  return Array.from({ length: count }, () => trainer.trainStep(0.01).loss);
}

/** A snapshot that shares nothing with the trainer, as after a checkpoint. */
function frozen(snapshot: TrainerSnapshot): TrainerSnapshot {
  const progress = JSON.parse(JSON.stringify(snapshot.progress)) as TrainerSnapshot['progress'];
  return { ...structuredClone({ ...snapshot, progress: null }), progress };
}

const models: Partial<ModelConfig>[] = [{ residual: true }];

describe.each(testBackends)('a trainer on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(models)('goes on from a snapshot with the very losses and parameters: %o', (model) => {
    const left: number[][] = [];
    for (const gradientAccumulation of [1, 2]) {
      const config = { ...configOf(model), gradientAccumulation };
      const whole = new Trainer(config, tokens);
      train(whole, whole.stepsPerEpoch - 3);
      const held = heldTensors();
      train(whole, 1);
      expect(heldTensors()).toEqual(held);
      const resumed = new Trainer(config, tokens, frozen(whole.snapshot()));
      expect(train(resumed, 5)).toEqual(train(whole, 5));
      expect(resumed.snapshot()).toEqual(whole.snapshot());
      whole.dispose();
      resumed.dispose();
      left.push(heldTensors());
    }
    expect(left[1]).toEqual(left[0]);
  });
});
