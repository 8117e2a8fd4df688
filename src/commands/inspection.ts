import { basename, dirname } from 'node:path';
import type { CheckpointModel } from '../checkpoint/model.ts';
import type { InspectOptions } from '../config/inspection-options.ts';
import type { Saliency } from '../inspection/saliency.ts';
import type { TokenText } from '../inspection/token-text.ts';
import type { Trace } from '../inspection/trace.ts';

/** All that was found out about a text, for its views. */
export interface Inspection {
  model: CheckpointModel;
  /** What to call the text. */
  label: string;
  trace: Trace;
  texts: TokenText[];
  /** Of the places that were asked for, in ascending order. */
  saliencies: Saliency[];
  options: InspectOptions;
}

/** The run and the step: `corpus/step-00002000`. */
export function checkpointName({ model }: Pick<Inspection, 'model'>): string {
  const { path } = model.checkpoint;
  return `${basename(dirname(path))}/${basename(path)}`;
}
