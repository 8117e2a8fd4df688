/** `gru-lm train --find-lr`: tries learning rates and shows what they do. Nothing is written. */
import type { TrainOptions } from '../config/train-options.ts';
import { withUnknowns } from '../data/unknowns.ts';
import { UserError } from '../errors.ts';
import type { TensorMap } from '../tensor-data.ts';
import { type RatePoint, rateRangeOf, suggestRate, tryRates } from '../training/rate-range.ts';
import type { RunData } from '../training/run-options.ts';
import type { TrainerConfig } from '../training/trainer.ts';
import { plotLogX } from './plot.ts';
import { silentProgress, startProgress } from './progress-bar.ts';
import { outStyle, printJson, printLine } from './terminal.ts';

const PLOT = { width: 60, height: 12 };

export async function findRate(
  config: TrainerConfig,
  { tokenizer, train }: Pick<RunData, 'tokenizer' | 'train'>,
  { json, quiet }: TrainOptions,
  weights: TensorMap | undefined,
  signal: AbortSignal,
): Promise<void> {
  const range = rateRangeOf(config);
  const points: RatePoint[] = [];
  const progress = json || quiet ? silentProgress : startProgress();
  try {
    const { sequence, counts: tokenCounts } = await withUnknowns(train, tokenizer);
    const beginning = { weights, tokenCounts };
    for await (const point of tryRates(config, sequence, signal, range, beginning)) {
      points.push(point);
      if (json) printJson({ event: 'rate', ...point });
      progress.update(points.length / range.steps, [
        `lr ${point.learningRate.toExponential(1)}`,
        `loss ${point.smoothed.toFixed(3)}`,
      ]);
    }
  } finally {
    progress.stop();
  }
  const suggested = suggestRate(points);
  if (suggested === undefined) {
    throw new UserError(
      'no-rate',
      `expected the loss to fall at some learning rate from ${range.lowest} to ${range.highest}, found none`,
      'Give --clip-norm 1 and another --optimizer, or look at what the text has in it.',
    );
  }
  if (json) printJson({ event: 'end', suggestedLearningRate: suggested });
  else if (quiet) printLine(`--lr ${suggested}`);
  else show(points, suggested);
}

function show(points: readonly RatePoint[], suggested: number): void {
  const smoothed = points.map(({ learningRate, smoothed: y }) => ({ x: learningRate, y }));
  printLine('training loss (nats a token, running mean) by learning rate\n');
  const axes = { showX: (x: number) => x.toExponential(0), showY: (y: number) => y.toFixed(2) };
  for (const line of plotLogX(smoothed, { ...PLOT, ...axes })) printLine(line);
  printLine(`\n${outStyle.bold(`--lr ${suggested}`)}: a tenth of where the loss was lowest`);
}
