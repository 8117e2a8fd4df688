import { describe, expect, it } from 'vitest';
import type { LayerTrace } from './trace.ts';
import { mostVaryingUnits, summariseLayer } from './units.ts';

/** Four tokens of a layer of four units, written token by token. */
const layer: LayerTrace = {
  units: 4,
  below: undefined,
  activities: {
    update: Float32Array.from([
      ...[0.05, 0.5, 0.95, 0.2],
      ...[0.05, 0.5, 0.95, 0.2],
      ...[0.05, 0.5, 0.05, 0.2],
      ...[0.05, 0.5, 0.05, 0.2],
    ]),
    state: Float32Array.from([
      // Saturated with both signs; never moved; moves a little; moves much.
      ...[0.95, 0.3, 0.1, -0.8],
      ...[-0.99, 0.305, 0.2, 0.8],
      ...[0.95, 0.3, 0.1, -0.4],
      ...[0.92, 0.3, 0.2, 0.4],
    ]),
  },
};

describe('a summary of a layer', () => {
  it('has means and shares over all tokens and units, of states by their absolute values', () => {
    const { activities } = summariseLayer(layer, 1);
    expect(activities.map(({ activity }) => activity)).toEqual(['update', 'state']);
    expect(activities[0]!.mean).toBeCloseTo(
      (4 * 0.05 + 4 * 0.5 + 2 * 0.95 + 2 * 0.05 + 4 * 0.2) / 16,
      6,
    );
    expect(activities[0]).toMatchObject({ shut: 6 / 16, open: 2 / 16 });
    expect(activities[1]!.mean).toBeCloseTo((3.81 + 1.205 + 0.6 + 2.4) / 16, 6);
    expect(activities[1]).toMatchObject({ shut: 0, open: 4 / 16 });
  });

  it('names the units that are farthest from 0, and counts those that are saturated or dead', () => {
    const { mostActive, saturatedUnits, deadUnits } = summariseLayer(layer, 2);
    expect(mostActive.map(({ unit }) => unit)).toEqual([0, 3]);
    expect(mostActive[0]!.mean).toBeCloseTo(3.81 / 4, 6);
    expect(saturatedUnits).toBe(1);
    expect(deadUnits).toBe(1); // unit 1 moves by 0.005
  });

  it('calls no unit dead that was seen at one token', () => {
    const state = Float32Array.of(0.3, 0);
    const one: LayerTrace = { units: 2, below: undefined, activities: { state } };
    expect(summariseLayer(one, 1).deadUnits).toBe(0);
  });
});

describe('the units that vary most', () => {
  it('are those of the largest variance, in ascending order', () => {
    expect(mostVaryingUnits(layer, 2)).toEqual([0, 3]);
    expect(mostVaryingUnits(layer, 3)).toEqual([0, 2, 3]);
    expect(mostVaryingUnits(layer, 9)).toEqual([0, 1, 2, 3]);
  });
});
