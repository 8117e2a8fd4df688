import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadCheckpoint } from '../checkpoint/load.ts';
import { saveCheckpoint } from '../checkpoint/save.ts';
import { resolveTrainOptions } from '../config/train.ts';
import { trainTokenizer } from '../data/tokenizer.ts';
import { Random } from '../random.ts';
import type { TensorData } from '../tensor-data.ts';
import type { RunSnapshot } from '../training/run-snapshot.ts';
import { contentsOf, snapshotOf } from './train-checkpoint.ts';

const directory = await mkdtemp(join(tmpdir(), 'gru-lm-snapshot-'));
afterAll(() => rm(directory, { recursive: true }));

const random = new Random(4);
const tensor = (...shape: number[]): TensorData => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
});

const snapshot: RunSnapshot = {
  parameters: new Map([
    ['embedding.weight', tensor(5, 3)],
    ['fc.bias', tensor(5)],
  ]),
  optimizer: new Map([['mean.embedding.weight', tensor(5, 3)]]),
  hiddenState: new Map([['h_l0', tensor(2, 4)]]),
  progress: {
    step: 12,
    cursor: { epoch: 1, position: 3, offset: 2 },
    offsetRandom: new Random(1).state(),
    dropoutRandom: random.state(),
  },
  run: {
    best: { step: 10, natsPerToken: 2.3 },
    plateaus: 1,
    recent: { count: 2, lossSum: 4.25, epoch: 1, learningRate: 0.05 },
    validLoss: null,
    finished: false,
  },
  history: [{ step: 10, epoch: 0, learningRate: 0.1, trainLoss: 2.4, validLoss: 2.3 }],
  clock: { elapsedSeconds: 1.2345678901234567, validationSeconds: 0.25, history: [1] },
};
const options = resolveTrainOptions({ maxSteps: 20, backend: 'wasm', threads: 3, out: 'here' });
const tokenizer = trainTokenizer('abcd', { ...options, kind: 'char' });
const source = { name: 'a.txt', bytes: 4, sha256: 'f'.repeat(64), fromRun: '../a.txt' };
const data = { corpus: [source], valid: [], test: [] };

describe('a snapshot', () => {
  test('is the same after it was saved and loaded', async () => {
    const contents = contentsOf(snapshot, options, tokenizer, data);
    const path = await saveCheckpoint(directory, 12, contents, { best: true });
    const loaded = await loadCheckpoint(path);
    expect(snapshotOf(loaded)).toEqual(snapshot);
    expect(loaded.training.data).toEqual(data);
  });

  test('is stored with the options that make it what it is, and not those of this machine', () => {
    const { config } = contentsOf(snapshot, options, tokenizer, data);
    expect(config).toMatchObject({ maxSteps: 20, hiddenSize: 256, tokenizer: 'char' });
    for (const name of ['backend', 'threads', 'out', 'resume', 'overwrite', 'json', 'quiet']) {
      expect(config).not.toHaveProperty(name);
    }
  });

  test('must be of the step that its checkpoint says', async () => {
    const contents = contentsOf(snapshot, options, tokenizer, data);
    const path = await saveCheckpoint(directory, 13, contents, { best: false });
    const loaded = await loadCheckpoint(path);
    expect(() => snapshotOf(loaded)).toThrow(
      /training\.json: expected "progress" of step 13 and "run", found 12$/,
    );
  });
});
