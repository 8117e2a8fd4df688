/** The native operations share work among threads; the same seed must give the same bytes even so. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { TokenArray } from '../src/data/token-sequence.ts';
import type { GruVariant } from '../src/ops/gru-sequence.ts';
import type { Precision } from '../src/ops/tensorflow-binding.ts';
import { Trainer, type TrainerConfig } from '../src/training/trainer.ts';
import { lastCheckpoint, runCli, temporaryDirectory, writeCorpus } from './cli-process.ts';
import { hasNativeOperations, useBackend } from './support/backends.ts';

const STEPS = 12;
const VOCABULARY = 61;

/** 6000 tokens without much of a pattern. */
const ids = Int32Array.from(
  { length: 6000 },
  (_, i) => (i * 7 + (i >> 2) + ((i * i) >> 5)) % VOCABULARY,
);

/** Wide enough that gates, products and the output layer are shared among threads. */
function configOf(gruVariant: GruVariant, precision: Precision): TrainerConfig {
  return {
    model: {
      vocabularySize: VOCABULARY,
      embeddingSize: 40,
      hiddenSize: 136,
      layers: 2,
      gruVariant,
      dropout: 0.25,
    },
    batchSize: 33,
    bptt: 17,
    seed: 7,
    precision,
    optimizer: 'adam',
    clipNorm: 0.5,
    clipValue: 0,
    weightDecay: 0,
  };
}

/** SHA-256 of each parameter's bytes after some steps, by name. */
function trainedParameters(config: TrainerConfig): Record<string, string> {
  const trainer = new Trainer(config, new TokenArray(ids));
  for (let step = 0; step < STEPS; step++) trainer.trainStep(0.01);
  const { parameters } = trainer.snapshot();
  trainer.dispose();
  return Object.fromEntries([...parameters].map(([name, { data }]) => [name, sha256(data)]));
}

function sha256(bytes: NodeJS.ArrayBufferView): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe.runIf(hasNativeOperations)('with the native operations, the same seed', () => {
  beforeAll(() => useBackend('native'));

  it.for([
    ['reset-after', 'float32'],
    ['reset-after', 'bfloat16'],
    ['reset-before', 'float32'],
    ['reset-before', 'bfloat16'],
  ] as const)('trains the same weights to the bit, %s in %s', ([gruVariant, precision]) => {
    const config = configOf(gruVariant, precision);
    const first = trainedParameters(config);
    expect(trainedParameters(config)).toEqual(first);
    expect(trainedParameters({ ...config, seed: 8 })).not.toEqual(first);
  });

  describe('in two processes', () => {
    const cwd = temporaryDirectory();
    beforeAll(() => writeCorpus(cwd, 400));

    async function weightsOfRun(out: string, precision: Precision): Promise<string> {
      const result = await runCli(
        [
          ...['train', 'corpus.txt', '--backend', 'cpu', '--precision', precision, '--out', out],
          ...['--hidden', '136', '--embedding', '40', '--layers', '2', '--dropout', '0.2'],
          ...['--batch-size', '33', '--bptt', '17', '--max-steps', '20', '--seed', '7'],
          ...['--sample-every', '0', '--json'],
        ],
        // What this process had to set for itself is not the other's.
        { cwd, env: { TF_CPP_MIN_LOG_LEVEL: undefined } },
      );
      expect(result).toMatchObject({ exitCode: 0, stderr: '' });
      return sha256(readFileSync(join(lastCheckpoint(join(cwd, out)), 'weights.safetensors')));
    }

    it.for(['float32', 'bfloat16'] as const)(
      'saves the same weights to the bit, in %s',
      async (precision) => {
        const first = await weightsOfRun(`first-${precision}`, precision);
        expect(await weightsOfRun(`second-${precision}`, precision)).toBe(first);
      },
    );
  });
});
