/** The losses of a run as a plot for a terminal, from as many steps as there may be. */
import type { HistoryRow } from '../journal/history-rows.ts';
import type { Size } from './live-region.ts';
import { type Point, plotLines } from './plot.ts';
import { count, errorStyle } from './terminal.ts';

/** Steps are taken together where there would be more points. */
const MOST_POINTS = 256;
const LEAST = { columns: 40, rows: 11, height: 5 };
const LARGEST = { width: 120, height: 12 };
/** The first losses are many times those that follow: where this share of the steps lies higher, it is cut. */
const STEEP_SHARE = 0.1;
const MARKS = { train: '•', valid: 'x' };

/** The mean over some steps. */
interface Bin {
  steps: number;
  stepSum: number;
  lossSum: number;
}

export class LossCurve {
  #bins: Bin[] = [];
  #stepsABin = 1;
  /** The first and the last step. */
  #range = { left: Number.POSITIVE_INFINITY, right: 0 };
  #validations: Point[] = [];

  addStep(step: number, loss: number): void {
    this.#range = { left: Math.min(step, this.#range.left), right: step };
    const last = this.#bins.at(-1);
    if (last !== undefined && last.steps < this.#stepsABin) {
      last.steps += 1;
      last.stepSum += step;
      last.lossSum += loss;
      return;
    }
    this.#bins.push({ steps: 1, stepSum: step, lossSum: loss });
    if (this.#bins.length <= MOST_POINTS) return;
    this.#stepsABin *= 2;
    this.#bins = inPairs(this.#bins);
  }

  addValidation(step: number, natsPerToken: number): void {
    this.#validations.push({ x: step, y: natsPerToken });
    if (this.#validations.length <= MOST_POINTS) return;
    this.#validations = this.#validations.filter((_, i) => i % 2 === 0);
  }

  /** What an earlier session has recorded. */
  addPast(rows: readonly HistoryRow[]): void {
    for (const { step, trainLoss, validNats } of rows) {
      if (trainLoss !== undefined) this.addStep(step, trainLoss);
      if (validNats !== undefined) this.addValidation(step, validNats);
    }
  }

  /** Forgets what came after a step, to which the run has gone back. */
  goBack(step: number): void {
    this.#range = { ...this.#range, right: step };
    this.#bins = this.#bins.filter(({ steps, stepSum }) => stepSum / steps <= step);
    this.#validations = this.#validations.filter(({ x }) => x <= step);
  }

  /** The plot for below a bar on a terminal of this size; no lines if it has no room or there is nothing to show. */
  lines({ columns, rows }: Size): string[] {
    if (columns < LEAST.columns || rows < LEAST.rows || this.#bins.length < 2) return [];
    const train = this.#bins.map(({ steps, stepSum, lossSum }) => ({
      x: stepSum / steps,
      y: lossSum / steps,
    }));
    const { left, right } = this.#range;
    const lines = plotLines(
      [
        { points: train, mark: MARKS.train, style: errorStyle.cyan },
        {
          points: this.#validations.filter(({ x }) => x >= left && x <= right),
          mark: MARKS.valid,
          style: errorStyle.yellow,
        },
      ],
      {
        // The last place of a line stays free.
        columns: Math.min(columns - 1, LARGEST.width),
        height: Math.min(LARGEST.height, Math.max(LEAST.height, Math.floor(rows / 2))),
        left,
        right,
        steepShare: STEEP_SHARE,
        showX: (x) => `step ${count(x)}`,
        showY: (y) => y.toFixed(3),
      },
    );
    return [...lines, legend(this.#validations.length > 0)];
  }
}

function legend(isValidated: boolean): string {
  const train = `nats a token: ${errorStyle.cyan(MARKS.train)} training`;
  return isValidated ? `${train}, ${errorStyle.yellow(MARKS.valid)} validation` : train;
}

function inPairs(bins: readonly Bin[]): Bin[] {
  const pairs: Bin[] = [];
  for (let i = 0; i < bins.length; i += 2) {
    const [a, b] = [bins[i]!, bins[i + 1]];
    pairs.push({
      steps: a.steps + (b?.steps ?? 0),
      stepSum: a.stepSum + (b?.stepSum ?? 0),
      lossSum: a.lossSum + (b?.lossSum ?? 0),
    });
  }
  return pairs;
}
