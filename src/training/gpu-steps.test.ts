/**
 * Training on a GPU, for which `standInForGpu` stands in: what is read back, which operations run and whether
 * TensorFlow has them for a GPU, and that all is as it would be on the processor.
 */
import { readFileSync } from 'node:fs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { twoBackends, useBackend } from '../../test/support/backends.ts';
import { expectClose, heldTensors } from '../../test/support/numbers.ts';
import { TokenArray } from '../data/token-sequence.ts';
import { type StandInGpu, standInForGpu } from '../ops/testing/stand-in-gpu.ts';
import type { TensorMap } from '../tensor-data.ts';
import { trainRun } from './run.ts';
import type { RunEvent } from './run-events.ts';
import { readSteps } from './step-result.ts';
import {
  data,
  eventsOf,
  ofType,
  outline,
  configOf as runConfigOf,
  stored,
} from './testing/small-run.ts';
import {
  features,
  patternless,
  type TrainerOverrides,
  trainerConfig,
} from './testing/small-trainer.ts';
import { Trainer } from './trainer.ts';

/** Types of attributes by kernel, of each operation: see `make-gpu-kernels.py`. */
const { operations: kernels } = JSON.parse(
  readFileSync(new URL('../ops/fixtures/gpu-kernels.json', import.meta.url), 'utf8'),
) as { operations: Record<string, Record<string, number[]>[]> };

const tokens = patternless(220);

/** One of each that training has an own way for. */
const trained: readonly TrainerOverrides[] = [
  {},
  { optimizer: 'adamw', ema: 0.95, clipNorm: 0 },
  { optimizer: 'muon', clipValue: 0.02, model: { gruVariant: 'reset-before' } },
  { features, model: { tied: true, hiddenSize: 4 } },
  { optimizer: 'rmsprop', model: { cell: 'lstm', tied: true } },
  { optimizer: 'sgd', momentum: 0.9, model: { cell: 'rnn', activation: 'relu', norm: 'batch' } },
  { optimizer: 'nt-asgd', model: { cell: 'mingru', norm: 'layer', residual: true } },
  { gradientAccumulation: 2, bpttSchedule: 'random', model: { activation: 'leaky-relu' } },
  { model: { softmaxCutoffs: [3, 6], dropoutMask: 'step', weightDrop: 0.2 } },
  {
    model: {
      ...{ cell: 'lstm', attentionSpan: 3, dropoutEmbedding: 0.1 },
      ...{ activationRegularisation: 2, temporalRegularisation: 1 },
    },
  },
];

function expectSameTensors(found: TensorMap, expected: TensorMap, tolerance: number): void {
  expect([...found.keys()]).toEqual([...expected.keys()]);
  for (const [name, { data }] of expected) {
    expectClose(found.get(name)!.data, data, tolerance, name);
  }
}

describe.each(twoBackends)('a step that is read later on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(trained)(
    'learns and finds the same as one that is read at once, with %o',
    (overrides) => {
      const config = trainerConfig(overrides);
      // What optimizers keep of the last numbers is there from the first step on.
      const warm = new Trainer(config, tokens);
      warm.trainStep(0.01);
      warm.dispose();
      const held = heldTensors();
      const [atOnce, later] = [new Trainer(config, tokens), new Trainer(config, tokens)];
      const expected = Array.from({ length: 12 }, () => atOnce.trainStep(0.01));
      const found = [5, 1, 6].flatMap((count) =>
        readSteps(Array.from({ length: count }, () => later.startStep(0.01))),
      );
      for (const [i, { loss, gradientNorm, ...rest }] of expected.entries()) {
        const { loss: foundLoss, gradientNorm: foundNorm, ...foundRest } = found[i]!;
        expect(foundRest).toEqual(rest);
        expectClose([foundLoss, foundNorm], [loss, gradientNorm], 1e-4);
      }
      const snapshots = [later.snapshot(), atOnce.snapshot()] as const;
      expectSameTensors(snapshots[0].parameters, snapshots[1].parameters, 1e-3);
      expectSameTensors(snapshots[0].hiddenState, snapshots[1].hiddenState, 1e-3);
      expect(snapshots[0].progress).toEqual(snapshots[1].progress);
      atOnce.dispose();
      later.dispose();
      if (backend !== 'wasm') expect(heldTensors()).toEqual(held);
    },
  );

  it.each([0, 0.5])(
    'tells of gradients that are not finite, with %d as the largest value',
    (clipValue) => {
      const config = trainerConfig({ clipValue, clipNorm: 0 });
      const trainer = new Trainer(config, tokens);
      const snapshot = trainer.snapshot();
      trainer.dispose();
      snapshot.parameters.get('fc.bias')!.data[0] = Number.NaN;
      const spoilt = new Trainer(config, tokens, snapshot);
      const [first, second] = readSteps([spoilt.startStep(0.01), spoilt.startStep(0.01)]);
      expect(first).toMatchObject({ isApplied: false, gradientNorm: Number.NaN });
      expect(second).toMatchObject({ isApplied: false });
      spoilt.dispose();
    },
  );
});

describe('a step on a GPU', () => {
  let gpu: StandInGpu;
  beforeAll(() => useBackend('tensorflow'));
  beforeEach(() => {
    gpu = standInForGpu();
  });
  afterEach(() => gpu.restore());

  it.each(trained)(
    'reads nothing but loss and norm, together with other steps, with %o',
    (overrides) => {
      const trainer = new Trainer(trainerConfig(overrides), tokens);
      const started = Array.from({ length: 3 }, () => trainer.startStep(0.01));
      expect(gpu.read).toEqual({ tensors: 0, numbers: 0 });
      const found = readSteps(started);
      expect(gpu.read).toEqual({ tensors: 1, numbers: 6 });
      expect(found.every(({ isApplied }) => isApplied)).toBe(true);
      trainer.dispose();
    },
  );

  it.each([
    ...trained,
    ...(['bfloat16', 'float16'] as const).map(
      (precision): TrainerOverrides => ({
        precision,
        optimizer: 'muon',
        model: { softmaxCutoffs: [3] },
      }),
    ),
  ])('runs what TensorFlow has a GPU kernel for, with %o', (overrides) => {
    const trainer = new Trainer(trainerConfig(overrides), tokens);
    readSteps(Array.from({ length: 2 }, () => trainer.startStep(0.01)));
    trainer.dispose();
    const without = [...gpu.operations].filter((operation) => !hasKernel(operation));
    expect(without).toEqual([]);
  });

  it('runs cuDNN in each layer that it has', () => {
    for (const cell of ['gru', 'lstm'] as const) {
      const trainer = new Trainer(trainerConfig({ model: { cell } }), tokens);
      readSteps([trainer.startStep(0.01)]);
      trainer.dispose();
    }
    const ofCell = (cell: string) => [
      ...[`CudnnRNNV3 ${cell} training [7, 4, 4] → 6`, `CudnnRNNV3 ${cell} training [7, 4, 6] → 6`],
      ...[`CudnnRNNBackpropV3 ${cell} [7, 4, 6] → 6`, `CudnnRNNBackpropV3 ${cell} [7, 4, 4] → 6`],
    ];
    expect(gpu.calls).toEqual([...ofCell('gru'), ...ofCell('lstm')]);
  });
});

/** Whether TensorFlow's build for CUDA has a kernel for an operation such as `MatMul T=1`. */
function hasKernel(operation: string): boolean {
  const [name, ...types] = operation.split(' ') as [string, ...string[]];
  const values = new Map(types.map((each) => each.split('=') as [string, string]));
  return (kernels[name] ?? []).some((constraints) =>
    Object.entries(constraints).every(([attribute, allowed]) => {
      const value = values.get(attribute);
      return value === undefined || allowed.includes(Number(value));
    }),
  );
}

describe('a run on a GPU', () => {
  let gpu: StandInGpu | undefined;
  beforeAll(() => useBackend('tensorflow'));
  afterEach(() => gpu?.restore());

  const figures = (events: RunEvent[]) => ofType(events, 'step').map(({ loss }) => loss);
  const validations = (events: RunEvent[]) =>
    ofType(events, 'eval').map(({ natsPerToken }) => natsPerToken);

  it('comes to what it comes to on the processor, with the losses read some at a time', async () => {
    const config = runConfigOf({ evalEvery: 6 });
    const expected = await eventsOf(config);
    gpu = standInForGpu();
    const reads: number[] = [];
    // However long a step takes here: only so much time goes into one read.
    let milliseconds = 0;
    const found = await eventsOf(config, {
      now: () => (milliseconds += 1),
      onEvent: ({ type }) => type === 'step' && reads.push(gpu!.read.tensors),
    });
    expect(outline(found)).toEqual(outline(expected));
    expect(ofType(found, 'step').map(({ step }) => step)).toEqual(
      ofType(expected, 'step').map(({ step }) => step),
    );
    expectClose(figures(found), figures(expected), 1e-4);
    expectClose(validations(found), validations(expected), 1e-4);
    for (const [i, { progress, epoch, learningRate, gradientNorm }] of ofType(
      found,
      'step',
    ).entries()) {
      const other = ofType(expected, 'step')[i]!;
      expect({ progress, epoch, learningRate }).toEqual({
        ...{ progress: other.progress, epoch: other.epoch, learningRate: other.learningRate },
      });
      expectClose([gradientNorm], [other.gradientNorm], 1e-4);
    }
    // Six steps in one read, then what the validation and the save read, then six more.
    expect(new Set(reads.slice(0, 6))).toEqual(new Set([1]));
    expect(new Set(reads.slice(6)).size).toBe(1);
    expect(gpu.calls.length).toBeGreaterThan(0);
  });

  it('goes on from what was saved on the other, either way', async () => {
    const config = runConfigOf();
    const whole = await eventsOf(config);
    const half = await eventsOf(config, { abortAt: ({ step }) => step === 6 });
    gpu = standInForGpu();
    const onGpu = await eventsOf(config, {
      resumeFrom: stored(ofType(half, 'save').at(-1)!.snapshot),
    });
    expectClose([...figures(half), ...figures(onGpu)], figures(whole), 1e-4);
    // It stops between two validations, as an interruption does.
    const first = await eventsOf(config, { abortAt: ({ step }) => step === 4 });
    const saved = ofType(first, 'save').at(-1)!;
    gpu.restore();
    const rest = await eventsOf(config, { resumeFrom: stored(saved.snapshot) });
    expectClose([...figures(first), ...figures(rest)], figures(whole), 1e-4);
  });

  it.each(['rollback', 'stop'] as const)(
    'does what it is told to where numbers are not finite: %s',
    async (onNan) => {
      // A token that the text does not have until a later step, and whose embedding is no number.
      const unknown = data.tokenizer.encode('z')[0] as number;
      const ids = Int32Array.from({ length: data.train.length }, (_, i) => i % 3);
      ids[30] = unknown;
      const config = runConfigOf({ optimizer: 'sgd', onNan, evalEvery: 100 });
      const first = await eventsOf(config, { abortAt: ({ step }) => step === 1 });
      const resumeFrom = stored(ofType(first, 'save').at(-1)!.snapshot);
      resumeFrom.parameters.get('embedding.weight')!.data[unknown * 3] = Number.NaN;
      const run = async () => {
        const events: string[] = [];
        const all = trainRun(config, { ...data, train: new TokenArray(ids) }, { resumeFrom });
        try {
          for await (const { type, step } of all) events.push(`${type} ${step}`);
        } catch (error) {
          events.push((error as Error).message);
        }
        return events;
      };
      const expected = await run();
      expect(expected.slice(0, 2)).toEqual(['step 2', 'step 3']);
      expect(expected.at(-1)).toMatch(/^step [45]: expected finite numbers, found loss NaN/);
      gpu = standInForGpu();
      expect(await run()).toEqual(expected);
    },
  );

  it('that leaves steps out reads each at once', async () => {
    gpu = standInForGpu();
    const reads: number[] = [];
    await eventsOf(runConfigOf({ onNan: 'skip', maxSteps: 3, evalEvery: 3 }), {
      onEvent: ({ type }) => type === 'step' && reads.push(gpu!.read.tensors),
    });
    expect(reads).toEqual([2, 4, 6]); // loss and norm
  });
});
