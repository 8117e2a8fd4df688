import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { expectClose, heldTensors } from '../../test/support/numbers.ts';
import { TokenArray } from '../data/token-sequence.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { initialParameters, weightsOf } from '../model/weights.ts';
import { Random } from '../random.ts';
import { scoreTokens } from './evaluate.ts';
import { scoreStreams } from './score-streams.ts';
import type { ScoringModel } from './score-window.ts';

const config: ModelConfig = {
  vocabularySize: 7,
  embeddingSize: 4,
  hiddenSize: 6,
  layers: 2,
  gruVariant: 'reset-after',
  dropout: 0.5,
};
const random = new Random(2);
const ids = Int32Array.from({ length: 305 }, () => random.integer(config.vocabularySize));

function model(): ScoringModel {
  const parameters = initialParameters(config, new Random(1));
  for (const { data } of parameters.values()) for (let i = 0; i < data.length; i++) data[i]! *= 3;
  return { config, weights: weightsOf(parameters) };
}

/** The losses by the place of their token; each place once. */
async function lossesByPlace(scoring: ScoringModel, streams: number): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  await scoreStreams(scoring, new TokenArray(ids), streams, {
    onLosses: ({ start, targets, losses }) => {
      expect(targets).toEqual(ids.slice(start, start + losses.length));
      for (const [i, loss] of losses.entries()) {
        expect(found.has(start + i)).toBe(false);
        found.set(start + i, loss);
      }
    },
  });
  return found;
}

describe.each(testBackends)('streams of equal length on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('are scored as if each were a text of its own, and what they leave is trimmed', async () => {
    const scoring = model();
    for (const streams of [1, 3, 100, 152]) {
      const length = Math.floor(ids.length / streams);
      const found = await lossesByPlace(scoring, streams);
      expect(found.size).toBe(streams * (length - 1));
      const checked = streams > 3 ? [0, streams - 1] : Array.from({ length: streams }, (_, i) => i);
      for (const stream of checked) {
        const own = ids.slice(stream * length, (stream + 1) * length);
        const expected: number[] = [];
        await scoreTokens(config, scoring.weights, new TokenArray(own), {
          onLosses: ({ losses }) => expected.push(...losses),
        });
        const places = expected.map((_, i) => stream * length + 1 + i);
        expectClose(
          places.map((place) => found.get(place)!),
          expected,
          1e-5,
        );
      }
    }
  });
});

describe('scoring streams', () => {
  beforeAll(() => useBackend('wasm'));

  it('waits for what takes the losses, tells how far it is, and leaves no tensor when it is aborted', async () => {
    const scoring = model();
    const tokens = new TokenArray(ids);
    const controller = new AbortController();
    const held = heldTensors();
    const shares: number[] = [];
    let waiting = 0;
    const scored = scoreStreams(scoring, tokens, 2, {
      async onLosses() {
        expect(waiting).toBe(0);
        waiting += 1;
        await new Promise(setImmediate);
        waiting -= 1;
      },
      onProgress(share) {
        shares.push(share);
        if (shares.length === 2) controller.abort(new Error('enough'));
      },
      signal: controller.signal,
    });
    await expect(scored).rejects.toThrow('enough');
    expect(shares).toEqual([64 / 151, 128 / 151]);
    expect(heldTensors()).toEqual(held);
    tf.dispose({ ...scoring.weights });
  });
});
