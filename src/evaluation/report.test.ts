import { describe, expect, it } from 'vitest';
import { meanLoss, reportOn } from './report.ts';

const losses = Float32Array.of(0.5, 2, 1.5, 4);
const text = { ids: Int32Array.of(9, 1, 0, 2, 0), unknownId: undefined, characters: 16, bytes: 20 };

describe('a report', () => {
  it('takes its figures from the total and divides once', () => {
    const report = reportOn(losses, text);
    expect(report.tokens).toBe(4);
    expect(report.natsPerToken).toBe(2);
    expect(report.perplexity).toBeCloseTo(Math.exp(2), 12);
    expect(report.bitsPerCharacter).toBeCloseTo(8 / Math.LN2 / 16, 12);
    expect(report.bitsPerByte).toBeCloseTo(8 / Math.LN2 / 20, 12);
  });

  it('leaves out-of-vocabulary tokens in the one perplexity and out of the other', () => {
    // Targets 1, 0, 2, 0: losses 2 and 4 are of unknown tokens; the first id is never scored.
    const report = reportOn(losses, { ...text, unknownId: 0 });
    expect(report.oovTokens).toBe(2);
    expect(report.perplexity).toBeCloseTo(Math.exp(2), 12);
    expect(report.perplexityWithoutOov).toBeCloseTo(Math.exp((0.5 + 1.5) / 2), 12);
  });

  it('has one perplexity where nothing is out of the vocabulary', () => {
    for (const unknownId of [undefined, 9]) {
      const report = reportOn(losses, { ...text, unknownId });
      expect(report.oovTokens).toBe(0);
      expect(report.perplexityWithoutOov).toBe(report.perplexity);
    }
  });

  it('adds up a million losses without float32 rounding', () => {
    const many = new Float32Array(1_000_000).fill(0.1);
    expect(meanLoss(many)).toBeCloseTo(Math.fround(0.1), 9);
    expect(reportOn(many, text).natsPerToken).toBeCloseTo(Math.fround(0.1), 9);
  });
});
