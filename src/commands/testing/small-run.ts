/** Runs that are small, real but for the training, and the same each time. */
import { readFileSync } from 'node:fs';
import { saveCheckpoint } from '../../checkpoint/save.ts';
import { modelConfigOf, resolveTrainOptions } from '../../config/train.ts';
import type { TrainOptions } from '../../config/train-options.ts';
import type { DataRecord } from '../../data/record.ts';
import {
  parseTokenizerFile,
  type Tokenizer,
  type TokenizerKind,
  trainTokenizer,
} from '../../data/tokenizer.ts';
import { initialValues } from '../../model/initial-values.ts';
import { parameterSpecs } from '../../model/parameters.ts';
import { Random } from '../../random.ts';
import type { TensorMap } from '../../tensor-data.ts';
import type { RunSnapshot } from '../../training/run-snapshot.ts';
import { contentsOf } from '../train-checkpoint.ts';

const TEXT = 'the quick brown fox jumps over the lazy dog\n'.repeat(3);
const OPTIONS = { hiddenSize: 3, embeddingSize: 2, layers: 2, batchSize: 2, bptt: 4 };

export const SMALL_OPTIONS: TrainOptions = resolveTrainOptions({
  ...OPTIONS,
  maxSteps: 40,
  backend: 'wasm',
  threads: 3,
  out: 'here',
});

export function smallTokenizer(kind: TokenizerKind): Tokenizer {
  if (kind !== 'file') {
    return trainTokenizer(TEXT, { kind, ...(kind === 'bpe' && { vocabularySize: 280 }) });
  }
  const path = new URL('../../data/bpe/fixtures/file-tokenizers.json', import.meta.url);
  const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: { json: object }[] };
  return parseTokenizerFile(Buffer.from(JSON.stringify(cases[0]?.json)), 'tokenizer.json');
}

/** What a run with `SMALL_OPTIONS` and `tokenizer` could hand out after `step` steps, 10 or more. */
export function smallSnapshot(tokenizer: Tokenizer, step: number): RunSnapshot {
  const random = new Random(step);
  const specs = parameterSpecs(modelConfigOf(SMALL_OPTIONS, tokenizer.vocabularySize));
  const tensors = (prefix: string): TensorMap =>
    new Map(
      specs.map((spec) => [
        `${prefix}${spec.name}`,
        { shape: spec.shape, data: initialValues(spec, random) },
      ]),
    );
  const state = () => ({ shape: [2, 3], data: Float32Array.from([1, 2, 3, 4, 5, step]) });
  return {
    parameters: tensors(''),
    optimizer: new Map([...tensors('mean.'), ...tensors('variance.')]),
    hiddenState: new Map([
      ['h_l0', state()],
      ['h_l1', state()],
    ]),
    progress: {
      step,
      cursor: { epoch: 1, position: 3, offset: 2 },
      offsetRandom: new Random(1).state(),
      dropoutRandom: random.state(),
    },
    run: {
      best: { step: 10, natsPerToken: 2.3 },
      plateaus: 1,
      validLoss: null,
      recent: { count: 2, lossSum: 4.25, epoch: 1, learningRate: 0.05 },
      rollbacks: 1,
      skipped: 2,
      finished: false,
    },
    history: [{ step: 10, epoch: 0, learningRate: 0.1, trainLoss: 2.4, validLoss: 2.3 }],
    clock: { elapsedSeconds: 1.2345678901234567, validationSeconds: 0.25, history: [1] },
  };
}

export const SMALL_DATA: DataRecord = {
  corpus: [{ name: 'a.txt', bytes: 4, sha256: 'f'.repeat(64), fromRun: '../a.txt' }],
  valid: [],
  test: [{ name: 'texts', bytes: 9, sha256: '0'.repeat(64), files: 2, fromRun: '../texts' }],
};

/** Saves checkpoints of `steps` in `directory`, the first of them the best. */
export async function saveSmallRun(
  directory: string,
  { kind = 'char', steps = [20] }: { kind?: TokenizerKind; steps?: readonly number[] } = {},
): Promise<void> {
  const tokenizer = smallTokenizer(kind);
  for (const [i, step] of steps.entries()) {
    const snapshot = smallSnapshot(tokenizer, step);
    const contents = contentsOf(snapshot, SMALL_OPTIONS, tokenizer, SMALL_DATA);
    await saveCheckpoint(directory, step, contents, { best: i === 0, keep: steps.length });
  }
}
