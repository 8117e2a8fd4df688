/** The table of full and adaptive softmaxes. */
import { count, range, ratio } from './figures.ts';
import type { Outcome } from './quality/outcome.ts';
import { median, pairedRatios, summarise } from './statistics.ts';
import { columnsOf, type Table } from './table.ts';

export const SOFTMAXES = ['full', 'adaptive'] as const;
export const PRECISIONS = ['float32', 'bfloat16'] as const;

export interface Subject {
  softmax: (typeof SOFTMAXES)[number];
  precision: (typeof PRECISIONS)[number];
}

/** A subject's run of a round. */
export interface Measured extends Subject, Outcome {
  round: number;
}

/** A row a subject; ratios are to the full softmax in the same precision. */
export function softmaxTable(
  measured: readonly Measured[],
  heading: { title: string; subtitle: string },
): Table {
  const runsOf = (softmax: Subject['softmax'], precision: Subject['precision']) =>
    measured
      .filter((run) => run.softmax === softmax && run.precision === precision)
      .map((run) => ({ ...run, value: run.tokensPerSecond }));
  const rows = PRECISIONS.flatMap((precision) => {
    const full = runsOf('full', precision);
    return SOFTMAXES.map((softmax) => ({ softmax, runs: runsOf(softmax, precision) }))
      .filter(({ runs }) => runs.length > 0)
      .map(({ softmax, runs }) => {
        const speed = summarise(runs.map(({ value }) => value));
        const perplexity = summarise(runs.map(({ natsPerToken }) => Math.exp(natsPerToken)));
        const ratios = softmax === 'full' ? [] : pairedRatios(runs, full);
        return [
          `${softmax}, ${precision}`,
          count(speed.median),
          range(speed.lowest, speed.highest),
          ...(ratios.length > 0
            ? [ratio(median(ratios)), range(Math.min(...ratios), Math.max(...ratios), ratio)]
            : ['', '']),
          perplexity.median.toFixed(1),
          range(perplexity.lowest, perplexity.highest, (value) => value.toFixed(1)),
        ];
      });
  });
  const speeds = ['tokens/s', 'lowest–highest', 'adaptive ÷ full', 'by round'];
  const columns = columnsOf('softmax', ...speeds, 'perplexity', 'lowest–highest');
  return { ...heading, columns, rows, notes: [] };
}
