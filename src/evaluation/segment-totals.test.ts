import { describe, expect, it } from 'vitest';
import { SegmentTotals } from './segment-totals.ts';

describe('totals by segments', () => {
  const losses = Float32Array.of(1, 2, 4, 8, 16, 32); // of the tokens at places 1 … 6
  const targets = Int32Array.of(0, 5, 0, 5, 5, 0);
  const scored = (from: number, to: number) => ({
    start: 1 + from,
    targets: targets.subarray(from, to),
    losses: losses.subarray(from, to),
  });

  it('leave out what is before the first segment, and may have segments without tokens', () => {
    const totals = new SegmentTotals(Float64Array.of(2, 4, 4, 7), { unknownId: 0 });
    totals.add(scored(0, 6));
    expect([...totals.nats]).toEqual([2 + 4, 0, 8 + 16 + 32]);
    expect(totals).toMatchObject({ tokens: 5, oovTokens: 2 });
  });

  it('leave out ends of texts', () => {
    const ids = { unknownId: 0, endOfTextId: 5 };
    const totals = new SegmentTotals(Float64Array.of(2, 4, 4, 7), ids);
    totals.add(scored(0, 6));
    expect([...totals.nats]).toEqual([4, 0, 32]);
    expect(totals).toMatchObject({ tokens: 2, oovTokens: 2 });
  });

  it('are the same however the losses come', () => {
    const totals = new SegmentTotals(Float64Array.of(2, 4, 4, 7), { unknownId: 0 });
    for (const [from, to] of [
      [0, 1],
      [1, 4],
      [4, 4],
      [4, 6],
    ] as const) {
      totals.add(scored(from, to));
    }
    expect([...totals.nats]).toEqual([6, 0, 56]);
  });
});
