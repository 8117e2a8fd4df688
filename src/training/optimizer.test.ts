import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { readFixture } from '../../test/support/fixtures.ts';
import { expectClose } from '../../test/support/numbers.ts';
import type { TokenFeatures } from '../data/token-features.ts';
import { Random } from '../random.ts';
import type { TensorMap } from '../tensor-data.ts';
import { Optimizer, type OptimizerConfig } from './optimizer.ts';
import { optimizerTensors } from './optimizer-tensors.ts';

type Values = Record<'matrix' | 'bias', number[]>;

interface Golden {
  learningRate: number;
  weightDecay: number;
  shapes: Record<'matrix' | 'bias', number[]>;
  first: Values;
  gradients: Values[];
  cases: (Pick<OptimizerConfig, 'optimizer' | 'clipNorm' | 'clipValue' | 'momentum'> & {
    gradientNorms: number[];
    after: Values[];
  })[];
}

const golden = readFixture<Golden>('optimizer');
const names = ['matrix', 'bias'] as const;
const plain: OptimizerConfig = { optimizer: 'sgd', clipNorm: 0, clipValue: 0, weightDecay: 0 };

function parametersOf(values: Values): TensorMap {
  return new Map(
    names.map((name) => [
      name,
      { shape: golden.shapes[name], data: Float32Array.from(values[name]) },
    ]),
  );
}

function tensorsOf(values: Values): tf.Tensor[] {
  return names.map((name) => tf.tensor(values[name], golden.shapes[name]));
}

function oneParameter(config: Partial<OptimizerConfig>, values: number[]): Optimizer {
  const data = Float32Array.from(values);
  return new Optimizer({ ...plain, ...config }, new Map([['w', { shape: [data.length], data }]]));
}

function valuesIn(parameters: TensorMap, name: string): number[] {
  return [...parameters.get(name)!.data];
}

/** Three tokens of two features, of which the second token has both. */
const features: TokenFeatures = {
  ...{ tokenCount: 3, featureCount: 2 },
  ...{ tokens: Int32Array.of(0, 1, 1), features: Int32Array.of(1, 0, 1) },
};
const S = [
  [0, 1],
  [Math.SQRT1_2, Math.SQRT1_2],
  [0, 0],
];
const EMBEDDING = [1, 2, 3, 4, 5, 6];

/** Of an embedding [3, 2] and a bias [1]. */
function ofTokens(
  config: Partial<OptimizerConfig>,
  embedding: number[] | TensorMap,
  state?: { step: number; tensors: TensorMap },
): Optimizer {
  const parameters = Array.isArray(embedding)
    ? new Map([
        ['embedding.weight', { shape: [3, 2], data: Float32Array.from(embedding) }],
        ['bias', { shape: [1], data: Float32Array.of(0) }],
      ])
    : embedding;
  return new Optimizer({ ...plain, features, ...config }, parameters, state);
}

/** Adam with decoupled decay, in double precision, with the constants of this optimizer. */
class AdamReference {
  values: number[];
  #mean: number[];
  #square: number[];
  #step = 0;

  constructor(
    values: number[],
    readonly rate: number,
    readonly decay: number,
  ) {
    this.values = values;
    this.#mean = values.map(() => 0);
    this.#square = values.map(() => 0);
  }

  step(gradient: number[]): void {
    this.#step += 1;
    this.#mean = this.#mean.map((mean, i) => 0.9 * mean + 0.1 * gradient[i]!);
    this.#square = this.#square.map((square, i) => 0.99 * square + 0.01 * gradient[i]! ** 2);
    this.values = this.values.map((value, i) => {
      const mean = this.#mean[i]! / (1 - 0.9 ** this.#step);
      const square = this.#square[i]! / (1 - 0.99 ** this.#step);
      return value * (1 - this.rate * this.decay) - (this.rate * mean) / (Math.sqrt(square) + 1e-8);
    });
  }
}

describe.each(testBackends)('the optimizer on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(golden.cases)(
    'makes the updates of PyTorch for $optimizer, clip norm $clipNorm, clip value $clipValue, momentum $momentum',
    ({ gradientNorms, after, ...chosen }) => {
      const { learningRate, weightDecay, first, gradients } = golden;
      const subject = new Optimizer({ ...chosen, weightDecay }, parametersOf(first));
      expect(subject.names).toEqual(names);
      for (const [step, gradient] of gradients.entries()) {
        const norm = subject.update(tensorsOf(gradient), learningRate);
        expectClose([norm], [gradientNorms[step]!], 1e-5, 'norm');
        const parameters = subject.exportParameters();
        for (const name of names) {
          // PyTorch adds 1e-6 to a norm before it divides by it.
          expectClose(valuesIn(parameters, name), after[step]![name], 3e-6, `${name} ${step}`);
        }
        expect(subject.step).toBe(step + 1);
      }
      subject.dispose();
    },
  );

  it('lets weight decay touch matrices alone, and AdamW alone', () => {
    const zeros = { matrix: new Array(12).fill(0), bias: new Array(4).fill(0) };
    for (const optimizer of ['adam', 'adamw', 'sgd'] as const) {
      const config = { ...plain, optimizer, weightDecay: 0.5 };
      const subject = new Optimizer(config, parametersOf(golden.first));
      subject.update(tensorsOf(zeros), 0.1);
      const parameters = subject.exportParameters();
      const share = optimizer === 'adamw' ? 1 - 0.1 * 0.5 : 1;
      const decayed = golden.first.matrix.map((value) => value * share);
      expectClose(valuesIn(parameters, 'matrix'), decayed, 1e-6, optimizer);
      expectClose(valuesIn(parameters, 'bias'), golden.first.bias, 1e-7, optimizer);
      subject.dispose();
    }
  });

  it('scales gradients down to the clip norm, and leaves smaller ones as they are', () => {
    const subject = oneParameter({ clipNorm: 1 }, [0, 0]);
    expect(subject.update([tf.tensor1d([3, 4])], 1)).toBeCloseTo(5, 6);
    expectClose(valuesIn(subject.exportParameters(), 'w'), [-0.6, -0.8], 1e-6);
    expect(subject.update([tf.tensor1d([0.3, 0.4])], 1)).toBeCloseTo(0.5, 6);
    expectClose(valuesIn(subject.exportParameters(), 'w'), [-0.9, -1.2], 1e-6);
    subject.dispose();
  });

  it('cuts gradients by value before it takes their norm', () => {
    const subject = oneParameter({ clipValue: 3, clipNorm: 2.5 }, [0, 0]);
    expect(subject.update([tf.tensor1d([30, -4])], 1)).toBeCloseTo(Math.hypot(3, 3), 5);
    const cut = (2.5 / Math.hypot(3, 3)) * 3;
    expectClose(valuesIn(subject.exportParameters(), 'w'), [-cut, cut], 1e-6);
    subject.dispose();
  });

  it('never clips with both limits at 0', () => {
    const subject = oneParameter({}, [0, 0]);
    subject.update([tf.tensor1d([300, -400])], 1);
    expect(valuesIn(subject.exportParameters(), 'w')).toEqual([-300, 400]);
    subject.dispose();
  });

  it.each([
    ['adam', 0],
    ['adamw', 0.5],
    ['sgd', 0],
    ['sgd', 0.5],
    ['rmsprop', 0],
  ] as const)(
    'leaves out an update whose gradients are not finite, by %s with clip value %d',
    (optimizer, clipValue) => {
      const config = { ...plain, optimizer, clipNorm: 1, clipValue, weightDecay: 0.1, ema: 0.5 };
      const subject = new Optimizer(config, parametersOf(golden.first));
      subject.update(tensorsOf(golden.gradients[0]!), 0.1);
      const before = [subject.exportParameters(), subject.exportState()];
      const held = tf.memory().numTensors;
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const { matrix, bias } = golden.gradients[1]!;
        const norm = subject.update(tensorsOf({ matrix, bias: bias.with(2, bad) }), 0.1);
        expect(Number.isFinite(norm)).toBe(false);
        expect([subject.exportParameters(), subject.exportState()]).toEqual(before);
      }
      expect(subject.step).toBe(4);
      expect(tf.memory().numTensors).toBe(held);
      subject.dispose();
    },
  );

  it('cuts gradients whose squares are too large for a number', () => {
    const subject = oneParameter({ clipValue: 3 }, [0, 0]);
    expect(subject.update([tf.tensor1d([1e30, -4])], 1)).toBeCloseTo(Math.hypot(3, 3), 5);
    expect(valuesIn(subject.exportParameters(), 'w')).toEqual([-3, 3]);
    subject.dispose();
  });

  it('keeps a running mean of the parameters, which learning does not see', () => {
    const subject = oneParameter({ ema: 0.25 }, [8]);
    const without = oneParameter({}, [8]);
    const values = [8];
    let mean = 8;
    for (const [step, gradient] of [1, 2, -3, 5].entries()) {
      for (const each of [subject, without]) each.update([tf.tensor1d([gradient])], 0.5);
      values.push(values.at(-1)! - 0.5 * gradient);
      // Update t = step + 1 leaves min(0.25, (1 + t)/(10 + t)): 2/11, 3/12 and then 1/4.
      const keep = step === 0 ? 2 / 11 : 0.25;
      mean = keep * mean + (1 - keep) * values.at(-1)!;
      expectClose(valuesIn(subject.exportParameters(), 'w'), [mean], 1e-6);
      expect(subject.exportState().get('value.w')).toEqual(without.exportParameters().get('w'));
      const tensors = [...subject.read(), ...subject.readAverages()];
      const found = tensors.map((tensor) => tensor.dataSync()[0]!);
      expectClose(found, [values.at(-1)!, mean], 1e-6);
      tf.dispose(tensors);
    }
    subject.dispose();
    without.dispose();
  });

  it.each(golden.cases.filter(({ optimizer }) => optimizer === 'sgd'))(
    'makes PyTorch’s updates for nt-asgd, and once told to gives their mean, momentum $momentum',
    ({ gradientNorms, after, ...chosen }) => {
      const { learningRate, weightDecay, first, gradients } = golden;
      const config = { ...chosen, weightDecay, optimizer: 'nt-asgd' } as const;
      const subject = new Optimizer(config, parametersOf(first));
      for (const [step, gradient] of gradients.entries()) {
        subject.update(tensorsOf(gradient), learningRate);
        const means = subject.exportParameters();
        const values = subject.exportState();
        // The mean is that of the parameters after each update since.
        const since = step < 2 ? after.slice(step, step + 1) : after.slice(2, step + 1);
        for (const name of names) {
          const mean = since[0]![name].map(
            (_, i) => since.reduce((sum, of) => sum + of[name][i]!, 0) / since.length,
          );
          expectClose(valuesIn(means, name), mean, 3e-6, `${name} ${step}`);
          expectClose(valuesIn(values, `value.${name}`), after[step]![name], 3e-6, name);
        }
        if (step === 1) {
          subject.startAveraging();
          expect(subject.exportParameters()).toEqual(means);
        }
        expect(subject.averaged).toBe(step === 0 ? undefined : step - 1);
      }
      expect(gradients.length).toBeGreaterThan(3);
      subject.dispose();
    },
  );

  it('begins the means of nt-asgd with the very value, however far that has come', () => {
    const subject = oneParameter({ optimizer: 'nt-asgd' }, [1e8]);
    subject.update([tf.tensor1d([1e8 - 0.1])], 1);
    subject.startAveraging();
    subject.update([tf.tensor1d([0.3])], 1);
    const value = valuesIn(subject.exportState(), 'value.w');
    expect(valuesIn(subject.exportParameters(), 'w')).toEqual(value);
    subject.dispose();
  });

  it('leaves no update in the means of nt-asgd that was left out', () => {
    const subject = oneParameter({ optimizer: 'nt-asgd' }, [0]);
    subject.startAveraging();
    for (const gradient of [-1, Number.NaN, -2, -3]) subject.update([tf.tensor1d([gradient])], 1);
    // 1, 3, 6.
    expectClose(valuesIn(subject.exportParameters(), 'w'), [10 / 3], 1e-6);
    subject.dispose();
  });

  it.each([0, 1, 2])(
    'goes on with nt-asgd from a state of which the mean has %i updates',
    (count) => {
      const config = { ...plain, optimizer: 'nt-asgd', momentum: 0.5 } as const;
      const whole = oneParameter(config, [1, 2]);
      whole.update([tf.tensor1d([3, -4])], 0.1);
      whole.startAveraging();
      for (let i = 0; i < count; i++) whole.update([tf.tensor1d([i, 1])], 0.1);
      const resumed = new Optimizer(config, whole.exportParameters(), {
        step: whole.step,
        averaged: whole.averaged,
        tensors: whole.exportState(),
      });
      for (const gradient of [2, -1, 0.5]) {
        for (const each of [whole, resumed]) each.update([tf.tensor1d([gradient, 1])], 0.1);
      }
      expect(resumed.exportParameters()).toEqual(whole.exportParameters());
      expect(resumed.exportState()).toEqual(whole.exportState());
      expect(resumed.exportParameters().get('w')).not.toEqual(resumed.exportState().get('value.w'));
      expect([...whole.exportState().keys()]).toEqual(
        optimizerTensors(config, { name: 'w', shape: [1] }).map(({ name }) => name),
      );
      whole.dispose();
      resumed.dispose();
    },
  );

  it('goes on from an exported state as if it had not been interrupted', () => {
    const config = { ...plain, optimizer: 'adam' as const, clipNorm: 1, ema: 0.9 };
    const rest = golden.gradients.slice(2);
    const whole = new Optimizer(config, parametersOf(golden.first));
    for (const gradient of golden.gradients.slice(0, 2)) whole.update(tensorsOf(gradient), 0.1);
    const resumed = new Optimizer(config, whole.exportParameters(), {
      step: whole.step,
      tensors: whole.exportState(),
    });
    expect([...whole.exportState().keys()]).toEqual([
      ...['mean.matrix', 'variance.matrix', 'value.matrix'],
      ...['mean.bias', 'variance.bias', 'value.bias'],
    ]);
    expect([...whole.exportState().keys()]).toEqual(
      names.flatMap((name) =>
        optimizerTensors(config, { name, shape: golden.shapes[name] }).map((kept) => kept.name),
      ),
    );
    for (const gradient of rest) {
      whole.update(tensorsOf(gradient), 0.1);
      resumed.update(tensorsOf(gradient), 0.1);
    }
    expect(resumed.step).toBe(whole.step);
    expect(resumed.exportParameters()).toEqual(whole.exportParameters());
    expect(resumed.exportState()).toEqual(whole.exportState());
    whole.dispose();
    resumed.dispose();
  });

  it.each(['adam', 'adamw', 'muon'] as const)(
    'makes of the features of tokens, by %s, what their own vectors would come to',
    (optimizer) => {
      const decay = optimizer === 'adam' ? 0 : 0.3;
      const rate = 0.1;
      const random = new Random(1);
      const subject = ofTokens({ optimizer, weightDecay: 0.3 }, EMBEDDING);
      // E = W + S·F, W and F by Adam, in double precision.
      const own = new AdamReference(EMBEDDING, rate, decay);
      const ofFeatures = new AdamReference([0, 0, 0, 0], rate, decay);
      for (let step = 1; step <= 4; step += 1) {
        const gradient = Array.from({ length: 6 }, () => random.uniform() - 0.5);
        subject.update([tf.tensor2d(gradient, [3, 2]), tf.tensor1d([0])], rate);
        own.step(gradient);
        ofFeatures.step(
          [0, 1].flatMap((feature) =>
            [0, 1].map((at) =>
              [0, 1, 2].reduce((sum, v) => sum + S[v]![feature]! * gradient[2 * v + at]!, 0),
            ),
          ),
        );
        const expected = own.values.map((value, i) => {
          const [v, at] = [Math.floor(i / 2), i % 2];
          return (
            value + [0, 1].reduce((sum, f) => sum + S[v]![f]! * ofFeatures.values[2 * f + at]!, 0)
          );
        });
        expectClose(valuesIn(subject.exportParameters(), 'embedding.weight'), expected, 1e-5);
      }
      subject.dispose();
    },
  );

  it('keeps a running mean of what features make of a parameter, and goes on with them', () => {
    const config = { optimizer: 'muon' as const, weightDecay: 0.3, ema: 0.5 };
    const gradients = () => [tf.tensor2d([1, -1, 2, -2, 3, -3], [3, 2]), tf.tensor1d([1])];
    const whole = ofTokens(config, EMBEDDING);
    for (let step = 0; step < 3; step += 1) whole.update(gradients(), 0.1);
    const resumed = ofTokens(config, whole.exportParameters(), {
      ...{ step: whole.step, tensors: whole.exportState() },
    });
    const specs = [
      { name: 'embedding.weight', shape: [3, 2] },
      { name: 'bias', shape: [1] },
    ];
    const expected = specs.flatMap((spec) => optimizerTensors({ ...config, features }, spec));
    expect(Array.from(whole.exportState(), ([name, { shape }]) => ({ name, shape }))).toEqual(
      expected,
    );
    expect(whole.exportState().get('featureMean.embedding.weight')?.shape).toEqual([2, 2]);
    for (const each of [whole, resumed]) each.update(gradients(), 0.1);
    expect(resumed.exportParameters()).toEqual(whole.exportParameters());
    expect(resumed.exportState()).toEqual(whole.exportState());
    whole.dispose();
    resumed.dispose();
  });

  it.each(['sgd', 'rmsprop', 'nt-asgd'] as const)('goes by no features for %s', (optimizer) => {
    const after = [features, undefined].map((some) => {
      const subject = ofTokens({ optimizer, features: some }, EMBEDDING);
      subject.update([tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]), tf.tensor1d([1])], 0.1);
      const found = subject.exportParameters();
      subject.dispose();
      return found;
    });
    expect(after[0]).toEqual(after[1]);
  });

  it('keeps nothing beside the parameters for SGD', () => {
    const subject = oneParameter({}, [1]);
    expect(subject.exportState()).toEqual(new Map());
    subject.dispose();
  });

  it('refuses a state that does not fit the parameters', () => {
    const state: TensorMap = new Map([['mean.w', { shape: [3], data: new Float32Array(3) }]]);
    const create = (tensors: TensorMap) =>
      new Optimizer(
        { ...plain, optimizer: 'adam' },
        new Map([['w', { shape: [2], data: new Float32Array(2) }]]),
        { step: 1, tensors },
      );
    expect(() => create(state)).toThrow(
      'optimizer.safetensors: expected a tensor "mean.w" of shape [2], found [3]',
    );
    expect(() => create(new Map())).toThrow(
      'optimizer.safetensors: expected a tensor "mean.w" of shape [2], found none',
    );
  });

  it('disposes the gradients, and all that it holds when it is disposed', () => {
    const before = tf.memory().numTensors;
    for (const optimizer of ['adam', 'adamw', 'rmsprop', 'sgd', 'nt-asgd'] as const) {
      const more = { momentum: 0.5, ema: optimizer === 'nt-asgd' ? 0 : 0.9 };
      const config = { optimizer, clipNorm: 0.1, clipValue: 0.5, weightDecay: 0.1, ...more };
      const subject = new Optimizer(config, parametersOf(golden.first));
      const held = tf.memory().numTensors;
      subject.startAveraging();
      for (const gradient of golden.gradients) {
        subject.update(tensorsOf(gradient), 0.1);
        subject.exportState();
        tf.dispose(subject.read());
        expect(tf.memory().numTensors).toBe(held);
      }
      subject.dispose();
      expect(tf.memory().numTensors).toBe(before);
    }
  });
});
