/** How long the windows of a run are: T, or T by chance, or more and more up to T. */
import type { Random } from '../random.ts';

export type BpttSchedule = 'constant' | 'random' | 'grow';

/**
 * Merity, Keskar & Socher 2017 ("Regularizing and Optimizing LSTM Language Models", section 5, and the
 * bounds of the code that came with it): half of T now and then, and a normal deviation from either.
 */
const HALF_SHARE = 0.05;
const DEVIATION = 5;
/** Of a T for which that would be much, the deviation is this share. */
const MOST_DEVIATION_SHARE = 1 / 8;
/** How far above T a window may go, in deviations. */
const MOST_OVER = 2;
/** Fewer tokens than this, or T, are not worth a step: what is left of an epoch then is left out. */
const SHORTEST = 5;

/** Shares of T for so long of the run each; T from then on. Few, as each costs kernels of its own. */
const GROWTH = { shares: [1 / 8, 1 / 4, 1 / 2], each: 0.1 } as const;

/**
 * The steps of the next window, at most a quarter of T more, or 10.
 *
 * @param bptt T
 * @param progress the share of the run that is done, in [0, 1]
 * @param random draws lengths of `random`
 */
export function windowLength(
  schedule: BpttSchedule,
  bptt: number,
  progress: number,
  random: Random,
): number {
  switch (schedule) {
    case 'constant':
      return bptt;
    case 'random': {
      const mean = random.uniform() < HALF_SHARE ? bptt / 2 : bptt;
      const deviation = Math.min(DEVIATION, MOST_DEVIATION_SHARE * bptt);
      const length = Math.round(mean + deviation * random.normal());
      const longest = bptt + Math.round(MOST_OVER * deviation);
      return Math.min(longest, Math.max(shortestWindow(bptt), length));
    }
    case 'grow': {
      // 0.3 / 0.1 is less than 3.
      const part = Math.floor(progress / GROWTH.each + Number.EPSILON * 4);
      const share = GROWTH.shares[part] ?? 1;
      return Math.max(shortestWindow(bptt), Math.round(share * bptt));
    }
  }
}

/** The parts of a run, from its start, in which windows have the same share of T; `length` is a part's share of it. */
function partsOf(schedule: BpttSchedule): readonly { share: number; length: number }[] {
  if (schedule !== 'grow') return [{ share: 1, length: 1 }];
  const { shares, each } = GROWTH;
  const growing = shares.map((share) => ({ share, length: each }));
  return [...growing, { share: 1, length: 1 - each * shares.length }];
}

/**
 * How long the windows are on average from a point of a run to its end, as a share of T.
 *
 * @param by what the run's limit counts: one by steps makes as many short ones as long ones in their share of it
 * @param from the point, as a share of the run, in [0, 1)
 */
export function meanWindowShare(
  schedule: BpttSchedule,
  by: 'steps' | 'text',
  from: number,
): number {
  let [text, steps, start] = [0, 0, 0];
  for (const { share, length } of partsOf(schedule)) {
    const left = Math.max(0, start + length - Math.max(start, from));
    start += length;
    text += by === 'steps' ? left * share : left;
    steps += by === 'steps' ? left : left / share;
  }
  return steps > 0 ? text / steps : 1;
}

/**
 * The share of its text that a run has read.
 *
 * @param steps as a share of those that windows of T would take for all of it
 */
export function readAfter(schedule: BpttSchedule, steps: number): number {
  let [left, read] = [steps, 0];
  for (const { share, length } of partsOf(schedule)) {
    const made = Math.min(left, length / share);
    left -= made;
    read += made * share;
  }
  return read;
}

/** The fewest steps that a window has, where they differ. */
export function shortestWindow(bptt: number): number {
  return Math.min(SHORTEST, bptt);
}

/**
 * What a window of `steps` takes of the learning rate: windows of chance are learned from in proportion
 * to their length, as the paper has it, or short ones would weigh too much.
 */
export function rateShareOf(schedule: BpttSchedule, bptt: number, steps: number): number {
  return schedule === 'random' ? steps / bptt : 1;
}
