/** What a run of the benchmark found: all raw figures, from which every table is made. */
import type { PeerName } from './peers.ts';
import type { Profile } from './profile.ts';
import { type Size, sizeOf, trainingFlopsPerToken } from './sizes.ts';
import { median } from './statistics.ts';
import { productGflops, sampledTokens } from './work.ts';

/** The parts of the benchmark, in the order of the output. */
export const parts = [
  'ceiling',
  'training',
  'sweep',
  'sampling',
  'cold',
  'memory',
  'wasm',
  'profile',
] as const;

export type Part = (typeof parts)[number];

/** The parts of which each process answers one figure. */
export type MeasuredPart = Exclude<Part, 'memory' | 'profile'>;

/** One process of one round. */
export interface Measurement {
  part: MeasuredPart;
  /** The name of a size; absent where it does not matter. */
  size?: string;
  peer: PeerName;
  /** Counted from 1. */
  round: number;
  /** The figure: tokens a second, GFLOP/s for the ceiling, seconds for a cold start. */
  value: number;
  /** What it is made of. */
  stepSeconds: number[];
  peakBytes?: number;
}

/** What could not be measured, and why. */
export interface Failure {
  part?: Part;
  size?: string;
  peer: PeerName;
  round?: number;
  reason: string;
}

export interface Machine {
  processor: string;
  cores: number;
  memoryBytes: number;
  system: string;
  /** Processes that wanted to run, averaged over a minute, before ours did. */
  loadBefore: number;
}

export interface Results {
  format: 1;
  date: string;
  machine: Machine;
  settings: { rounds: number; threads: number; minSteps: number; minSeconds: number };
  versions: Record<string, string>;
  measurements: Measurement[];
  failures: Failure[];
  profiles: Profile[];
}

/** The figure of a process that timed these steps. */
export function figureOf(part: MeasuredPart, size: Size | undefined, seconds: number[]): number {
  const step = median(seconds);
  if (part === 'cold') return step;
  if (part === 'ceiling') return productGflops / step;
  if (part === 'sampling') return sampledTokens / step;
  if (size === undefined) throw new Error(`${part} has no size`);
  return (size.batch * size.steps) / step;
}

/** Measurements of a part, a size and a peer, by round. */
export function select(
  { measurements }: Results,
  part: MeasuredPart,
  { size, peer }: { size?: string | undefined; peer?: PeerName } = {},
): Measurement[] {
  return measurements.filter(
    (found) =>
      found.part === part &&
      (size === undefined || found.size === size) &&
      (peer === undefined || found.peer === peer),
  );
}

/** The machine's ceiling in GFLOP/s: the best library's median; undefined if it was not measured. */
export function ceilingOf(results: Results): number | undefined {
  const measured = select(results, 'ceiling');
  if (measured.length === 0) return undefined;
  const medians = [...new Set(measured.map(({ peer }) => peer))].map((peer) =>
    median(measured.filter((found) => found.peer === peer).map(({ value }) => value)),
  );
  return Math.max(...medians);
}

/** The share of the ceiling that training at this many tokens a second is. */
export function shareOfCeiling(
  results: Results,
  size: string,
  tokensPerSecond: number,
): number | undefined {
  const ceiling = ceilingOf(results);
  if (ceiling === undefined) return undefined;
  return (tokensPerSecond * trainingFlopsPerToken(sizeOf(size))) / (ceiling * 1e9);
}
