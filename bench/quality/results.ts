/** What training with a setting came to, and the tables of it. */
import { median } from '../statistics.ts';
import { columnsOf, type Table } from '../table.ts';
import type { Experiment } from './settings.ts';

/** One run. */
export interface Result {
  experiment: string;
  setting: string;
  /** What it was run with; a setting that has changed since is run anew. */
  flags: string[];
  seed: number;
  steps: number;
  tokensPerSecond: number;
  /** Of the final weights, over the whole validation part with the state carried on. */
  natsPerToken: number;
}

/** What training with `--json` printed at last: one JSON object a line, but for a first that is cut. */
export function resultOf(
  run: Pick<Result, 'experiment' | 'setting' | 'flags' | 'seed'>,
  output: string,
): Result {
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
    ...run,
    steps: step.step as number,
    tokensPerSecond: median(speeds.map(({ tokensPerSecond }) => tokensPerSecond as number)),
    natsPerToken: evaluation.natsPerToken as number,
  };
}

/** What the table calls an n-gram model. */
export function ngramName(order: number): string {
  return `Kneser–Ney, ${order}-grams`;
}

/** The results of an experiment's settings as they are now, the best median first. */
export function tableOf(experiment: Experiment, results: readonly Result[]): Table {
  const medianOf = (name: string) => {
    const nats = natsOf(experiment, name, results);
    return nats.length > 0 ? median(nats) : Number.NaN;
  };
  const base = medianOf('base');
  const names = [...Object.keys(experiment.settings), ...experiment.ngrams.map(ngramName)];
  const measured = names.filter((name) => medianOf(name) > 0);
  const rows = measured
    .toSorted((a, b) => medianOf(a) - medianOf(b))
    .map((name) => {
      const runs = runsOf(experiment, name, results);
      const nats = runs.map(({ natsPerToken }) => natsPerToken);
      const middle = median(nats);
      return [
        name,
        middle.toFixed(4),
        name === 'base' ? '' : signed(middle - base),
        Math.exp(middle).toFixed(3),
        `${Math.min(...nats).toFixed(4)} to ${Math.max(...nats).toFixed(4)}`,
        `${nats.length}`,
        ...(name in experiment.settings
          ? [
              `${median(runs.map(({ steps }) => steps))}`,
              `${Math.round(median(runs.map(({ tokensPerSecond }) => tokensPerSecond)))}`,
            ]
          : ['', '']),
        (experiment.settings[name] ?? []).join(' '),
      ];
    });
  const columns = ['setting', 'nats', 'against base', 'perplexity', 'from, to', 'seeds', 'steps'];
  return {
    title: experiment.title,
    subtitle: `base: ${experiment.base.join(' ')}`,
    columns: columnsOf(...columns, 'tokens/s', 'changed'),
    rows,
    notes: [],
  };
}

export function flagsOf({ base, settings }: Experiment, setting: string): string[] {
  return [...base, ...(settings[setting] ?? [])];
}

/** The runs of a setting as it is now. */
export function runsOf(
  experiment: Experiment,
  setting: string,
  results: readonly Result[],
): Result[] {
  const flags = flagsOf(experiment, setting).join(' ');
  return results.filter(
    (found) =>
      found.experiment === experiment.name &&
      found.setting === setting &&
      found.flags.join(' ') === flags,
  );
}

function natsOf(experiment: Experiment, setting: string, results: readonly Result[]): number[] {
  return runsOf(experiment, setting, results).map(({ natsPerToken }) => natsPerToken);
}

function signed(difference: number): string {
  return `${difference < 0 ? '−' : '+'}${Math.abs(difference).toFixed(4)}`;
}
