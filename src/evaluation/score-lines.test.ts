import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { expectClose, heldTensors } from '../../test/support/numbers.ts';
import { TokenArray } from '../data/token-sequence.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { initialParameters, weightsOf } from '../model/weights.ts';
import { Random } from '../random.ts';
import { scoreTokens } from './evaluate.ts';
import { scoreLines } from './score-lines.ts';
import type { ScoringModel } from './score-window.ts';
import type { TokenLine } from './token-lines.ts';

const config: ModelConfig = {
  vocabularySize: 7,
  embeddingSize: 4,
  hiddenSize: 6,
  layers: 2,
  gruVariant: 'reset-after',
  attentionSpan: 5,
  dropout: 0.5,
};

function model(overrides: Partial<ModelConfig> = {}): ScoringModel {
  const own = { ...config, ...overrides };
  const parameters = initialParameters(own, new Random(1));
  for (const { data } of parameters.values()) for (let i = 0; i < data.length; i++) data[i]! *= 3;
  return { config: own, weights: weightsOf(parameters) };
}

function lineOf(length: number, random: Random, context = 1): TokenLine {
  const ids = Int32Array.from({ length: length + context }, () => random.integer(7));
  return { ids, context };
}

/** As texts of their own, one after the other. */
async function oneByOne({ config: own, weights }: ScoringModel, lines: readonly TokenLine[]) {
  const all: number[][] = [];
  for (const { ids, context } of lines) {
    const losses: number[] = [];
    await scoreTokens(own, weights, new TokenArray(ids), {
      onLosses: (scored) => losses.push(...scored.losses),
    });
    all.push(losses.slice(context - 1));
  }
  return all;
}

const pause = async () => undefined;

describe.each(testBackends)('lines side by side on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('are scored as if each were alone, whatever their lengths and order', async () => {
    const random = new Random(3);
    // Short ones, some of equal length, and such as take several windows.
    const lengths = [1, 5, 130, 2, 64, 65, 1, 9, 20, 63, 3, 3, 40, 7, 66, 12, 2, 31, 8, 128];
    const lines = lengths.map((length) => lineOf(length, random));
    const scoring = model();
    const found = await scoreLines(scoring, lines, pause);
    const expected = await oneByOne(scoring, lines);
    for (const [i, losses] of expected.entries()) {
      expect(found[i]).toHaveLength(lengths[i]!);
      expectClose(found[i]!, losses, 1e-5, `line ${i}`);
    }
  });
});

describe('lines side by side', () => {
  beforeAll(() => useBackend('wasm'));

  it('are as many as memory has room for at once', async () => {
    const random = new Random(4);
    const lines = Array.from({ length: 300 }, (_, i) => lineOf(1 + (i % 4), random));
    const scoring = model({ cell: 'lstm', attentionSpan: undefined });
    const found = await scoreLines(scoring, lines, pause);
    const expected = await oneByOne(scoring, lines.slice(0, 8));
    for (const [i, losses] of expected.entries()) expectClose(found[i]!, losses, 1e-5);
    const [last] = await scoreLines(scoring, lines.slice(-1), pause);
    expectClose(found.at(-1)!, last!, 1e-5);
  });

  it('leave out what is read only', async () => {
    const line = lineOf(6, new Random(5), 3);
    const scoring = model();
    const [found] = await scoreLines(scoring, [line], pause);
    const [all] = await scoreLines(scoring, [{ ...line, context: 1 }], pause);
    expect(found).toHaveLength(6);
    expectClose(found!, all!.subarray(2), 1e-6);
  });

  it('may be none, and leave no tensor behind when they are stopped', async () => {
    const scoring = model();
    expect(await scoreLines(scoring, [], pause)).toEqual([]);
    const lines = [lineOf(200, new Random(6)), lineOf(3, new Random(7))];
    await scoreLines(scoring, lines, pause);
    const held = heldTensors();
    await scoreLines(scoring, lines, pause);
    expect(heldTensors()).toEqual(held);
    let pauses = 0;
    const stopped = scoreLines(scoring, lines, async () => {
      pauses += 1;
      if (pauses === 2) throw new Error('enough');
    });
    await expect(stopped).rejects.toThrow('enough');
    expect(heldTensors()).toEqual(held);
  });
});
