import { describe, expect, test } from 'vitest';
import { resolveTrainOptions } from '../config/train.ts';
import type { TrainOptions } from '../config/train-options.ts';
import type { RunSnapshot } from '../training/run-snapshot.ts';
import { resumeOptions, withRate } from './train-resume.ts';

const stored = resolveTrainOptions({ hiddenSize: 8, epochs: 3, maxTime: 60, dropout: 0.1 });

describe('resumeOptions', () => {
  test('without any given, the run goes on as it was', () => {
    const { resume, ...options } = resumeOptions(stored, {});
    expect(resume).toBe(true);
    expect(options).toEqual({ ...stored, resume: undefined });
  });

  test('a limit takes the place of all that the run had', () => {
    const options = resumeOptions(stored, { maxSteps: 10 });
    expect(options).toMatchObject({ maxSteps: 10 });
    expect(options).not.toHaveProperty('epochs');
    expect(options).not.toHaveProperty('maxTime');
  });

  test('what makes no difference to the model may change', () => {
    const given = { learningRate: 0.1, dropout: 0.3, backend: 'wasm', json: true } as const;
    expect(resumeOptions(stored, given)).toMatchObject({ ...given, hiddenSize: 8 });
  });

  test('the machine is chosen anew', () => {
    const before = { ...stored, backend: 'cpu', threads: 3, json: true } as const;
    expect(resumeOptions(before, {})).toMatchObject({ backend: 'auto', json: false });
    expect(resumeOptions(before, {})).not.toHaveProperty('threads');
  });

  test('what makes the model or the order of the text may be given only as it was', () => {
    expect(resumeOptions(stored, { hiddenSize: 8, seed: 1 })).toMatchObject({ hiddenSize: 8 });
    for (const given of [{ hiddenSize: 9 }, { seed: 2 }, { batchSize: 5 }, { lowercase: true }]) {
      expect(() => resumeOptions(stored, given)).toThrow(/^--[a-z-]+: expected .*, found/);
    }
  });

  test('what would change nothing is refused, unless it is what the run has', () => {
    const before: TrainOptions = { ...stored, optimizer: 'muon', nonMonotone: 5 };
    expect(resumeOptions(before, { nonMonotone: 5 })).toMatchObject({ nonMonotone: 5 });
    expect(() => resumeOptions(before, { nonMonotone: 4 })).toThrow(
      '--nonmono: expected --optimizer nt-asgd, found muon',
    );
  });

  test('lists are compared by what they hold', () => {
    const before: TrainOptions = { ...stored, softmax: 'adaptive', softmaxCutoffs: [3, 9] };
    const options = resumeOptions(before, { softmaxCutoffs: [3, 9] });
    expect(options).toMatchObject({ softmax: 'adaptive', softmaxCutoffs: [3, 9] });
    expect(() => resumeOptions(before, { softmaxCutoffs: [3, 8] })).toThrow(
      '--softmax-cutoffs: expected 3,9, as the run to resume has it, found 3,8',
    );
  });

  test('the message names the flag, what the run has and what was given', () => {
    expect(() => resumeOptions(stored, { tokenizer: 'word' })).toThrow(
      '--tokenizer: expected char, as the run to resume has it, found word',
    );
    expect(() => resumeOptions(stored, { vocabularySize: 50 })).toThrow(
      '--vocab-size: expected none, as the run to resume has it, found 50',
    );
  });
});

test('resumeOptions refuses what the run’s cell cannot have', () => {
  const of = { ...stored, cell: 'mingru' as const };
  expect(() => resumeOptions(of, { weightDrop: 0.1 })).toThrow('--weight-drop: expected 0');
});

test('resumeOptions refuses what would change nothing', () => {
  const by = (optimizer: TrainOptions['optimizer']): TrainOptions => ({ ...stored, optimizer });
  expect(resumeOptions(by('adamw'), { weightDecay: 0.1 })).toMatchObject({ weightDecay: 0.1 });
  expect(() => resumeOptions(by('adam'), { weightDecay: 0.1 })).toThrow('--weight-decay: expected');
  expect(() => resumeOptions(by('sgd'), { nonMonotone: 3 })).toThrow('--nonmono: expected');
});

test('resumeOptions takes what a run of words was given again', () => {
  const before: TrainOptions = { ...stored, tokenizer: 'word', wordSplit: 'unicode' };
  const given = { resume: true, wordSplit: 'unicode' } as const;
  expect(() => resolveTrainOptions(given)).not.toThrow();
  expect(resumeOptions(before, given)).toMatchObject({ wordSplit: 'unicode' });
});

describe('a learning rate', () => {
  const run = { best: null, plateaus: 2, validLoss: null, rollbacks: 2, finished: false };
  const snapshot = { run } as RunSnapshot;

  test('stays what rollbacks left of it when the run goes on as it was', () => {
    expect(withRate(snapshot, stored, resumeOptions(stored, { maxSteps: 9 }))).toBe(snapshot);
    const sameRate = resumeOptions(stored, { learningRate: stored.learningRate });
    expect(withRate(snapshot, stored, sameRate)).toBe(snapshot);
  });

  test('that is given anew is taken as it is', () => {
    const options = resumeOptions(stored, { learningRate: 0.001 });
    const { rollbacks, ...rest } = run;
    expect(withRate(snapshot, stored, options).run).toEqual({ ...rest, plateaus: 0 });
  });

  test('that now falls at plateaus does not fall for those before', () => {
    const options = resumeOptions(stored, { learningRateDecay: 'plateau' });
    expect(withRate(snapshot, stored, options).run).toEqual({ ...run, plateaus: 0 });
    const before: TrainOptions = { ...stored, learningRateDecay: 'plateau' };
    expect(withRate(snapshot, before, resumeOptions(before, { maxSteps: 9 }))).toBe(snapshot);
  });
});
