/** What `--init-from` decides of a run's options. */
import { assertAsStored } from './as-stored.ts';
import { tokenizerOptions } from './shared.ts';
import type { GivenTrainOptions, TrainOptions } from './train-options.ts';

/** What weights are of: tokens, and a model, but for what is dropped of it and regularised. */
const FIXED = [
  ...(Object.keys(tokenizerOptions) as (keyof typeof tokenizerOptions)[]),
  ...(['cell', 'gruVariant', 'activation', 'embeddingSize', 'hiddenSize', 'layers'] as const),
  ...(['tied', 'softmax', 'softmaxCutoffs', 'outputBias', 'residual', 'norm'] as const),
  ...(['attention', 'attentionSpan'] as const),
] satisfies (keyof TrainOptions)[];

/**
 * The options that weights decide, those of the run that made them.
 *
 * @param stored that run's
 * @throws UserError `usage` naming one that is given otherwise
 */
export function optionsOfWeights(
  stored: TrainOptions,
  given: GivenTrainOptions,
): Partial<TrainOptions> {
  for (const name of FIXED) assertAsStored(name, stored, given, 'init-from');
  return Object.fromEntries(FIXED.map((name) => [name, stored[name]]));
}
