import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import {
  expectClose,
  heldTensors,
  largestDifference,
  valuesOf,
} from '../../test/support/numbers.ts';
import { TokenArray } from '../data/token-sequence.ts';
import type { Weights } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { initialParameters, selectParameters, weightsOf } from '../model/weights.ts';
import { Random } from '../random.ts';
import type { TensorMap } from '../tensor-data.ts';
import { type DynamicOptions, type DynamicRule, scoreTokensDynamic } from './dynamic.ts';
import { scoreTokens } from './evaluate.ts';
import { gradientSizes } from './gradient-sizes.ts';
import { learnedNames } from './window-gradients.ts';

interface Golden {
  sizes: { V: number; E: number; H: number; layers: number };
  rule: DynamicRule;
  stateDict: Record<string, { shape: number[]; data: number[] }>;
  train: number[];
  text: number[];
  gradientSizes: Record<string, number[]>;
  staticLosses: number[];
  losses: number[];
}

const golden = JSON.parse(
  readFileSync(new URL('fixtures/dynamic-evaluation.json', import.meta.url), 'utf8'),
) as Golden;
const { V, E, H, layers } = golden.sizes;
const config: ModelConfig = {
  vocabularySize: V,
  embeddingSize: E,
  hiddenSize: H,
  layers,
  gruVariant: 'reset-after',
  dropout: 0.5,
};
const stateDict: TensorMap = new Map(
  Object.entries(golden.stateDict).map(([name, { shape, data }]) => [
    name,
    { shape, data: Float32Array.from(data) },
  ]),
);
const training = tokens(golden.train);
const text = Int32Array.from(golden.text);

function tokens(ids: ArrayLike<number>): TokenArray {
  return new TokenArray(Int32Array.from(ids));
}

function goldenWeights(): Weights {
  return weightsOf(selectParameters(config, stateDict, 'golden'));
}

/** All losses, which must come in order and with the tokens that they are of. */
async function dynamicLosses(
  model: ModelConfig,
  weights: Weights,
  ids: Int32Array,
  rule: Partial<DynamicRule> = {},
  options: Partial<DynamicOptions> = {},
): Promise<number[]> {
  const all: number[] = [];
  await scoreTokensDynamic(model, weights, tokens(ids), {
    training,
    rule: { ...golden.rule, ...rule },
    ...options,
    onLosses: ({ start, targets, losses }) => {
      expect(start).toBe(all.length + 1);
      expect(targets).toEqual(ids.slice(start, start + losses.length));
      all.push(...losses);
    },
  });
  return all;
}

async function staticLosses(model: ModelConfig, weights: Weights, ids: Int32Array) {
  const all: number[] = [];
  const onLosses = ({ losses }: { losses: Float32Array }) => all.push(...losses);
  await scoreTokens(model, weights, tokens(ids), { onLosses });
  return all;
}

describe.each(testBackends)('dynamic evaluation on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('takes the sizes of gradients that PyTorch does', async () => {
    const weights = goldenWeights();
    const { segment } = golden.rule;
    const sizes = await gradientSizes(config, weights, training, { segment, windows: 100 });
    for (const [i, name] of learnedNames(config).entries()) {
      expectClose(valuesOf(sizes[i]!), golden.gradientSizes[name]!, 1e-5, name);
    }
  });

  it('has the losses of the same rule in PyTorch', async () => {
    const losses = await dynamicLosses(config, goldenWeights(), text);
    expectClose(losses, golden.losses, 1e-4);
    // It made a difference, and not before the second segment.
    const { segment } = golden.rule;
    expect(largestDifference(golden.losses, golden.staticLosses)).toBeGreaterThan(0.1);
    expectClose(losses.slice(0, segment), golden.staticLosses.slice(0, segment), 1e-5);
  });

  it('leaves the weights that it was given as they were, and no tensor behind', async () => {
    const weights = goldenWeights();
    await dynamicLosses(config, weights, text);
    for (const [name, { data }] of stateDict) {
      expect(valuesOf(weights[name]!)).toEqual(data);
    }
    const held = heldTensors();
    await dynamicLosses(config, weights, text);
    expect(heldTensors()).toEqual(held);
    for (const abortAt of [0, 0.3, 0.9]) {
      const controller = new AbortController();
      const aborted = dynamicLosses(
        config,
        weights,
        text,
        {},
        {
          signal: controller.signal,
          onProgress: (share) => share >= abortAt && controller.abort(new Error('enough')),
        },
      );
      await expect(aborted).rejects.toThrow('enough');
      expect(heldTensors()).toEqual(held);
    }
  });
});

describe('a model that learns as it is read', () => {
  beforeAll(() => useBackend('tensorflow'));

  const kinds: [string, Partial<ModelConfig>][] = [
    ['a GRU', {}],
    ['a GRU of the other variant', { gruVariant: 'reset-before', activation: 'relu' }],
    ['an LSTM', { cell: 'lstm' }],
    ['an RNN', { cell: 'rnn' }],
    ['a minGRU', { cell: 'mingru' }],
    ['tied weights and a projection', { tied: true }],
    ['an adaptive softmax', { softmaxCutoffs: [2, 4] }],
    ['residuals and normal layers', { residual: true, norm: 'layer' }],
    ['normal batches', { norm: 'batch' }],
    ['attention', { attentionSpan: 3 }],
  ];

  it.each(kinds)(
    'with %s: rate 0 gives the static losses, another rate others',
    async (_, kind) => {
      const model = { ...config, ...kind };
      const weights = weightsOf(initialParameters(model, new Random(3)));
      const expected = await staticLosses(model, weights, text);
      expectClose(await dynamicLosses(model, weights, text, { rate: 0 }), expected, 1e-5);
      const learned = await dynamicLosses(model, weights, text, { rate: 0.01, decay: 0 });
      expect(learned.every(Number.isFinite)).toBe(true);
      expect(largestDifference(learned, expected)).toBeGreaterThan(1e-4);
    },
  );

  it('does not know a token before it has scored it', async () => {
    const weights = goldenWeights();
    const original = await dynamicLosses(config, weights, text, { segment: 4 });
    const places = fc.record({
      place: fc.integer({ min: 1, max: text.length - 1 }),
      token: fc.nat(V - 1),
    });
    await fc.assert(
      fc.asyncProperty(places, async ({ place, token }) => {
        const changed = text.slice();
        changed[place] = token;
        const losses = await dynamicLosses(config, weights, changed, { segment: 4 });
        // The loss at i is of token i + 1: those of all tokens before the changed one stay.
        expect(losses.slice(0, place - 1)).toEqual(original.slice(0, place - 1));
        if (token !== text[place]) expect(losses[place - 1]).not.toBe(original[place - 1]);
      }),
      { numRuns: 15 },
    );
  });

  it('learns a text that repeats itself, and forgets it where weights are drawn back', async () => {
    const weights = goldenWeights();
    const repeated = Int32Array.from({ length: 200 }, (_, i) => [0, 3, 1, 6][i % 4]!);
    const meanOfEnd = (losses: number[]) =>
      losses.slice(-40).reduce((sum, loss) => sum + loss, 0) / 40;
    const [unmoved, learned, drawnBack] = await Promise.all(
      [{ rate: 0 }, { rate: 0.01, decay: 0 }, { rate: 0.01, decay: 100 }].map((rule) =>
        dynamicLosses(config, weights, repeated, rule).then(meanOfEnd),
      ),
    );
    expect(learned!).toBeLessThan(unmoved! / 2);
    expect(drawnBack!).toBeGreaterThan(learned! + 0.1);
  });

  it('of a text of one token or none has none to score', async () => {
    for (const ids of [Int32Array.of(), Int32Array.of(3)]) {
      expect(await dynamicLosses(config, goldenWeights(), ids)).toEqual([]);
    }
  });

  it('takes gradients of a training text of any length', async () => {
    const weights = goldenWeights();
    for (const length of [2, 5, 6, 7, 40, 400]) {
      const random = new Random(length);
      const train = tokens(Array.from({ length }, () => random.integer(V)));
      const sizes = await gradientSizes(config, weights, train, { segment: 5, windows: 30 });
      for (const size of sizes) expect(valuesOf(size).every((value) => value >= 0)).toBe(true);
      expect(Math.max(...valuesOf(sizes.at(-1)!))).toBeGreaterThan(0);
    }
  });
});
