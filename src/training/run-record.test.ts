import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RunRecord } from './run-record.ts';
import type { HistoryEntry, RunSnapshot } from './run-snapshot.ts';

/** The history of a run with a sample at each of its validations, interrupted after some of these. */
function historyOf(validations: number, interruptions: readonly number[] = []): HistoryEntry[] {
  let record = new RunRecord();
  for (let step = 1; step <= validations; step++) {
    record.addStep(2, { epoch: 0, learningRate: 0.1 });
    record.addValidation({ step, natsPerToken: 1, seconds: 1, elapsedSeconds: step });
    record.addSample(`sample ${step}`);
    if (interruptions.includes(step)) {
      record = new RunRecord(
        JSON.parse(JSON.stringify(record.snapshot(false, step))) as RunSnapshot,
      );
    }
  }
  return [...record.snapshot(true, validations).history];
}

describe('the samples in a history', () => {
  it('are all there of a short run, each beside its validation', () => {
    const samples = historyOf(64).map(({ sample }) => sample);
    expect(samples).toEqual(samples.map((_, i) => `sample ${i + 1}`));
  });

  it('are at most 64, the first and the last among them, the same however often it stopped', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 65, max: 400 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 4 }),
        (validations, interruptions) => {
          const history = historyOf(validations, interruptions);
          expect(history).toEqual(historyOf(validations));
          const sampled = history.filter(({ sample }) => sample !== undefined);
          expect(sampled.length).toBeLessThanOrEqual(64);
          expect(sampled.length).toBeGreaterThan(32);
          expect([sampled[0]?.step, sampled.at(-1)?.step]).toEqual([1, validations]);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('are cut where they are long, and not in the middle of a character', () => {
    const record = new RunRecord();
    record.addValidation({ step: 1, natsPerToken: 1, seconds: 1, elapsedSeconds: 1 });
    record.addSample(`x${'😀'.repeat(600)}`);
    const { sample } = record.snapshot(true, 1).history[0] as HistoryEntry;
    expect(sample).toBe(`x${'😀'.repeat(499)}`);
  });
});
