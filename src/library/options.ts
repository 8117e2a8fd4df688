/** The options of the library's calls: those of the command line, by their names in its tables. */
import { evalOptions } from '../config/commands.ts';
import { sampleOptions } from '../config/sample.ts';
import { trainOptions } from '../config/train-options.ts';
import type { GivenOptions, OptionTable } from '../option-table.ts';

/** Those that say how a command shows what it finds, or that ask a person, have no meaning here. */
const { findLearningRate: _find, json: _json, quiet: _quiet, ...trainTable } = trainOptions;
const { interactive: _interactive, raw: _raw, json: _lines, ...sampleTable } = sampleOptions;
const { perplexity: _one, perToken: _each, json: _object, ...evaluateTable } = evalOptions;

export { evaluateTable, sampleTable, trainTable };

/** Whatever is undefined is not given. */
type Given<Table extends OptionTable> = {
  [Name in keyof GivenOptions<Table>]: GivenOptions<Table>[Name] | undefined;
};

export type TrainOptions = Given<typeof trainTable>;
export type SampleOptions = Given<typeof sampleTable>;
export type EvaluateOptions = Given<typeof evaluateTable>;
