import { describe, expect, it } from 'vitest';
import { type PreflightInput, preflight } from './preflight.ts';

/** 3·(4 + 4) + … parameters of a small model, counted by hand below. */
const input: PreflightInput = {
  model: {
    vocabularySize: 10,
    embeddingSize: 4,
    hiddenSize: 4,
    layers: 1,
    gruVariant: 'reset-after',
    dropout: 0,
  },
  train: { tokens: 100_000, unknown: 0 },
  valid: { tokens: 5000, unknown: 50 },
  overlap: { probed: 100, found: 0 },
  vocabulary: 'sized',
  budget: { maxSteps: 1000 },
  tokensPerStep: 500,
  trial: { stepSeconds: 0.1, stepsPerEpoch: 200, peakBytes: 1_000_000 },
  optimizerNumbers: 420,
};

describe('what a run will take', () => {
  it('counts steps, passes, time and memory', () => {
    const figures = preflight(input);
    // Embedding 10·4, gates 12·4 twice with 12 biases each, output 10·4 + 10.
    expect(figures.parameters).toBe(40 + 2 * (48 + 12) + 50);
    expect(figures.tokensPerParameter).toBeCloseTo(100_000 / 210, 9);
    expect(figures.unknownShare).toBe(0.01);
    expect(figures.expectedSteps).toBe(1000);
    expect(figures.expectedEpochs).toBe(5);
    // Eight validations of 5000 tokens, each 2.5 times as fast as training: 0.4 s.
    expect(figures.expectedSeconds).toBeCloseTo(100 + 8 * 0.4, 9);
    expect(figures.expectedBytes).toBe(1_000_000 + (2 * 210 + 420) * 4);
    expect(figures.warnings).toEqual([]);
  });

  it('takes whichever limit comes first', () => {
    const stepsWith = (budget: PreflightInput['budget']) =>
      preflight({ ...input, budget }).expectedSteps;
    expect(stepsWith({ epochs: 2 })).toBe(400);
    expect(stepsWith({ epochs: 2, maxSteps: 300 })).toBe(300);
    // Of 10 s, a sixteenth at most goes to validation.
    expect(stepsWith({ epochs: 2, maxTime: 10 })).toBe(Math.round((10 - 10 / 16) / 0.1));
    expect(stepsWith({ maxTime: 0.001 })).toBe(1);
  });
});

describe('validations', () => {
  const secondsWith = (changes: Partial<PreflightInput>) =>
    preflight({ ...input, ...changes }).expectedSeconds;

  it('are as many as the run makes: fewer of a short one, or as it was told', () => {
    // 15 · 4 steps lie between two of them at least, and one is at the end.
    expect(secondsWith({ budget: { maxSteps: 20 } })).toBeCloseTo(2 + 0.4, 9);
    expect(secondsWith({ budget: { maxSteps: 150 } })).toBeCloseTo(15 + 3 * 0.4, 9);
    expect(secondsWith({ evalEvery: 10 })).toBeCloseTo(100 + 100 * 0.4, 9);
    expect(secondsWith({ evalEvery: 600 })).toBeCloseTo(100 + 2 * 0.4, 9);
  });

  it('leave less of a limited time when they were asked for often', () => {
    const { expectedSteps, expectedSeconds } = preflight({
      ...{ ...input, evalEvery: 10, budget: { maxTime: 14 } },
    });
    expect(expectedSteps).toBe(100);
    expect(expectedSeconds).toBeCloseTo(14, 9);
  });
});

describe('a run that goes on', () => {
  it('is told of what is left', () => {
    const spent = { steps: 300, elapsedSeconds: 30 };
    const left = (budget: PreflightInput['budget']) => preflight({ ...input, budget, spent });
    expect(left({ maxSteps: 1000 }).expectedSteps).toBe(700);
    expect(left({ epochs: 2 })).toMatchObject({ expectedSteps: 100, expectedEpochs: 0.5 });
    expect(left({ maxTime: 40 }).expectedSeconds).toBeLessThanOrEqual(10);
    expect(left({ maxSteps: 300 }).expectedSteps).toBe(1);
  });
});

describe('windows that grow', () => {
  it('take more steps for the same text, or less text in the same steps', () => {
    const grown = (budget: PreflightInput['budget']) =>
      preflight({ ...input, bpttSchedule: 'grow', budget });
    // Tenths of the run by an eighth, a quarter and half of a window, 0.7 of it by whole ones.
    expect(grown({ epochs: 5 })).toMatchObject({ expectedSteps: 2100, expectedEpochs: 5 });
    expect(grown({ maxSteps: 1000 }).expectedEpochs).toBeCloseTo(0.7875 * 5, 9);
    expect(grown({ maxSteps: 1000 }).expectedSeconds).toBeCloseTo(78.75 + 8 * 0.4, 9);
    const left = (steps: number, budget: PreflightInput['budget']) =>
      preflight({
        ...{ ...input, bpttSchedule: 'grow', budget },
        spent: { steps, elapsedSeconds: 0 },
      });
    // All the short ones are made: 1400 steps were three tenths of the text.
    expect(left(1400, { epochs: 5 }).expectedSteps).toBe(700);
    expect(left(1400, { epochs: 5 }).expectedEpochs).toBeCloseTo(3.5, 9);
    // 800 by an eighth, 200 of 400 by a quarter.
    expect(left(1000, { epochs: 5 }).expectedSteps).toBe(200 + 200 + 700);
    expect(left(300, { maxSteps: 1000 }).expectedEpochs).toBeCloseTo(3.5, 9);
  });
});

describe('what looks wrong', () => {
  const warningsWith = (changes: Partial<PreflightInput>) =>
    preflight({ ...input, ...changes }).warnings;

  it('is validation text of unknown tokens', () => {
    expect(warningsWith({ valid: { tokens: 5000, unknown: 5000 } })).toEqual([
      expect.stringContaining('Every validation token is <unk>'),
    ]);
    expect(warningsWith({ valid: { tokens: 5000, unknown: 1500 } })).toEqual([
      expect.stringContaining('30 % of the validation tokens are <unk>'),
    ]);
    expect(warningsWith({ valid: { tokens: 5000, unknown: 999 } })).toEqual([]);
  });

  it('is met by what can be done about it', () => {
    const valid = { tokens: 5000, unknown: 1500 };
    const [sized] = warningsWith({ valid });
    expect(sized).toContain('Give --vocab-size a larger number, or take --tokenizer bpe');
    const [counted] = warningsWith({ valid, vocabulary: 'counted' });
    expect(counted).toContain('Give --min-count a smaller number, or take --tokenizer bpe');
    const model = { ...input.model, vocabularySize: 20_000 };
    const complete = warningsWith({ valid, model, vocabulary: 'complete' });
    expect(complete).toEqual([expect.stringMatching(/alone\. Take --tokenizer bpe/)]);
    const train = { tokens: 100_000, unknown: 60_000 };
    const fixed = warningsWith({ valid, train, model, vocabulary: 'given' });
    expect(fixed).toEqual([
      "30 % of the validation tokens are <unk>, and 60 % of the training tokens: the model's " +
        'vocabulary is of other text. A new run without --init-from and --tokenizer-file has its ' +
        'own.',
    ]);
    const other = warningsWith({ valid: { tokens: 9, unknown: 9 }, vocabulary: 'given' });
    expect(other).toEqual([expect.stringContaining('Check --valid')]);
    const own = warningsWith({ valid, model, vocabulary: 'own' });
    expect(own).toEqual([expect.stringMatching(/predicts that alone\.$/)]);
  });

  it('is held-out text that is in the training text', () => {
    expect(warningsWith({ overlap: { probed: 100, found: 6 } })).toEqual([
      expect.stringContaining(
        'At least 6.0 % of the held-out passages also stand in the training text',
      ),
    ]);
    expect(warningsWith({ overlap: { probed: 100, found: 4 } })).toEqual([]);
    expect(warningsWith({ overlap: { probed: 0, found: 0 } })).toEqual([]);
  });

  it('is a vocabulary that the text is too short for', () => {
    const model = { ...input.model, vocabularySize: 20_000 };
    expect(warningsWith({ model })).toEqual([expect.stringContaining('Give --vocab-size 2500')]);
    expect(warningsWith({ model, train: { tokens: 400_000, unknown: 0 } })).toEqual([]);
  });

  it('is a model that will know the text by heart', () => {
    const trial = { ...input.trial, stepsPerEpoch: 10 };
    const train = { tokens: 20, unknown: 0 };
    expect(warningsWith({ trial, train })).toEqual([expect.stringContaining('by heart')]);
    expect(warningsWith({ trial, train, budget: { maxSteps: 100 } })).toEqual([]);
  });
});
