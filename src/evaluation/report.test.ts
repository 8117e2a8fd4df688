import { describe, expect, it } from 'vitest';
import { LossTotals } from './report.ts';

const losses = Float32Array.of(0.5, 2, 1.5, 4);
const targets = Int32Array.of(1, 0, 2, 0);
const text = { characters: 16, bytes: 20, words: 5 };

function totalsOf(unknownId?: number): LossTotals {
  const totals = new LossTotals(unknownId);
  totals.add({ targets, losses });
  return totals;
}

describe('a report', () => {
  it('takes its figures from the total and divides once', () => {
    const report = totalsOf().report(text);
    expect(report.tokens).toBe(4);
    expect(report.natsPerToken).toBe(2);
    expect(report.perplexity).toBeCloseTo(Math.exp(2), 12);
    expect(report.bitsPerCharacter).toBeCloseTo(8 / Math.LN2 / 16, 12);
    expect(report.bitsPerByte).toBeCloseTo(8 / Math.LN2 / 20, 12);
    expect(report.perplexityPerWord).toBeCloseTo(Math.exp(8 / 5), 12);
    expect(report.words).toBe(5);
  });

  it('leaves out-of-vocabulary tokens in the one perplexity and out of the other', () => {
    const report = totalsOf(0).report(text); // losses 2 and 4
    expect(report.oovTokens).toBe(2);
    expect(report.perplexity).toBeCloseTo(Math.exp(2), 12);
    expect(report.perplexityWithoutOov).toBeCloseTo(Math.exp((0.5 + 1.5) / 2), 12);
  });

  it('has one perplexity where nothing is out of the vocabulary', () => {
    for (const unknownId of [undefined, 9]) {
      const report = totalsOf(unknownId).report(text);
      expect(report.oovTokens).toBe(0);
      expect(report.perplexityWithoutOov).toBe(report.perplexity);
    }
  });

  it('has no figure by a size that scored tokens do not have', () => {
    // An unknown first token has a longer name than the text that it stands for.
    const nothing = totalsOf(0).report({ characters: 0, bytes: -2, words: 0 });
    expect(nothing).toMatchObject({
      bitsPerCharacter: Number.NaN,
      bitsPerByte: Number.NaN,
      perplexityPerWord: Number.NaN,
    });
  });

  it('is the same however the losses came', () => {
    const totals = new LossTotals(0);
    for (const [from, to] of [
      [0, 1],
      [1, 1],
      [1, 4],
    ]) {
      totals.add({ targets: targets.subarray(from, to), losses: losses.subarray(from, to) });
    }
    expect(totals.report(text)).toEqual(totalsOf(0).report(text));
  });

  it('adds up a million losses without float32 rounding', () => {
    const totals = new LossTotals();
    const many = new Float32Array(250_000).fill(0.1);
    for (let i = 0; i < 4; i++) totals.add({ targets: new Int32Array(many.length), losses: many });
    expect(totals.mean).toBeCloseTo(Math.fround(0.1), 9);
    expect(totals.report(text).natsPerToken).toBe(totals.mean);
  });
});
