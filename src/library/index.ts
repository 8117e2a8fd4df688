/**
 * gru-lm for programs: the commands `train`, `sample` and `eval`, which print nothing, end no process and listen
 * for no signals here. docs/library.md shows how they are used.
 */
import type { CallOptions } from './call-options.ts';
import type { EvaluationResult, Sample, SampleStreamEvent, TrainEvent } from './events.ts';
import type { EvaluateOptions, SampleOptions, TrainOptions } from './options.ts';

export { UserError } from '../errors.ts';
export type { CallOptions } from './call-options.ts';
export type * from './events.ts';
export type { EvaluateOptions, SampleOptions, TrainOptions } from './options.ts';

/**
 * Trains a model on texts, as `gru-lm train` does. An aborted signal makes it save and end with the event
 * `stopped`; leaving the loop does as well.
 *
 * @param corpus files, directories or globs; `-` is standard input
 * @throws UserError for what is wrong with the options, the texts, the machine or the run
 */
export async function* train(
  corpus: string | readonly string[],
  options: TrainOptions & CallOptions = {},
): AsyncGenerator<TrainEvent, void, undefined> {
  const [{ callCommand }, { trainTable }] = await modules();
  const load = () => import('../commands/train.ts');
  yield* callCommand({ load, table: trainTable, operands: [corpus].flat() }, options);
}

/**
 * Makes texts with a model, as `gru-lm sample` does. An aborted signal ends those that have begun where they are;
 * with `beam` there is nothing of those that are looked for.
 *
 * @param checkpoint a run or a checkpoint; undefined: the newest run under ./checkpoints
 * @throws UserError for what is wrong with the options, the checkpoint or the machine
 */
export async function* sample(
  checkpoint?: string,
  options: SampleOptions & CallOptions = {},
): AsyncGenerator<Sample, void, undefined> {
  const [{ callCommand }, { sampleTable }] = await modules();
  const load = () => import('../commands/sample.ts');
  yield* callCommand({ load, table: sampleTable, operands: operandsOf(checkpoint) }, options);
}

/**
 * As {@link sample}, and gives each text while it is made: an event `start`, a `piece` for each token, and an `end`
 * with all of it. With `beam`, where a text is known when all are found, there is no `piece`. An aborted signal ends
 * the text where it is.
 *
 * @throws UserError as {@link sample}
 */
export async function* sampleStream(
  checkpoint?: string,
  options: SampleOptions & CallOptions = {},
): AsyncGenerator<SampleStreamEvent, void, undefined> {
  const [{ callCommand }, { sampleTable }] = await modules();
  const load = () => import('../commands/sample.ts');
  const operands = operandsOf(checkpoint);
  yield* callCommand({ load, table: sampleTable, operands, isStreamed: true }, options);
}

/**
 * Measures a model on the text that was held out, or on other texts, as `gru-lm eval` does.
 *
 * @param checkpoint as of {@link sample}
 * @throws UserError as {@link sample}; the reason of the signal if that aborts
 */
export async function evaluate(
  checkpoint?: string,
  options: EvaluateOptions & CallOptions = {},
): Promise<EvaluationResult> {
  const [{ callCommand }, { evaluateTable }] = await modules();
  const load = () => import('../commands/eval.ts');
  const call = { load, table: evaluateTable, operands: operandsOf(checkpoint) };
  const results: EvaluationResult[] = [];
  for await (const result of callCommand<EvaluationResult>(call, options)) results.push(result);
  return results[0] as EvaluationResult;
}

function operandsOf(checkpoint: string | undefined): string[] {
  return checkpoint === undefined ? [] : [checkpoint];
}

/** Loaded when something is called, as TensorFlow.js takes its time. */
function modules() {
  return Promise.all([import('./call.ts'), import('./options.ts')]);
}
