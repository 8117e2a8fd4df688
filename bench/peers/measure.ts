/** What the peers in this process's language share: their settings, the timing, and the answer. */
import type { Answer, Work } from '../work.ts';

/** The settings that this process was started with. */
export const work = JSON.parse(process.argv[2] ?? '{}') as Work;

/** Seconds of each timed call of `step`; the loop is that of measure.py. */
export function timeSteps(step: () => void): number[] {
  let warmUpSteps = 0;
  const warmUpEnd = performance.now() + work.warmUpSeconds * 1000;
  while (warmUpSteps < work.warmUpSteps || performance.now() < warmUpEnd) {
    step();
    warmUpSteps += 1;
  }
  const seconds: number[] = [];
  const end = performance.now() + work.minSeconds * 1000;
  const wantsMore = () =>
    seconds.length < work.minSteps || (seconds.length < work.maxSteps && performance.now() < end);
  while (wantsMore()) {
    const started = performance.now();
    step();
    seconds.push((performance.now() - started) / 1000);
  }
  return seconds;
}

/** Prints what was measured, with the most memory that the process has held. */
export function answer(stepSeconds: number[], versions: Record<string, string>): void {
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  process.stdout.write(
    `${JSON.stringify({ stepSeconds, peakBytes, versions } satisfies Answer)}\n`,
  );
}
