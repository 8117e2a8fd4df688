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
  budget: { maxSteps: 1000 },
  tokensPerStep: 500,
  trial: { stepSeconds: 0.1, stepsPerEpoch: 200, peakBytes: 1_000_000 },
  optimizerNumbers: 2,
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
    expect(figures.expectedBytes).toBe(1_000_000 + 4 * 210 * 4);
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
