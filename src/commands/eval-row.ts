/** A row of what `eval` shows, and what it is made from. */
import type { CheckpointModel } from '../checkpoint/model.ts';
import type { TokenizedPart } from '../data/dataset.ts';
import type { EvaluationReport } from '../evaluation/report.ts';
import type { TextSize } from '../evaluation/text-size.ts';
import type { Weights } from '../model/language-model.ts';
import type { Precision } from '../ops/tensorflow-binding.ts';
import type { Convention } from './eval-convention.ts';
import type { Progress } from './progress-bar.ts';

/** A model's figures. */
export interface EvalRow {
  /** As the table names it, in at most 12 characters. */
  name: string;
  /** The name of its object in `--json`; undefined: its figures stand at the top, as the run's own do. */
  key?: string;
  /** Whatever else it holds, `--json` gives too. */
  report: EvaluationReport;
  /** What is to be said of it below the table; a line is broken at `; `. */
  note?: string;
}

/** What is scored, and by what: all that a row is made from. */
export interface EvalContext {
  model: CheckpointModel;
  /** The model's, on the backend. */
  weights: Weights;
  precision: Precision;
  /** The tokens of the text. */
  part: TokenizedPart;
  /** Which of them are scored, and from where on the model has read. */
  convention: Convention;
  /** What the scored tokens stand for: that of `convention`. */
  size: TextSize;
  /** For work that takes long; silent where nobody would see it. To be stopped. */
  startProgress: () => Progress;
  signal: AbortSignal;
}
