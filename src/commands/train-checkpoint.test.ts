import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openModel } from '../checkpoint/model.ts';
import { ALL_PARTS } from '../checkpoint/resumable.ts';
import type { TokenizerKind } from '../data/tokenizer.ts';
import {
  SMALL_DATA,
  SMALL_OPTIONS,
  saveSmallRun,
  smallSnapshot,
  smallTokenizer,
} from './testing/small-run.ts';
import { contentsOf, snapshotOf } from './train-checkpoint.ts';

const directory = await mkdtemp(join(tmpdir(), 'gru-lm-snapshot-'));
afterAll(() => rm(directory, { recursive: true }));

describe('a snapshot', () => {
  test.each<TokenizerKind>(['char', 'word', 'bpe', 'byte', 'file'])(
    'of %s is the same after it was saved and opened',
    async (kind) => {
      const run = join(directory, kind);
      await saveSmallRun(run, { kind });
      const model = await openModel(run, ALL_PARTS);
      const tokenizer = smallTokenizer(kind);
      expect(snapshotOf(model)).toEqual(smallSnapshot(tokenizer, 20));
      expect(model.training.data).toEqual(SMALL_DATA);
      expect(model.tokenizer.toJSON()).toEqual(tokenizer.toJSON());
    },
  );

  test('is stored with the options that make it what it is, and not those of this machine', () => {
    const tokenizer = smallTokenizer('char');
    const snapshot = smallSnapshot(tokenizer, 20);
    const { config } = contentsOf(
      snapshot,
      { ...SMALL_OPTIONS, gpuMemory: 4, tf32: true },
      tokenizer,
      SMALL_DATA,
    );
    expect(config).toMatchObject({ maxSteps: 40, hiddenSize: 3, tokenizer: 'char' });
    const machine = ['backend', 'threads', 'gpuMemory', 'tf32'];
    for (const name of [...machine, 'out', 'resume', 'overwrite', 'json', 'quiet']) {
      expect(config).not.toHaveProperty(name);
    }
  });

  test('is stored with its options in one order, however they were given', () => {
    const tokenizer = smallTokenizer('char');
    const reversed = Object.entries(SMALL_OPTIONS).reverse();
    const texts = [SMALL_OPTIONS, Object.fromEntries(reversed) as typeof SMALL_OPTIONS].map(
      (options) =>
        JSON.stringify(
          contentsOf(smallSnapshot(tokenizer, 20), options, tokenizer, SMALL_DATA).config,
        ),
    );
    expect(texts[1]).toBe(texts[0]);
  });
});
