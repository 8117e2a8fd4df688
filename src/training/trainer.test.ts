import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, twoBackends, useBackend } from '../../test/support/backends.ts';
import { expectClose, heldTensors } from '../../test/support/numbers.ts';
import { TokenArray } from '../data/token-sequence.ts';
import type { Cell } from '../model/cells.ts';
import { frequencyBiases } from '../model/initial-values.ts';
import type { GruVariant } from '../ops/gru-sequence.ts';
import type { TensorMap } from '../tensor-data.ts';
import {
  features,
  frozen,
  patternless,
  type TrainerOverrides,
  trainerConfig,
} from './testing/small-trainer.ts';
import { Trainer, type TrainerConfig } from './trainer.ts';

/** An epoch is ten steps. */
const tokens = patternless(220);
const variants: readonly GruVariant[] = ['reset-after', 'reset-before'];

function configOf(
  overrides: Partial<
    TrainerConfig & { gruVariant: GruVariant; cell: Cell; softmaxCutoffs: readonly number[] }
  > = {},
): TrainerConfig {
  const { gruVariant = 'reset-after', cell = 'gru', softmaxCutoffs, ...rest } = overrides;
  return trainerConfig({ model: { cell, gruVariant, softmaxCutoffs }, batchSize: 3, ...rest });
}

/** The losses of `count` steps. */
function train(trainer: Trainer, count: number, learningRate = 0.01): number[] {
  return Array.from({ length: count }, () => trainer.trainStep(learningRate).loss);
}

describe.each(twoBackends)('a trainer on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('begins with how frequent tokens are, if that is told and no weights are given', () => {
    const { vocabularySize } = configOf().model;
    const tokenCounts = Float64Array.from({ length: vocabularySize }, (_, id) => 2 * id);
    const biasesOf = (
      overrides: Parameters<typeof configOf>[0],
      name: string,
      weights?: TensorMap,
    ) => {
      const trainer = new Trainer(configOf(overrides), tokens, undefined, { weights, tokenCounts });
      const { parameters } = trainer.snapshot();
      trainer.dispose();
      return { biases: parameters.get(name)?.data, parameters };
    };
    const outputBias = 'frequencies';
    const zero = biasesOf({}, 'fc.bias');
    expect(zero.biases).toEqual(new Float32Array(vocabularySize));
    const { biases } = biasesOf({ outputBias }, 'fc.bias');
    expect(biases).toEqual(frequencyBiases(tokenCounts));
    const softmaxCutoffs = [3, 6];
    const adaptive = biasesOf({ outputBias, softmaxCutoffs }, 'fc.head.bias');
    expect(adaptive.biases).toEqual(frequencyBiases(tokenCounts, softmaxCutoffs));
    expect(biasesOf({ outputBias }, 'fc.bias', zero.parameters).biases).toEqual(zero.biases);
  });

  it.each([
    { optimizer: 'adam' },
    { optimizer: 'adamw', ema: 0.95 },
    { optimizer: 'muon', weightDecay: 0.1 },
    { optimizer: 'muon', ema: 0.9, features },
    { optimizer: 'rmsprop', ema: 0.5 },
    { optimizer: 'sgd' },
    { optimizer: 'sgd', momentum: 0.9 },
    { optimizer: 'nt-asgd' },
    { cell: 'lstm' },
    { softmaxCutoffs: [3, 6] },
    { cell: 'rnn' },
    { cell: 'mingru' },
  ] as const)(
    'goes on from a snapshot with the very losses and parameters, with %o',
    (optimizer) => {
      const config = configOf(optimizer);
      const whole = new Trainer(config, tokens);
      // Into the second epoch after it, so that the next offset is drawn, too.
      train(whole, whole.stepsPerEpoch - 3);
      const resumed = new Trainer(config, tokens, frozen(whole.snapshot()));
      expect(resumed.step).toBe(whole.step);
      const count = whole.stepsPerEpoch + 5;
      expect(train(resumed, count)).toEqual(train(whole, count));
      expect(resumed.snapshot()).toEqual(whole.snapshot());
      expect(whole.snapshot().progress.cursor.epoch).toBe(2);
      whole.dispose();
      resumed.dispose();
    },
  );

  it.each(['random', 'grow'] as const)(
    'goes on from a snapshot with windows of the very lengths, %s',
    (bpttSchedule) => {
      const config = configOf({ bpttSchedule });
      const lengthsAndLosses = (trainer: Trainer, from: number, to: number) =>
        Array.from({ length: to - from }, (_, i) => {
          const { steps, loss } = trainer.trainStep(0.01, (from + i) / 60);
          return { steps, loss };
        });
      const whole = new Trainer(config, tokens);
      lengthsAndLosses(whole, 0, 11);
      const resumed = new Trainer(config, tokens, frozen(whole.snapshot()));
      expect(resumed.passes).toBe(whole.passes);
      const rest = lengthsAndLosses(whole, 11, 60);
      expect(lengthsAndLosses(resumed, 11, 60)).toEqual(rest);
      expect(new Set(rest.map(({ steps }) => steps)).size).toBeGreaterThan(1);
      expect(resumed.snapshot()).toEqual(whole.snapshot());
      expect(whole.snapshot().progress.cursor.epoch).toBeGreaterThan(0);
      const { windowRandom, ...progress } = whole.snapshot().progress;
      expect(() => new Trainer(config, tokens, { ...whole.snapshot(), progress })).toThrow();
      whole.dispose();
      resumed.dispose();
    },
  );

  it('learns from a window of chance in proportion to its length', () => {
    const config = configOf({
      bpttSchedule: 'random',
      optimizer: 'sgd',
      clipNorm: 0,
      clipValue: 0,
    });
    const trainer = new Trainer(config, tokens);
    const lengths = new Set<number>();
    for (let i = 0; i < 6; i++) {
      const before = trainer.snapshot().parameters;
      const { steps, gradientNorm } = trainer.trainStep(0.1);
      lengths.add(steps);
      let squares = 0;
      for (const [name, { data }] of trainer.snapshot().parameters) {
        const old = before.get(name)!.data;
        for (const [j, value] of data.entries()) squares += (value - old[j]!) ** 2;
      }
      // Gradient descent goes as far as the gradient is long.
      expect(Math.sqrt(squares) / (0.1 * (steps / 7) * gradientNorm)).toBeCloseTo(1, 3);
    }
    expect(lengths.size).toBeGreaterThan(2);
    trainer.dispose();
  });

  it('has the gradients of the whole batch in parts of whatever length', () => {
    const config = configOf({ bpttSchedule: 'random' });
    const trainers = [1, 3].map(
      (gradientAccumulation) => new Trainer({ ...config, gradientAccumulation }, tokens),
    );
    for (let i = 0; i < 4; i++) {
      const [whole, parts] = trainers.map((trainer) => trainer.trainStep(0.01));
      expect(parts!.steps).toBe(whole!.steps);
      expect(parts!.loss).toBeCloseTo(whole!.loss, 4);
      expect(parts!.gradientNorm).toBeCloseTo(whole!.gradientNorm, 4);
    }
    for (const trainer of trainers) trainer.dispose();
  });

  const dropped = { dropout: 0.2, dropoutOutput: 0.4, dropoutEmbedding: 0.1, weightDrop: 0.3 };
  it.each<[string, number, TrainerOverrides]>([
    ['3 parts', 3, {}],
    ['2 parts', 2, {}],
    ['3 parts with cutoffs', 3, { model: { softmaxCutoffs: [2, 7] } }],
    ['parts of one stream', 6, { model: dropped }],
    ['masks of a step each', 2, { model: { ...dropped, dropoutMask: 'step' } }],
    ['penalties', 3, { model: { activationRegularisation: 2, temporalRegularisation: 1 } }],
    ['layers that are normalised', 3, { model: { norm: 'layer', residual: true, ...dropped } }],
    ['attention', 2, { model: { attentionSpan: 3, ...dropped } }],
    ['LSTMs', 2, { model: { cell: 'lstm', ...dropped } }],
    ['RNNs that are tied', 3, { model: { cell: 'rnn', tied: true, ...dropped } }],
    ['minGRUs', 2, { model: { cell: 'mingru', dropout: 0.2 } }],
    ['Muon', 3, { optimizer: 'muon', model: dropped }],
    ['gradients that are clipped one by one', 2, { clipNorm: 0, clipValue: 0.01 }],
    ['gradients without a limit', 3, { clipNorm: 0 }],
  ])('has the gradients of the whole batch in parts: %s', (_, parts, overrides) => {
    const config = trainerConfig({ batchSize: 6, clipNorm: 0.05, ...overrides });
    const held = heldTensors();
    const whole = new Trainer(config, tokens);
    const inParts = new Trainer({ ...config, gradientAccumulation: parts }, tokens);
    for (let step = 0; step < 8; step++) {
      const [expected, found] = [whole, inParts].map((trainer) => trainer.trainStep(0.01));
      expectClose([found!.loss], [expected!.loss], 1e-5);
      expectClose([found!.gradientNorm], [expected!.gradientNorm], 1e-5);
    }
    const [expected, found] = [whole, inParts].map((trainer) => trainer.snapshot());
    for (const tensors of ['parameters', 'hiddenState'] as const) {
      for (const [name, { data }] of expected![tensors]) {
        expectClose(found![tensors].get(name)!.data, data, 1e-4, name);
      }
    }
    whole.dispose();
    inParts.dispose();
    expect(heldTensors()).toEqual(held);
  });

  it.each(variants)('learns a text of period 5 by heart, with %s', (gruVariant) => {
    const periodic = Int32Array.from({ length: 300 }, (_, i) => [0, 1, 2, 1, 3][i % 5]!);
    const { model, ...rest } = configOf({ gruVariant, clipNorm: 1 });
    const config = {
      ...rest,
      model: { ...model, vocabularySize: 4, hiddenSize: 12, layers: 1, dropout: 0 },
      bptt: 10,
    };
    const trainer = new Trainer(config, new TokenArray(periodic));
    const losses = train(trainer, 60, 0.03);
    // All tokens alike would be log 4; their frequencies alone leave 1.33.
    expect(losses[0]).toBeGreaterThan(1.2);
    expect(losses.at(-1)).toBeLessThan(0.05);
    trainer.dispose();
  });

  it('begins each epoch with states of zeros, and no other step', () => {
    const trainer = new Trainer(configOf(), tokens);
    /** The next loss, by a trainer whose streams come from elsewhere. */
    const lossFromElsewhere = () => {
      const snapshot = frozen(trainer.snapshot());
      for (const { data } of snapshot.hiddenState.values()) data.fill(0.9);
      const other = new Trainer(configOf(), tokens, snapshot);
      const [loss] = train(other, 1);
      other.dispose();
      return loss;
    };
    for (let step = 0; step <= trainer.stepsPerEpoch; step++) {
      const startsEpoch = step % trainer.stepsPerEpoch === 0;
      const elsewhere = lossFromElsewhere();
      const [loss] = train(trainer, 1);
      if (startsEpoch) expect(elsewhere).toBe(loss);
      else expect(elsewhere).not.toBe(loss);
    }
    trainer.dispose();
  });

  it('reports the norm before clipping, the epoch and the number of the step', () => {
    const gentle = new Trainer(configOf({ clipNorm: 0 }), tokens);
    const strict = new Trainer(configOf({ clipNorm: 1e-3 }), tokens);
    const [a, b] = [gentle.trainStep(0.01), strict.trainStep(0.01)];
    expect(b).toEqual(a);
    expect(a.gradientNorm).toBeGreaterThan(0.01);
    for (let i = 1; i < gentle.stepsPerEpoch; i++) expect(gentle.trainStep(0.01).epoch).toBe(0);
    expect(gentle.trainStep(0.01).epoch).toBe(1);
    expect(gentle.step).toBe(gentle.stepsPerEpoch + 1);
    gentle.dispose();
    strict.dispose();
  });

  it.each(variants)(
    'holds as many tensors after every step as after the first, with %s',
    (gruVariant) => {
      const before = heldTensors();
      const trainer = new Trainer(
        configOf({ gruVariant, optimizer: 'adamw', clipValue: 0.1 }),
        tokens,
      );
      train(trainer, 1);
      const held = heldTensors();
      for (let i = 0; i < 2 * trainer.stepsPerEpoch; i++) {
        train(trainer, 1);
        expect(heldTensors()).toEqual(held);
      }
      trainer.snapshot();
      expect(heldTensors()).toEqual(held);
      trainer.dispose();
      expect(heldTensors()).toEqual(before);
    },
  );

  it('applies nothing of a step that is not finite, and begins the next with zeros', () => {
    const trainer = new Trainer(configOf({ clipNorm: 0 }), tokens);
    train(trainer, 2);
    const snapshot = frozen(trainer.snapshot());
    trainer.dispose();
    snapshot.hiddenState.get('h_l1')!.data[4] = Number.NaN;
    const spoilt = new Trainer(configOf({ clipNorm: 0 }), tokens, snapshot);
    const held = heldTensors();
    const { loss, isApplied } = spoilt.trainStep(0.01);
    expect([loss, isApplied]).toEqual([Number.NaN, false]);
    expect(heldTensors()).toEqual(held);
    const after = spoilt.snapshot();
    expect([after.parameters, after.optimizer]).toEqual([snapshot.parameters, snapshot.optimizer]);
    for (const { data } of after.hiddenState.values()) expect(data).toEqual(new Float32Array(18));
    expect(after.progress.step).toBe(3);
    expect(after.progress.cursor.position).toBe(snapshot.progress.cursor.position + 1);
    expect(spoilt.trainStep(0.01).isApplied).toBe(true);
    spoilt.dispose();
  });

  it('lends its weights for as long as they are used', async () => {
    const trainer = new Trainer(configOf(), tokens);
    const held = heldTensors();
    const names = await trainer.withWeights((weights) => Object.keys(weights));
    expect(names).toEqual([...trainer.snapshot().parameters.keys()]);
    await expect(
      trainer.withWeights(async () => {
        throw new Error('stop');
      }),
    ).rejects.toThrow('stop');
    expect(heldTensors()).toEqual(held);
    trainer.dispose();
  });

  it('follows from the seed alone', () => {
    const losses = [5, 5, 6].map((seed) => {
      const trainer = new Trainer(configOf({ seed }), tokens);
      const found = train(trainer, 4);
      trainer.dispose();
      return found;
    });
    expect(losses[1]).toEqual(losses[0]);
    expect(losses[2]).not.toEqual(losses[0]);
  });

  it('refuses a snapshot whose state is of another batch size', () => {
    const trainer = new Trainer(configOf(), tokens);
    const snapshot = trainer.snapshot();
    trainer.dispose();
    expect(() => new Trainer(configOf({ batchSize: 2 }), tokens, snapshot)).toThrow(
      'state: expected a tensor "h_l0" of shape [2, 6], found [3, 6]',
    );
    snapshot.hiddenState.delete('h_l1');
    expect(() => new Trainer(configOf(), tokens, snapshot)).toThrow(
      'state: expected a tensor "h_l1" of shape [3, 6], found none',
    );
  });
});

describe.each(variants)('with %s', (gruVariant) => {
  it.each(['adam', 'adamw', 'muon', 'rmsprop', 'sgd'] as const)(
    'all backends go the same way, by %s',
    async (optimizer) => {
      const trajectories = [];
      for (const backend of testBackends) {
        await useBackend(backend);
        const trainer = new Trainer(configOf({ gruVariant, optimizer }), tokens);
        trajectories.push(train(trainer, 12, optimizer === 'sgd' ? 0.3 : 0.01));
        trainer.dispose();
      }
      const [reference, ...others] = trajectories;
      expect(new Set(reference).size).toBe(12);
      for (const other of others) expectClose(other, reference!, 1e-4);
    },
  );
});

describe('on TensorFlow', () => {
  beforeAll(() => useBackend('tensorflow'));

  it('a hundred steps take no more memory than the first ones', () => {
    const { model, ...rest } = configOf();
    // A step's tensors take some 2 MB: were they kept, 100 steps would take 200 MB.
    const config = { ...rest, model: { ...model, hiddenSize: 64 }, batchSize: 16, bptt: 16 };
    const trainer = new Trainer(config, patternless(400));
    train(trainer, 30);
    const before = process.memoryUsage.rss();
    train(trainer, 100);
    expect((process.memoryUsage.rss() - before) / 2 ** 20).toBeLessThan(100);
    trainer.dispose();
  });
});
