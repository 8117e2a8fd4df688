/** What options put around the recurrent layers, as they are trained. */
import { beforeAll, describe, expect, it } from 'vitest';
import { twoBackends, useBackend } from '../../test/support/backends.ts';
import { heldTensors } from '../../test/support/numbers.ts';
import { TokenArray } from '../data/token-sequence.ts';
import { scoreTokens } from '../evaluation/evaluate.ts';
import { LossTotals } from '../evaluation/report.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { frozen, patternless, trainerConfig } from './testing/small-trainer.ts';
import { Trainer, type TrainerConfig } from './trainer.ts';

const tokens = patternless(300);

function configOf(model: Partial<ModelConfig>): TrainerConfig {
  return trainerConfig({ model, optimizer: 'adamw', ema: 0.9 });
}

function train(trainer: Trainer, count: number): number[] {
  return Array.from({ length: count }, () => trainer.trainStep(0.01).loss);
}

const models: Partial<ModelConfig>[] = [
  { residual: true },
  { norm: 'layer', residual: true },
  { norm: 'batch' },
  { norm: 'batch', residual: true, cell: 'lstm' },
  { attentionSpan: 3 },
  { attentionSpan: 9, norm: 'layer', residual: true, cell: 'lstm' },
];

describe.each(twoBackends)('a trainer on %s', (backend) => {
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

  it.each(models)(
    'learns a text of period 5 by heart, as evaluation finds it: %o',
    async (more) => {
      const text = new TokenArray(
        Int32Array.from({ length: 300 }, (_, i) => [0, 1, 2, 1, 3][i % 5]!),
      );
      const { model, ...rest } = configOf({ hiddenSize: 12, dropout: 0, ...more });
      const trainer = new Trainer({ ...rest, model, weightDecay: 0 }, text);
      const score = () =>
        trainer.withWeights(async (weights) => {
          const totals = new LossTotals();
          await scoreTokens(model, weights, text, { onLosses: totals.add });
          return totals.mean;
        });
      // All tokens alike would be log 4; their frequencies alone leave 1.33. Most need 40 steps.
      let mean = Number.POSITIVE_INFINITY;
      for (let step = 0; step < 120 && mean >= 0.1; step += 20) {
        for (let i = 0; i < 20; i++) trainer.trainStep(0.03);
        mean = await score();
      }
      trainer.dispose();
      expect(mean).toBeLessThan(0.1);
    },
  );

  it('keeps what a step that is not applied found out of the running statistics', () => {
    const config = { ...configOf({ norm: 'batch' }), ema: 0 };
    const trainer = new Trainer(config, tokens);
    train(trainer, 2);
    const snapshot = frozen(trainer.snapshot());
    const before = structuredClone(snapshot.parameters);
    trainer.dispose();
    snapshot.hiddenState.get('h_l0')!.data[4] = Number.NaN;
    const spoilt = new Trainer(config, tokens, snapshot);
    expect(spoilt.trainStep(0.01).isApplied).toBe(false);
    expect(spoilt.snapshot().parameters).toEqual(before);
    expect(spoilt.trainStep(0.01).isApplied).toBe(true);
    expect(spoilt.snapshot().parameters.get('norm.0.running_mean')).not.toEqual(
      before.get('norm.0.running_mean'),
    );
    spoilt.dispose();
  });

  it('decays matrices only, neither gains nor biases', () => {
    const [none, much] = [0, 0.5].map((weightDecay) => {
      const config = { ...configOf({ norm: 'layer' }), weightDecay, ema: 0 };
      const trainer = new Trainer(config, tokens);
      trainer.trainStep(0.01);
      const { parameters } = trainer.snapshot();
      trainer.dispose();
      return parameters;
    });
    for (const [name, { shape, data }] of none!) {
      if (shape.length > 1) expect(much!.get(name)!.data, name).not.toEqual(data);
      else expect(much!.get(name)!.data, name).toEqual(data);
    }
  });
});
