/**
 * A layer's units over a whole text. Shapes: N tokens, H units.
 *
 * Where a gate counts as shut or open, and a state as saturated, is as in Karpathy, Johnson and Fei-Fei,
 * "Visualizing and understanding recurrent networks", 2015.
 */
import { type Activity, isGate } from './activity.ts';
import type { LayerTrace } from './trace.ts';

/** Below it a gate is shut. */
export const SHUT = 0.1;
/** Above it a gate is open, and a state or cell, by its absolute value, saturated. */
export const OPEN = 0.9;
/** A unit whose state moves within less than this over all of a text says nothing of it. */
const STILL = 0.01;

export interface ActivitySummary {
  activity: Activity;
  /** Over all tokens and units: of a gate; of a state or cell, of its absolute value. */
  mean: number;
  /** The share of tokens and units at which a gate is shut; of a state or cell, always 0. */
  shut: number;
  /** The share at which a gate is open, or a state or cell saturated. */
  open: number;
}

export interface LayerSummary {
  activities: ActivitySummary[];
  /** The units whose state is farthest from 0 on average, with that mean of absolute values. */
  mostActive: { unit: number; mean: number }[];
  /** How many units are saturated at nine tokens in ten or more. */
  saturatedUnits: number;
  /** How many units' states move within less than {@link STILL}; of one token, none do. */
  deadUnits: number;
}

/** @param most how many of the most active units to name */
export function summariseLayer({ units: H, activities }: LayerTrace, most: number): LayerSummary {
  const state = activities.state as Float32Array;
  const N = state.length / H;
  const means = new Float64Array(H);
  let [saturatedUnits, deadUnits] = [0, 0];
  for (let unit = 0; unit < H; unit++) {
    let [sum, saturated, low, high] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = unit; i < state.length; i += H) {
      const value = state[i]!;
      sum += Math.abs(value);
      if (Math.abs(value) > OPEN) saturated += 1;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    means[unit] = sum / N;
    if (saturated >= OPEN * N) saturatedUnits += 1;
    if (N > 1 && high - low < STILL) deadUnits += 1;
  }
  return {
    activities: Object.entries(activities).map(([name, values]) =>
      summariseActivity(name as Activity, values),
    ),
    mostActive: highest(means, most).map((unit) => ({ unit, mean: means[unit]! })),
    saturatedUnits,
    deadUnits,
  };
}

/** Of some values of an activity, such as those of all units at one token. */
export function summariseActivity(activity: Activity, values: Float32Array): ActivitySummary {
  const gate = isGate(activity);
  let [sum, shut, open] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = gate ? values[i]! : Math.abs(values[i]!);
    sum += value;
    if (gate && value < SHUT) shut += 1;
    if (value > OPEN) open += 1;
  }
  const count = values.length;
  return { activity, mean: sum / count, shut: shut / count, open: open / count };
}

/** The units whose states vary most over the text, by their variance, in ascending order. */
export function mostVaryingUnits({ units: H, activities }: LayerTrace, most: number): number[] {
  const state = activities.state as Float32Array;
  const N = state.length / H;
  const variances = new Float64Array(H);
  for (let unit = 0; unit < H; unit++) {
    let [sum, squares] = [0, 0];
    for (let i = unit; i < state.length; i += H) sum += state[i]!;
    const mean = sum / N;
    for (let i = unit; i < state.length; i += H) squares += (state[i]! - mean) ** 2;
    variances[unit] = squares / N;
  }
  return highest(variances, most).sort((a, b) => a - b);
}

/** The indices of the `most` highest values, highest first, of equal ones the lower index first. */
function highest(values: Float64Array, most: number): number[] {
  return Array.from(values.keys())
    .sort((a, b) => values[b]! - values[a]! || a - b)
    .slice(0, most);
}
