/** What a run of `train --json` came to. */
import { median } from '../statistics.ts';

export interface Outcome {
  steps: number;
  /** Of the median step. */
  tokensPerSecond: number;
  /** Of the final weights, over the whole validation part with the state carried on. */
  natsPerToken: number;
}

/** From what was printed at last: one JSON object a line, but for a first that may be cut. */
export function outcomeOf(output: string): Outcome {
  const events = output
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const last = (type: string) => events.findLast(({ event }) => event === type) ?? {};
  const [step, evaluation] = [last('step'), last('eval')];
  if (step.step !== evaluation.step) {
    throw new Error(`expected the weights of step ${step.step} evaluated, not ${evaluation.step}`);
  }
  const speeds = events.filter(({ event }) => event === 'step');
  return {
    steps: step.step as number,
    tokensPerSecond: median(speeds.map(({ tokensPerSecond }) => tokensPerSecond as number)),
    natsPerToken: evaluation.natsPerToken as number,
  };
}
