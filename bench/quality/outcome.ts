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
  const events = eventsOf(output);
  const [step, evaluation] = [lastOf('step', events), lastOf('eval', events)];
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

/** Steps a second from the end of the first that is told of to the end of the last. */
export function stepsPerSecondOf(output: string): number {
  const events = eventsOf(output);
  const [first, last] = [events.find(({ event }) => event === 'step'), lastOf('step', events)];
  const between = (name: string) => (last[name] as number) - (first?.[name] as number);
  if (first === last) throw new Error('expected two steps or more, found one');
  return between('step') / between('elapsedSeconds');
}

type Event = Record<string, unknown>;

function eventsOf(output: string): Event[] {
  const lines = output.trim().split('\n').slice(1);
  return lines.map((line) => JSON.parse(line) as Event);
}

function lastOf(type: string, events: readonly Event[]): Event {
  return events.findLast(({ event }) => event === type) ?? {};
}
