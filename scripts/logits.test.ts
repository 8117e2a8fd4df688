import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { saveCheckpoint } from '../src/checkpoint/save.ts';
import { trainTokenizer } from '../src/data/tokenizer.ts';
import { readFixture } from '../test/support/fixtures.ts';
import { expectClose } from '../test/support/numbers.ts';

interface Golden {
  sizes: { V: number; E: number; H: number; layers: number };
  stateDict: Record<string, { shape: number[]; data: number[] }>;
  stream: { ids: number[]; logits: number[]; finalState: number[] };
}

const random = { algorithm: 'xoshiro128**', words: [1, 2, 3, 4], spareNormal: null };
/** What a run that never was says of itself. */
const RECORD = {
  training: {
    progress: {
      step: 1,
      cursor: { epoch: 0, position: 1, offset: 0 },
      offsetRandom: random,
      dropoutRandom: random,
    },
    run: { best: null, plateaus: 0, validLoss: null, finished: false },
    data: { corpus: [], valid: [], test: [] },
  },
  history: [],
  clock: { elapsedSeconds: 0, validationSeconds: 0, history: [] },
};

it('the logits of a saved checkpoint are those of PyTorch with the same weights', async () => {
  const { sizes, stateDict, stream } = readFixture<Golden>('language-model');
  const tokenizer = trainTokenizer('abcdef', { kind: 'char' });
  expect(tokenizer.vocabularySize).toBe(sizes.V);
  const directory = await mkdtemp(join(tmpdir(), 'gru-lm-logits-'));
  try {
    const weights = Object.entries(stateDict).map(
      ([name, { shape, data }]) => [name, { shape, data: Float32Array.from(data) }] as const,
    );
    const checkpoint = await saveCheckpoint(
      directory,
      1,
      {
        weights: new Map(weights),
        optimizer: new Map(),
        state: new Map(),
        config: { embeddingSize: sizes.E, hiddenSize: sizes.H, layers: sizes.layers },
        tokenizer: tokenizer.toJSON(),
        ...RECORD,
      },
      { best: true },
    );
    const script = fileURLToPath(new URL('logits.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...['--import', 'tsx', script, directory],
      ...['--text', tokenizer.decode(stream.ids.map((id) => id % 6)), '--backend', 'wasm'],
    ]);
    expect((JSON.parse(stdout) as { ids: number[] }).ids).toEqual(stream.ids.map((id) => id % 6));

    const byIds = await promisify(execFile)(process.execPath, [
      ...['--import', 'tsx', script, checkpoint],
      ...['--ids', stream.ids.join(), '--backend', 'wasm'],
    ]);
    const result = JSON.parse(byIds.stdout) as Record<'logits' | 'state', number[][]> &
      Record<'path', string> &
      Record<'ids', number[]>;
    expect(result.path).toBe(checkpoint);
    expect(result.ids).toEqual(stream.ids);
    expectClose(result.logits.flat(), stream.logits, 1e-5);
    expectClose(result.state.flat(), stream.finalState, 1e-5);
  } finally {
    await rm(directory, { recursive: true });
  }
});
